"""How pages speak of MCP services, their tools and calls. Pure."""

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from monoize.control.mcp.model.calls import Decision, Status, UseOfTool
from monoize.control.mcp.model.services import Approval, Health, ToolState


class Said(NamedTuple):
    """A word and the tone of its dot."""

    text: str
    tone: str


class Use(NamedTuple):
    """Of one tool, all days together."""

    service_name: str
    tool: str
    calls: int
    failed: int
    blocked: int
    response_bytes: int
    mean_ms: float | None


HEALTH: Final[Mapping[Health, Said]] = {
    "unknown": Said("not looked at yet", "off"),
    "healthy": Said("answers", "good"),
    "unhealthy": Said("does not answer", "bad"),
}
STATES: Final[Mapping[ToolState, Said]] = {
    "active": Said("accepted", "good"),
    "new": Said("new, waits for a yes", "warn"),
    "drifted": Said("changed since it was accepted", "bad"),
    "gone": Said("not offered any more", "warn"),
}
APPROVALS: Final[Sequence[tuple[Approval, str]]] = (
    ("writes", "For tools that write"),
    ("always", "For every call"),
    ("never", "Never"),
)
DECISIONS: Final[Mapping[Decision, Said]] = {
    "allowed": Said("allowed", "good"),
    "approved": Said("approved by people", "good"),
    "denied": Said("denied", "bad"),
    "approval_required": Said("needs an approval", "warn"),
}
ENDS: Final[Mapping[Status, Said]] = {
    "started": Said("under way, or its end was not seen", "busy"),
    "ok": Said("answered", "good"),
    "error": Said("failed", "bad"),
    "timeout": Said("took too long", "bad"),
    "blocked": Said("not sent", "off"),
    "cancelled": Said("cancelled", "off"),
    "unreachable": Said("not reached", "bad"),
}


def description_of(definition: Mapping[str, Any] | None) -> str:
    """What a tool says of itself, if it says anything; a server may send what it likes."""
    said = (definition or {}).get("description")
    return said if isinstance(said, str) else ""


def definition_lines(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """For `ui.diff`: how a server described a tool, and how it does now, line by line."""
    was, now = ([] if each is None else definition_text(each).splitlines() for each in (before, after))
    return [(line[0], line[2:]) for line in difflib.ndiff(was, now) if line[0] != "?"]


def definition_text(definition: Mapping[str, Any]) -> str:
    return json.dumps(definition, indent=2, ensure_ascii=False, sort_keys=True)


def added_up(days: Iterable[UseOfTool]) -> list[Use]:
    """The tools that were called most, first."""
    sums: dict[tuple[str, str], list[int]] = {}
    for day in days:
        sum = sums.setdefault((day.service_name, day.tool), [0] * 5)
        for place, number in enumerate((day.calls, day.failed, day.blocked, day.response_bytes, day.latency_ms)):
            sum[place] += number
    found = [
        Use(service, tool, calls, failed, blocked, size, ms / (calls - blocked) if calls > blocked else None)
        for (service, tool), (calls, failed, blocked, size, ms) in sums.items()
    ]
    return sorted(found, key=lambda use: (-use.calls, use.service_name, use.tool))
