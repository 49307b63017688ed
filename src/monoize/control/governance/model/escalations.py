"""What people are called for: agents that broke down, and the same failure again and again. Pure."""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal

Event = Literal["health_failed", "run_failed"]
Reason = Literal["low_confidence", "execution_failure", "timeout", "complexity", "user_requested", "recovery"]
Alike = Literal["error", "tool", "model"]

WITHIN: Final = dt.timedelta(hours=1)
MOST: Final[Mapping[Alike, int]] = {"error": 5, "tool": 3, "model": 5}
"""So many failures alike within WITHIN are too many."""
SUBJECT_CHARS_MOST: Final = 191


@dataclasses.dataclass(frozen=True, slots=True)
class Failures:
    """So many of an agent that have something in common: their error, their tool, or their model."""

    agent_id: str
    alike: Alike
    name: str
    count: int


@dataclasses.dataclass(frozen=True, slots=True)
class Escalation:
    id: str
    tenant_id: str
    agent_id: str
    event: Event
    reason: Reason
    subject: str
    detail: str
    acknowledged_at: dt.datetime | None
    acknowledged_by: str | None
    created_at: dt.datetime


def too_many(found: Iterable[Failures]) -> Iterator[Failures]:
    counts: dict[tuple[str, Alike, str], int] = {}
    for each in found:
        key = each.agent_id, each.alike, each.name
        counts[key] = counts.get(key, 0) + each.count
    for (agent_id, alike, name), count in counts.items():
        if count >= MOST[alike]:
            yield Failures(agent_id, alike, name, count)


def subject_of(failures: Failures) -> str:
    return f"{failures.alike} {failures.name}"[:SUBJECT_CHARS_MOST]


def reason_of(failures: Failures) -> Reason:
    return "timeout" if failures.alike == "error" and "timeout" in failures.name else "execution_failure"
