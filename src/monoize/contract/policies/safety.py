"""What a level of safety demands of an action, whatever policies say: they can only demand more.

Where the policies themselves cannot be asked, what changes the world is refused.
"""

from typing import Final, Literal

import msgspec

from monoize.contract.policies.words import SEVERITIES, Severity

SafetyLevel = Literal["strict", "moderate", "permissive"]
SAFETY_LEVELS: Final[tuple[SafetyLevel, ...]] = ("permissive", "moderate", "strict")
"""The loosest first."""

Deed = Literal["read", "write_sandbox", "write_production", "drastic"]
"""Drastic is what runs a shell, deletes, deploys or spends."""

RISK_UNKNOWN: Final[Severity] = "high"
"""Of a tool that nobody has judged."""


class Floor(msgspec.Struct, frozen=True):
    """`approvers` people have to say yes; none are needed where it is 0."""

    approvers: int = 0
    dry_run: bool = False
    denied: bool = False
    warns: bool = False


_ALLOWED: Final = Floor()
_DENIED: Final = Floor(denied=True)


def floor(level: SafetyLevel, deed: Deed, risk: Severity = RISK_UNKNOWN) -> Floor:
    above_medium = _rank(risk) > _rank("medium")
    match level, deed:
        case _, "read":
            return _ALLOWED
        case "strict", "write_sandbox":
            return Floor(approvers=1)
        case "strict", "write_production":
            return Floor(approvers=1, dry_run=True)
        case "strict", _:
            return Floor(approvers=2 if risk == "critical" else 1)
        case "moderate", "write_sandbox":
            return Floor(approvers=1 if above_medium else 0)
        case "moderate", _:
            return Floor(approvers=1)
        case _, "write_production":
            return Floor(approvers=1 if above_medium else 0)
        case _, "drastic":
            return Floor(approvers=1 if risk == "critical" else 0)
    return _ALLOWED


def floor_without_policies(level: SafetyLevel, deed: Deed, risk: Severity = RISK_UNKNOWN) -> Floor:
    """While what decides about policies is away."""
    match level:
        case "strict":
            return _DENIED
        case "moderate":
            return _ALLOWED if deed == "read" else _DENIED
    return _DENIED if risk == "critical" else Floor(warns=True)


def strictest_level(*levels: SafetyLevel) -> SafetyLevel:
    return max(levels, key=SAFETY_LEVELS.index)


def _rank(risk: Severity) -> int:
    return SEVERITIES.index(risk)
