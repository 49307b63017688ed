"""The documents of one policy that speak of a request: the one in force, and the one in shadow."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from monoize.contract.gates.decision import Decision
from monoize.contract.policies.catalogue import PolicyName
from monoize.contract.policies.effective import EffectivePolicy


def tried(
    policy: EffectivePolicy, name: PolicyName, judge: Callable[[Any], Sequence[Decision]]
) -> Sequence[Decision]:
    """What the document in force says, then what the one in shadow denies beside that."""
    in_force, in_shadow = policy.in_force(name), policy.in_shadow(name)
    said = judge(in_force) if in_force is not None else ()
    if in_shadow is None:
        return said
    denied = [each for each in judge(in_shadow) if each.verdict == "deny" and each not in said]
    return [*said, *map(shadowed, denied)]


def shadowed(decision: Decision) -> Decision:
    return msgspec.structs.replace(decision, verdict="would_deny")
