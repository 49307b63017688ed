"""A body without one of its members."""

from monoize.contract.transforms.settings import RemoveField
from monoize.gateway.protocol.urp import Json


def edited(body: Json, config: RemoveField) -> Json:
    return _without(body, config.path)


def _without(holder: Json, path: str) -> Json:
    first, _, rest = path.partition(".")
    if not rest:
        return {name: value for name, value in holder.items() if name != first}
    inner = holder.get(first)
    return {**holder, first: _without(inner, rest)} if isinstance(inner, dict) else holder
