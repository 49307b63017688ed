"""What an operation's steps say to whoever takes it over or looks again: what was done, what was cut off. Pure."""

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Final

from monoize.control.compute.model.machine import MachineStateName
from monoize.control.compute.model.machines import Power
from monoize.control.compute.model.next_step import Next, Standing, Wait
from monoize.control.compute.model.operations import OperationInSteps, OperationKind, Step, StepName, StepState

INTERRUPTED: Final = "interrupted"
_AWAITED: Final[frozenset[StepName]] = frozenset({"boot", "halt", "vanish", "health"})


@dataclasses.dataclass(frozen=True, slots=True)
class Patience:
    """`settled_after`: a provider that has just been asked may still tell of the time before."""

    settled_after: dt.timedelta = dt.timedelta(seconds=10)
    health_most: dt.timedelta = dt.timedelta(seconds=90)
    look_least_s: float = 0.1
    look_most_s: float = 3.0

    def look_again_s(self, since: dt.datetime, now: dt.datetime) -> float:
        """Soon at first, then seldom."""
        return min(max((now - since).total_seconds() / 4, self.look_least_s), self.look_most_s)


@dataclasses.dataclass(frozen=True, slots=True)
class Cut:
    """How a step ends that was under way when its worker died."""

    position: int
    state: StepState
    error: str | None


def cut_off(steps: Sequence[Step], power: Power) -> Sequence[Cut]:
    """Whether a call got through nobody knows; if the machine is there, then the one that makes it did."""
    return [
        Cut(position, "done", None)
        if step.name == "create" and power != "gone"
        else Cut(position, "failed", INTERRUPTED)
        for position, step in enumerate(steps)
        if step.state == "running" and step.name not in _AWAITED
    ]


def awaited(steps: Sequence[Step]) -> tuple[int, Step] | None:
    """The step that waits for something, if one does."""
    found = [(at, step) for at, step in enumerate(steps) if step.state == "running" and step.name in _AWAITED]
    return found[-1] if found else None


def standing(
    operation: OperationInSteps,
    now: dt.datetime,
    *,
    is_stale: bool,
    can_update: bool,
    patience: Patience,
) -> Standing:
    """A health check counts whatever it came to: a machine that is not well is told of, not taken away."""
    done = {step.name for step in operation.steps if step.state == "done"}
    done |= {step.name for step in operation.steps if step.name == "health" and step.ended_at is not None}
    asked = [step.ended_at for step in operation.steps if step.name not in _AWAITED and step.ended_at is not None]
    settled = not asked or now - max(asked) >= patience.settled_after
    kind = _kind_now(operation.kind, is_stale and "update" not in done, can_update)
    return Standing("update" if "update" in done else kind, operation.undoing, frozenset(done), settled)


def _kind_now(kind: OperationKind, is_stale: bool, can_update: bool) -> OperationKind:
    """What comes up gets the environment that its agent has now, where its provider can do that."""
    match kind:
        case "start" | "restart" if is_stale and can_update:
            return "update"
        case "update" if not can_update:
            return "start"
        case _:
            return kind


def is_over(step: Step, following: Next) -> bool:
    """Whether what a step waited for has come."""
    return step.name != "health" and not (isinstance(following, Wait) and following.step == step.name)


def state_after(state: MachineStateName, power: Power) -> MachineStateName:
    """What is known of a machine once its provider has been asked. Being gone is for the operation to conclude."""
    match power:
        case "running" if state != "destroyed":
            return "running"
        # A machine that was made a moment ago has yet to be started.
        case "stopped" if state == "running":
            return "stopped"
        case _:
            return state
