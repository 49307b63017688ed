"""What a deployment is, and what comes next in it: a machine of states that decides and does nothing.

`pending → pulling → starting → probing → switching → draining → retiring → live`, or it ends as `failed` (the
release before it serves on) or as `rolled_back` (it served, and was replaced again by the one before). The worker
asks `next_step`, takes that step, and writes down where it led; a step may be taken again after a crash.
"""

import dataclasses
import datetime as dt
import enum
from collections.abc import Mapping
from typing import Any, Final, Literal

from monoize.control.projects.model.config import ServiceConfig

Status = Literal[
    "pending",
    "pulling",
    "starting",
    "probing",
    "switching",
    "draining",
    "retiring",
    "live",
    "failed",
    "rolled_back",
]
Kind = Literal["deploy", "redeploy", "rollback"]
Outcome = Literal["failed", "rolled_back"]

FINAL: Final = frozenset[Status]({"live", "failed", "rolled_back"})
FOLLOWS: Final[Mapping[Status, frozenset[Status]]] = {
    "pending": frozenset({"pulling", "failed"}),
    "pulling": frozenset({"starting", "failed"}),
    "starting": frozenset({"probing", "failed"}),
    "probing": frozenset({"switching", "failed"}),
    "switching": frozenset({"draining", "failed"}),
    "draining": frozenset({"retiring", "rolled_back", "failed"}),
    "retiring": frozenset({"live"}),
    "live": frozenset(),
    "failed": frozenset(),
    "rolled_back": frozenset(),
}
DEADLINE: Final = dt.timedelta(minutes=30)
UNDOING_FOR: Final = dt.timedelta(minutes=10)
"""How long after its deadline a deployment still tries to clean up; then what is left is the reconciler's."""

TAKEOVERS_MOST: Final = 10
"""A deployment that so many workers have died of is given up."""

PAUSE_LEAST: Final = dt.timedelta(seconds=1)
PAUSE_MOST: Final = dt.timedelta(seconds=30)


class Step(enum.Enum):
    BEGIN = "begin"
    PULL = "pull"
    START = "start"
    PROBE = "probe"
    SWITCH = "switch"
    SOAK = "soak"
    RETIRE = "retire"
    FINISH = "finish"
    """The old release could not be removed in time; the new one serves, so this is a success all the same."""
    UNDO = "undo"
    ABANDON = "abandon"
    """What was made could not be cleaned up in time either."""
    REST = "rest"


@dataclasses.dataclass(frozen=True, slots=True)
class Failure:
    """Why a deployment did not succeed: a stable code, and a line for people."""

    code: str
    message: str


@dataclasses.dataclass(frozen=True, slots=True)
class Deployment:
    id: int
    project_id: int
    service_id: int
    kind: Kind
    status: Status
    image: str
    release_id: int | None
    previous_release_id: int | None
    build_id: int | None
    reason: str | None
    requested_by: str | None
    outcome: Outcome | None
    error_code: str | None
    error: str | None
    evidence: Mapping[str, Any] | None
    cancel_requested: bool
    waits: bool
    takeovers: int
    attempts: int
    deadline_at: dt.datetime | None
    soak_until: dt.datetime | None
    created_at: dt.datetime
    started_at: dt.datetime | None
    finished_at: dt.datetime | None

    @property
    def is_over(self) -> bool:
        return self.status in FINAL


_FORWARD: Final[Mapping[Status, Step]] = {
    "pending": Step.BEGIN,
    "pulling": Step.PULL,
    "starting": Step.START,
    "probing": Step.PROBE,
    "switching": Step.SWITCH,
    "draining": Step.SOAK,
    "retiring": Step.RETIRE,
}


def next_step(deployment: Deployment, now: dt.datetime) -> Step:
    """What a worker does now. Whatever ends early says so by an outcome first, and is cleaned up by UNDO."""
    if deployment.is_over:
        return Step.REST
    is_late = deployment.deadline_at is not None and now >= deployment.deadline_at
    if deployment.outcome is not None:
        assert deployment.deadline_at is not None
        return Step.ABANDON if now >= deployment.deadline_at + UNDOING_FOR else Step.UNDO
    if deployment.status == "retiring" and is_late:
        return Step.FINISH
    return _FORWARD[deployment.status]


def interruption(deployment: Deployment, now: dt.datetime) -> Failure | None:
    """Why a deployment must not go on, if it must not, before anything went wrong by itself."""
    if deployment.is_over or deployment.outcome is not None or deployment.status == "retiring":
        return None
    if deployment.cancel_requested:
        return Failure("cancelled", "cancelled")
    if deployment.takeovers > TAKEOVERS_MOST:
        return Failure("interrupted", f"the server stopped {deployment.takeovers} times while this was under way")
    is_late = deployment.deadline_at is not None and now >= deployment.deadline_at
    # Once it serves, only its probes decide: going back because of the clock would be harm without a reason.
    if is_late and deployment.status != "draining":
        return Failure("deadline", f"not finished in time, while {deployment.status}")
    return None


def outcome_of(deployment: Deployment) -> Outcome:
    """How it ends when it goes wrong now. Only what has served can be rolled back, and only to what was before."""
    has_served = deployment.status == "draining" and deployment.previous_release_id is not None
    return "rolled_back" if has_served else "failed"


def may_cancel(deployment: Deployment) -> bool:
    return not deployment.is_over and deployment.outcome is None and deployment.status != "retiring"


def moved(deployment: Deployment, to: Status) -> Status:
    """`to`, which must follow; anything else is a mistake in the program."""
    if to not in FOLLOWS[deployment.status]:
        raise AssertionError(f"a deployment does not go from {deployment.status} to {to}")
    return to


def pause_after(attempts: int) -> dt.timedelta:
    """How long to wait when a neighbour (the engine, nginx) was away, after so many times in a row."""
    return min(PAUSE_MOST, PAUSE_LEAST * (1 << min(attempts, 10)))


def runs_beside(new: ServiceConfig, old: ServiceConfig) -> bool:
    """Whether two releases can run at once: a fixed port of the machine has one owner, so has data that is written.

    Where they cannot, the old one is stopped before the new one starts: that is a gap, and people are told so.
    """
    written = {volume.source for volume in new.volumes if not volume.read_only}
    shares_data = any(volume.source in written for volume in old.volumes)
    return not (shares_data or (new.is_host_bound and old.is_host_bound))


@dataclasses.dataclass(frozen=True, slots=True)
class Soak:
    """What was seen of a release since it serves."""

    failures_in_row: int = 0
    successes: int = 0


Verdict = Literal["wait", "keep", "go_back"]
SOAK_FAILURES_MOST: Final = 3


def seen(soak: Soak, *, healthy: bool) -> Soak:
    if healthy:
        return Soak(0, soak.successes + 1)
    return Soak(soak.failures_in_row + 1, soak.successes)


def judged(soak: Soak, now: dt.datetime, until: dt.datetime) -> Verdict:
    """After the window a release that is failing just now is not yet kept: its next probes decide."""
    if soak.failures_in_row >= SOAK_FAILURES_MOST:
        return "go_back"
    return "keep" if now >= until and soak.failures_in_row == 0 else "wait"
