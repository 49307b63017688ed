"""A rule for requests and answers on their way, as keys, providers and the whole house have them.

It is checked when it enters, down to the configuration of its transform. What is wrong is said with its name.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec
from pydantic import AfterValidator, Field, model_serializer, model_validator

from monoize.contract.transforms.catalogue import CATALOGUE, canonical, written_rule
from monoize.contract.transforms.rule import Phase, Rule
from monoize.control.edge.wire import STORABLE, Wire

RULES_MOST: Final = 64
CONFIG_CHARS_MOST: Final = 65_536
_MODELS_MOST: Final = 64
_NUL: Final = "\\u0000"

ModelGlob = Annotated[str, Field(min_length=1, max_length=191, pattern=r"^\S+$"), STORABLE]


@dataclasses.dataclass(frozen=True, slots=True)
class TransformRule:
    """Holds for the models whose names match one of the globs; without any, for all of them."""

    transform: str
    phase: Phase
    enabled: bool
    models: tuple[str, ...]
    config: Mapping[str, Any] = dataclasses.field(hash=False)


class RuleGiven(Wire):
    """`phase` can be left away where a transform has one only; /api/transforms has the schema of each `config`."""

    transform: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]
    phase: Phase | None = None
    enabled: bool = True
    models: Annotated[list[ModelGlob], Field(max_length=_MODELS_MOST)] = []
    config: dict[str, Any] = {}

    @model_validator(mode="after")
    def _check(self) -> "RuleGiven":
        _check_size(self.transform, self.config)
        self._rule()
        return self

    @model_serializer
    def _stored(self) -> dict[str, Any]:
        return stored(self.value())

    def value(self) -> TransformRule:
        phase = self._rule().phase
        return TransformRule(canonical(self.transform), phase, self.enabled, tuple(self.models), self.config)

    def _rule(self) -> Rule:
        return written_rule(self.transform, self.phase, self.models, self.config)


def _check_size(name: str, config: Mapping[str, Any]) -> None:
    try:
        text = json.dumps(config, allow_nan=False)
        msgspec.json.encode(config)
    except (ValueError, RecursionError):
        raise ValueError(f"{name}: its config cannot be written as JSON") from None
    if len(text) > CONFIG_CHARS_MOST:
        raise ValueError(f"{name}: its config has more than {CONFIG_CHARS_MOST} characters")
    if _NUL in text:
        raise ValueError(f"{name}: its config has NUL characters")


def _for_a_key(rule: RuleGiven) -> RuleGiven:
    if CATALOGUE[canonical(rule.transform)].reach == "no_key":
        raise ValueError(f"{rule.transform}: is for providers and for everything, not for keys")
    return rule


KeyRule = Annotated[RuleGiven, AfterValidator(_for_a_key)]
KeyRules = Annotated[list[KeyRule], Field(max_length=RULES_MOST)]


def stored(rule: TransformRule) -> dict[str, Any]:
    return dataclasses.asdict(rule)


def read(rules: Sequence[Mapping[str, Any]]) -> tuple[TransformRule, ...]:
    """As they are stored."""
    return tuple(
        TransformRule(rule["transform"], rule["phase"], rule["enabled"], tuple(rule["models"]), rule["config"])
        for rule in rules
    )


def in_force(rules: Sequence[TransformRule]) -> tuple[Rule, ...]:
    """ValueError for one that nobody could have stored like this."""
    return tuple(
        written_rule(rule.transform, rule.phase, rule.models, rule.config) for rule in rules if rule.enabled
    )


def needs_administrator(rule: Rule) -> bool:
    """Whether it may be on keys of administrators only."""
    return rule.config.reach != "every_key"
