"""Where what is in force comes from: value by value, which levels say something of it. Pure."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from monoize.contract.policies.catalogue import NAMES, PolicyName
from monoize.contract.policies.effective import EffectivePolicy
from monoize.control.governance.model.records import AgentRecord

_OUTER: Final = "/outer"
"""Of rules for tools: what all levels but the nearest say."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """A value in force. Without levels it is the default that holds where nobody says anything."""

    pointer: str
    value: Any
    levels: Sequence[AgentRecord]


@dataclasses.dataclass(frozen=True, slots=True)
class InForce:
    """One policy: what somebody says of it, and the rest, which is as it is by default."""

    name: PolicyName
    said: Sequence[Rule]
    defaults: Sequence[Rule]
    in_shadow: bool


def in_force(policy: EffectivePolicy, levels: Sequence[AgentRecord]) -> list[InForce]:
    return [_in_force(policy, levels, name) for name in NAMES]


def _in_force(policy: EffectivePolicy, levels: Sequence[AgentRecord], name: PolicyName) -> InForce:
    heard = [level for level in levels if name not in level.shadow_policies]
    values = msgspec.to_builtins(getattr(policy.policies, name))
    rules = [Rule(pointer, value, _levels(heard, name, pointer)) for pointer, value in leaves(values)]
    return InForce(
        name,
        [rule for rule in rules if rule.levels],
        [rule for rule in rules if not rule.levels],
        in_shadow=policy.trial is not None and name in policy.trial.names,
    )


def _levels(heard: Sequence[AgentRecord], name: PolicyName, pointer: str) -> list[AgentRecord]:
    if name == "tool_permissions_json" and pointer == _OUTER:
        return [level for level in heard[:-1] if level.policies[name]]
    return [level for level in heard if _says(level.policies[name], pointer)]


def _says(document: Any, pointer: str) -> bool:
    """Whether a document says something at this place, or within the list that stands there."""
    for name in pointer.split("/")[1:]:
        if not isinstance(document, Mapping) or _unescaped(name) not in document:
            return False
        document = document[_unescaped(name)]
    return bool(document) if pointer == "" else True


def leaves(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Lists are values: what is in them holds together."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from leaves(inner, f"{at}/{name.replace('~', '~0').replace('/', '~1')}")
    else:
        yield at, value


def _unescaped(name: str) -> str:
    return name.replace("~1", "/").replace("~0", "~")
