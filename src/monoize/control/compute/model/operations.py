"""Operations as values: what is under way on a machine, step by step, and which wish may follow which. Pure.

An operation is what somebody wants of one machine, written down before anything is done about it. A machine has one
open operation at most; a new wish replaces the open one, and waits until whoever works on that has let go.
"""

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Final, Literal

from monoize.control.compute.errors import MachineState
from monoize.control.compute.model.machine import Desired, MachineStateName

OperationKind = Literal["create", "start", "stop", "restart", "update", "destroy"]
OperationState = Literal["queued", "running", "done", "failed", "replaced"]
StepName = Literal["create", "update", "start", "stop", "restart", "boot", "halt", "health", "destroy", "vanish"]
StepState = Literal["running", "done", "failed"]

OPEN: Final[frozenset[OperationState]] = frozenset({"queued", "running"})
DESIRED_BY: Final[dict[OperationKind, Desired]] = {
    "create": "running",
    "start": "running",
    "restart": "running",
    "update": "running",
    "stop": "stopped",
    "destroy": "destroyed",
}
TAKES_MOST: Final[dict[OperationKind, dt.timedelta]] = {
    "create": dt.timedelta(minutes=15),
    "start": dt.timedelta(minutes=10),
    "stop": dt.timedelta(minutes=10),
    "restart": dt.timedelta(minutes=10),
    "update": dt.timedelta(minutes=15),
    "destroy": dt.timedelta(minutes=30),
}
"""Providers that are slower than this are as good as broken; what is left over is reconciled."""
_OF_A_WHOLE_ONE: Final[frozenset[OperationKind]] = frozenset({"start", "stop", "restart", "update", "destroy"})
_WISHES: Final[dict[MachineStateName, frozenset[OperationKind]]] = {
    "provisioning": frozenset({"create", "destroy"}),
    "running": _OF_A_WHOLE_ONE,
    "stopped": _OF_A_WHOLE_ONE,
    "destroyed": frozenset({"destroy"}),
}
LEASE: Final = dt.timedelta(seconds=15)
_FIRST_PAUSE_S: Final = 1.0
_PAUSE_MOST_S: Final = 60.0


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    name: StepName
    state: StepState
    detail: str | None
    error: str | None
    started_at: dt.datetime
    ended_at: dt.datetime | None


@dataclasses.dataclass(frozen=True, slots=True)
class Operation:
    """`undoing`: it failed, and what it had made is being taken away again."""

    id: str
    kind: OperationKind
    vps_id: str
    agent_id: str | None
    user_id: str
    state: OperationState
    requested_by: str
    undoing: bool
    attempt: int
    error: str | None
    deadline: dt.datetime
    created_at: dt.datetime
    started_at: dt.datetime | None
    ended_at: dt.datetime | None

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


@dataclasses.dataclass(frozen=True, slots=True)
class OperationInSteps(Operation):
    steps: Sequence[Step] = ()


def check_wish(kind: OperationKind, state: MachineStateName) -> None:
    """Whether a machine in this state can be asked for this at all."""
    if kind not in _WISHES[state]:
        raise MachineState(state=state)


def pause_s(attempt: int, asked_s: float | None = None) -> float:
    """How long to leave a provider alone after so many attempts in vain, or as long as it asks for."""
    doubled: float = min(_FIRST_PAUSE_S * 2 ** min(attempt, 10), _PAUSE_MOST_S)
    return doubled if asked_s is None else min(max(asked_s, doubled), 10 * _PAUSE_MOST_S)
