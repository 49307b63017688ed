"""A body with one member more, or with another value of it. What stands in the way and is no object gives way."""

from monoize.contract.transforms.settings import SetField
from monoize.gateway.protocol.urp import Json


def edited(body: Json, config: SetField) -> Json:
    first, _, rest = config.path.partition(".")
    return {**body, first: _within(body.get(first), rest, config)}


def _within(value: object, path: str, config: SetField) -> object:
    if not path:
        return config.value
    first, _, rest = path.partition(".")
    holder = value if isinstance(value, dict) else {}
    return {**holder, first: _within(holder.get(first), rest, config)}
