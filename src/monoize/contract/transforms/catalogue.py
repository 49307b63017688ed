"""All transforms by name, and rules as they are written: read strictly, and ValueError says what is wrong."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from monoize.contract.transforms import caches, images, prompts, reasoning, settings
from monoize.contract.transforms.fields import check_path
from monoize.contract.transforms.rule import Config, Phase, Rule

_CAPITAL: Final = re.compile(r"(?<!^)(?=[A-Z])")


def name_of(kind: type[Config]) -> str:
    return _CAPITAL.sub("_", kind.__name__).lower()


CATALOGUE: Final[Mapping[str, type[Config]]] = {
    name_of(kind): kind
    for module in (reasoning, prompts, caches, images, settings)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Config) and kind is not Config
}


def canonical(name: str) -> str:
    """Names are taken with hyphens and capitals, too."""
    return name.replace("-", "_").lower()


def written_rule(name: str, phase: Phase | None, models: Sequence[str], config: Mapping[str, Any]) -> Rule:
    """Where a transform has one phase, that need not be said."""
    kind = CATALOGUE.get(canonical(name))
    if kind is None:
        raise ValueError(f"there is no transform {name}")
    if phase is None and len(kind.phases) > 1:
        raise ValueError(f"{name}: say in which phase, {' or '.join(kind.phases)}")
    wanted = phase or kind.phases[0]
    if wanted not in kind.phases:
        raise ValueError(f"{name}: has no {wanted} phase")
    try:
        told = msgspec.convert(config, kind)
    except msgspec.ValidationError as problem:
        raise ValueError(f"{name}: {problem}") from None
    if isinstance(told, settings.SetField | settings.RemoveField):
        check_path(name, told.path, wanted)
    return Rule(told, wanted, tuple(models))


def schema_of(kind: type[Config]) -> dict[str, Any]:
    """JSON Schema of what it is told."""
    schema = msgspec.json.schema(kind, ref_template="#/$defs/{name}")
    others = {name: found for name, found in schema["$defs"].items() if name != kind.__name__}
    own = {name: value for name, value in schema["$defs"][kind.__name__].items() if name != "description"}
    return own | ({"$defs": others} if others else {})
