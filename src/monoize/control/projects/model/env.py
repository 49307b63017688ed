"""What a service finds in its environment: names, bounds, inheritance, and what of it may be shown. Pure.

Three layers, the later wins: the variables of its environment (with those that one inherits), the plain `env` of
the service, and the service's own secrets and variables.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from monoize.control.projects.errors import EnvironmentTooDeep, EnvironmentTooLarge, InheritanceCycle

KEY: Final = r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"
KEY_FORM: Final = re.compile(KEY)
VALUE_BYTES_MOST: Final = 32_768
KEYS_MOST: Final = 200
"""In one layer."""
EFFECTIVE_BYTES_MOST: Final = 262_144
"""Linux refuses to start a program with more than a few of these."""
DEPTH_MOST: Final = 5

MASK: Final = "******"
_SECRET_WORDS: Final = re.compile(r"password|passwd|secret|token|key|credential", re.IGNORECASE)

Layer = Literal["environment", "service", "secret"]


@dataclasses.dataclass(frozen=True, slots=True)
class NewValue:
    """As somebody sets it."""

    value: str = dataclasses.field(repr=False)
    is_secret: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Variable:
    """One name with its value, as a layer has it; `version` is None where values are not counted."""

    key: str
    value: str = dataclasses.field(repr=False)
    is_secret: bool
    layer: Layer
    origin: str
    version: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class ShownVariable:
    """As people see it: what is secret is masked, `overrides` says whose value it stands in for."""

    key: str
    value: str
    is_secret: bool
    layer: Layer
    origin: str
    version: int | None
    overrides: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class EffectiveEnv:
    """What a container is started with. Its values go to the engine and into sealed columns, nowhere else."""

    values: Mapping[str, str] = dataclasses.field(repr=False)
    versions: Mapping[str, int]
    secret_keys: frozenset[str]


def is_telling(key: str) -> bool:
    """Whether a name sounds as if a secret stood behind it; then its value is masked, wherever it came from."""
    return _SECRET_WORDS.search(key) is not None


def masked(key: str, value: str, *, is_secret: bool) -> str:
    return MASK if is_secret or is_telling(key) else value


def effective(layers: Sequence[Sequence[Variable]]) -> EffectiveEnv:
    winners = [variable for variable, _ in _winners(layers).values()]
    if sum(len(each.key) + len(each.value.encode()) + 2 for each in winners) > EFFECTIVE_BYTES_MOST:
        raise EnvironmentTooLarge(most_bytes=EFFECTIVE_BYTES_MOST)
    return EffectiveEnv(
        values={each.key: each.value for each in winners},
        versions={each.key: each.version for each in winners if each.version is not None},
        secret_keys=frozenset(each.key for each in winners if each.is_secret),
    )


def shown(layers: Sequence[Sequence[Variable]]) -> Sequence[ShownVariable]:
    return [
        ShownVariable(
            key=each.key,
            value=masked(each.key, each.value, is_secret=each.is_secret),
            is_secret=each.is_secret,
            layer=each.layer,
            origin=each.origin,
            version=each.version,
            overrides=beaten.origin if beaten else None,
        )
        for each, beaten in _winners(layers).values()
    ]


def lineage(parents: Mapping[int, int | None], start: int) -> Sequence[int]:
    """The environment itself and whom it inherits from, the farthest first, so that the nearest wins."""
    chain = [start]
    while (parent := parents.get(chain[-1])) is not None:
        if parent in chain:
            raise InheritanceCycle
        chain.append(parent)
        if len(chain) > DEPTH_MOST:
            raise EnvironmentTooDeep(most=DEPTH_MOST)
    return chain[::-1]


def _winners(layers: Sequence[Sequence[Variable]]) -> Mapping[str, tuple[Variable, Variable | None]]:
    found: dict[str, tuple[Variable, Variable | None]] = {}
    for layer in layers:
        for variable in layer:
            earlier = found.get(variable.key)
            found[variable.key] = (variable, earlier[0] if earlier else None)
    return dict(sorted(found.items()))
