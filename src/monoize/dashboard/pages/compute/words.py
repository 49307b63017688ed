"""How pages speak of machines and of what is under way on them. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from monoize.control.compute.model.machine import MachineStateName
from monoize.control.compute.model.operations import Operation, OperationInSteps, OperationKind, StepName
from monoize.control.compute.model.shown import ShownMachine


class Status(NamedTuple):
    """A word and the tone of its dot."""

    text: str
    tone: str


STATES: Final[Mapping[MachineStateName, Status]] = {
    "provisioning": Status("being made", "busy"),
    "running": Status("running", "good"),
    "stopped": Status("stopped", "off"),
    "destroyed": Status("destroyed", "off"),
}
_ON_ITS_WAY: Final = {
    "running": Status("starting", "busy"),
    "stopped": Status("stopping", "busy"),
    "destroyed": Status("being destroyed", "busy"),
}
_STOPPED_BY: Final = {"user": "by its owner", "admin": "by an administrator", "limit": "at the limit of the plan"}
_KINDS: Final[Mapping[OperationKind, str]] = {
    "create": "Make the machine",
    "start": "Start",
    "stop": "Stop",
    "restart": "Restart",
    "update": "Give it its new token",
    "destroy": "Destroy",
}
_STEPS: Final[Mapping[StepName, str]] = {
    "create": "Ask the provider for it",
    "update": "Change its environment",
    "start": "Ask it to start",
    "stop": "Ask it to stop",
    "restart": "Ask it to restart",
    "boot": "Wait until it runs",
    "halt": "Wait until it has stopped",
    "health": "Ask the agent whether it is well",
    "destroy": "Ask for its end",
    "vanish": "Wait until it is gone",
}
_USUAL: Final[Mapping[OperationKind, Sequence[StepName]]] = {
    "create": ("create", "boot", "health"),
    "start": ("start", "boot", "health"),
    "stop": ("stop", "halt"),
    "restart": ("restart", "boot", "health"),
    "update": ("update", "boot", "health"),
    "destroy": ("destroy", "vanish"),
}
_OPERATION_STATES: Final = {
    "queued": Status("waiting", "busy"),
    "running": Status("under way", "busy"),
    "done": Status("done", "good"),
    "failed": Status("failed", "bad"),
    "replaced": Status("replaced", "off"),
}


def machine_status(machine: ShownMachine) -> Status:
    """What is wanted comes first where it is not so yet; then what the provider says."""
    if machine.state == "destroyed" and machine.error:
        return Status("could not be made", "bad")
    if machine.state == "provisioning" or machine.state == machine.desired:
        if machine.state == "running" and machine.observed == "unknown":
            return Status("running, not confirmed", "warn")
        return STATES[machine.state] if machine.desired != "destroyed" else _settled(machine)
    return _ON_ITS_WAY[machine.desired]


def _settled(machine: ShownMachine) -> Status:
    return STATES["destroyed"] if machine.state == "destroyed" else _ON_ITS_WAY["destroyed"]


def stopped_by(machine: ShownMachine) -> str:
    return _STOPPED_BY[machine.stopped_by] if machine.stopped_by else ""


def operation_title(operation: Operation) -> str:
    return _KINDS[operation.kind]


def operation_status(operation: Operation) -> Status:
    if operation.undoing and operation.is_open:
        return Status("failed, being undone", "bad")
    return _OPERATION_STATES[operation.state]


def steps_of(operation: OperationInSteps) -> Sequence[tuple[str, str]]:
    """Each step once, as it stands, in pairs for `ui.steps`; and of an open operation those that usually follow."""
    states: dict[StepName, str] = {}
    for step in operation.steps:
        states[step.name] = {"running": "now", "done": "done", "failed": "failed"}[step.state]
    if operation.is_open and not operation.undoing:
        for name in _USUAL[operation.kind]:
            states.setdefault(name, "later")
    return [(_STEPS[name], state) for name, state in states.items()]
