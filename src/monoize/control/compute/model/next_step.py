"""What an operation does next, given what its provider says of the machine. Pure; the runner asks before each step.

It knows nothing but the steps that were done: whoever takes an operation over after a crash asks the provider, asks
here, and goes on. So a machine is made only where there is none, and called gone only when its provider says so.
"""

import dataclasses
from collections.abc import Collection
from typing import Final, Literal

from monoize.control.compute.model.machines import Power
from monoize.control.compute.model.operations import OperationKind, StepName

VANISHED: Final = "the machine is gone at its provider"
ENDED_ITSELF: Final = "the machine was started and has stopped by itself"

DoStep = Literal["create", "update", "start", "stop", "restart", "destroy"]
AwaitedStep = Literal["boot", "halt", "vanish"]


@dataclasses.dataclass(frozen=True, slots=True)
class Do:
    """Ask the provider for it."""

    step: DoStep


@dataclasses.dataclass(frozen=True, slots=True)
class Wait:
    """Look again in a moment."""

    step: AwaitedStep


@dataclasses.dataclass(frozen=True, slots=True)
class Probe:
    """Ask the agent on the machine whether it is well."""


@dataclasses.dataclass(frozen=True, slots=True)
class Finish:
    """Done. Had it been undoing, then it has failed and left nothing behind."""


@dataclasses.dataclass(frozen=True, slots=True)
class GiveUp:
    because: str


Next = Do | Wait | Probe | Finish | GiveUp


@dataclasses.dataclass(frozen=True, slots=True)
class Standing:
    """Where an operation stands. `settled`: its last step was asked for long enough ago to show an effect."""

    kind: OperationKind
    undoing: bool
    done: Collection[StepName]
    settled: bool


def next_step(standing: Standing, power: Power) -> Next:
    if standing.undoing or standing.kind == "destroy":
        return _towards_gone(standing, power)
    if power == "gone":
        return _without_machine(standing)
    if standing.kind == "stop":
        return _towards_stopped(standing, power)
    return _towards_running(standing, power)


def _towards_gone(standing: Standing, power: Power) -> Next:
    # Also where it seems to be gone: a request to make it may have been on its way when its worker died.
    if "destroy" not in standing.done:
        return Do("destroy")
    return Finish() if power == "gone" else Wait("vanish")


def _without_machine(standing: Standing) -> Next:
    if standing.kind == "create" and "create" not in standing.done:
        return Do("create")
    if standing.kind == "update" and "update" not in standing.done:
        return Do("update")
    return GiveUp(VANISHED) if standing.settled else Wait("boot")


def _towards_stopped(standing: Standing, power: Power) -> Next:
    if power == "stopped":
        return Finish()
    return Wait("halt") if "stop" in standing.done else Do("stop")


def _towards_running(standing: Standing, power: Power) -> Next:
    if standing.kind in ("restart", "update") and standing.kind not in standing.done:
        return Do(standing.kind)
    match power:
        case "running":
            return Finish() if "health" in standing.done else Probe()
        case "stopped" if "start" not in standing.done:
            return Do("start")
        case "stopped" if standing.settled:
            return GiveUp(ENDED_ITSELF)
        case _:
            return Wait("boot")
