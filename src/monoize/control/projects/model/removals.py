"""The removal of a service or a project: asked for once, carried out until it is true, with evidence. Pure."""

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Final, Literal

RemovalKind = Literal["service", "project"]
RemovalState = Literal["waiting", "done"]
Outcome = Literal["removed", "absent", "kept", "failed", "forgotten"]

PAUSE_LEAST: Final = dt.timedelta(seconds=2)
PAUSE_MOST: Final = dt.timedelta(minutes=5)
EVIDENCE_MOST: Final = 500


@dataclasses.dataclass(frozen=True, slots=True)
class Evidence:
    """What became of one thing."""

    kind: str
    name: str
    outcome: Outcome
    detail: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Removal:
    id: int
    kind: RemovalKind
    project_id: int
    service_id: int | None
    name: str
    with_volumes: bool
    state: RemovalState
    evidence: Sequence[Evidence]
    error: str | None
    attempts: int
    next_at: dt.datetime
    requested_by: str
    created_at: dt.datetime
    ended_at: dt.datetime | None


def pause_after(attempts: int) -> dt.timedelta:
    """Longer and longer, up to a bound: an engine that is away may be away for a night."""
    seconds = min(PAUSE_LEAST.total_seconds() * 2 ** min(attempts, 20), PAUSE_MOST.total_seconds())
    return dt.timedelta(seconds=seconds)


def with_evidence(before: Sequence[Evidence], found: Sequence[Evidence]) -> Sequence[Evidence]:
    """One line for each thing: the latest, but that it was removed is not forgotten when it is absent later."""
    lines = {(one.kind, one.name): one for one in before}
    for one in found:
        key = (one.kind, one.name)
        if one.outcome == "absent" and key in lines and lines[key].outcome == "removed":
            continue
        lines[key] = one
    return list(lines.values())[:EVIDENCE_MOST]
