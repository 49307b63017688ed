"""What people ask of machines: to start, stop and restart, to get a new environment, to go. Each answers at once.

A wish is written down as what is wanted and as an operation; what is so already changes nothing and has none.
"""

import datetime as dt
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final, Literal

from monoize.base.principal import Principal
from monoize.control.compute.actions.operations import begin
from monoize.control.compute.actions.standings import check_may_run
from monoize.control.compute.errors import AgentWithoutMachine, NoSuchAgent, NoSuchMachine, UserHasMachines
from monoize.control.compute.model.machine import Machine, MachineStateName, StoppedBy
from monoize.control.compute.model.operations import DESIRED_BY, Operation, OperationKind, check_wish
from monoize.control.compute.model.shown import Asked, ShownMachine, shown
from monoize.control.compute.store import agents, machine_states, machines
from monoize.control.edge.wire import Page, Window
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx


async def list_machines(
    tx: Tx,
    window: Window,
    *,
    user_id: str | None,
    state: MachineStateName | None = None,
    containing: str | None = None,
) -> Page[ShownMachine]:
    found = await machines.page(tx, window, user_id=user_id, state=state, containing=containing)
    return window.page([shown(machine) for machine in found], lambda machine: machine.id)


async def shown_by_id(tx: Tx, ids: Collection[str]) -> Mapping[str, ShownMachine]:
    """For those who may see the agents on them."""
    return {id: shown(machine) for id, machine in (await machines.many(tx, ids)).items()}


async def machine_of(tx: Tx, caller: Principal, agent_id: str) -> str:
    """The machine of an agent, which whoever asks may move."""
    agent = await agents.get(tx, agent_id)
    if agent.user_id != caller.user_id and not caller.may("compute.write"):
        raise NoSuchAgent
    if agent.vps_id is None:
        raise AgentWithoutMachine
    return agent.vps_id


async def find(tx: Tx, caller: Principal, id: str, *, lock: bool = False, to_change: bool = False) -> Machine:
    """Of somebody else it is not there, unless the caller has the permission for everybody's."""
    machine = await machines.get(tx, id, lock=lock)
    if machine.user_id != caller.user_id and not caller.may("compute.write" if to_change else "compute.read"):
        raise NoSuchMachine
    return machine


async def check_has_none(tx: Tx, user_id: str) -> None:
    """Of a user whose row is locked: what is still at a provider would be nobody's."""
    if await machines.count_of(tx, user_id):
        raise UserHasMachines


def is_so_already(machine: Machine, kind: OperationKind) -> bool:
    """Whether asking for this would change nothing."""
    return kind in ("start", "stop", "destroy") and machine.state == machine.desired == DESIRED_BY[kind]


async def start(change: Change, id: str, now: dt.datetime) -> Asked:
    machine = await find(change.tx, change.call.principal, id, lock=True, to_change=True)
    await check_may_run(change.tx, machine.user_id, now)
    return await _ask(change, machine, "start", now)


async def restart(change: Change, id: str, now: dt.datetime) -> Asked:
    machine = await find(change.tx, change.call.principal, id, lock=True, to_change=True)
    await check_may_run(change.tx, machine.user_id, now)
    return await _ask(change, machine, "restart", now)


async def stop(change: Change, id: str, now: dt.datetime) -> Asked:
    machine = await find(change.tx, change.call.principal, id, lock=True, to_change=True)
    is_owner = machine.user_id == change.call.principal.user_id
    return await _ask(change, machine, "stop", now, stopped_by="user" if is_owner else "admin")


async def destroy(change: Change, id: str, now: dt.datetime) -> Asked:
    machine = await find(change.tx, change.call.principal, id, lock=True, to_change=True)
    return await _ask(change, machine, "destroy", now)


Verb = Literal["start", "stop", "restart", "destroy"]
VERBS: Final[Mapping[Verb, Callable[[Change, str, dt.datetime], Awaitable[Asked]]]] = {
    "start": start,
    "stop": stop,
    "restart": restart,
    "destroy": destroy,
}


async def wish(
    tx: Tx,
    machine: Machine,
    kind: OperationKind,
    *,
    requested_by: str,
    now: dt.datetime,
    stopped_by: StoppedBy | None = None,
) -> Operation | None:
    """For whoever records it: what is wanted of a locked machine from now on, and what was begun, if anything."""
    check_wish(kind, machine.state)
    if is_so_already(machine, kind):
        return None
    agent_id = await machines.agent_of(tx, machine.id)
    operation = await begin(tx, kind, machine, agent_id=agent_id, requested_by=requested_by, now=now)
    await machine_states.desire(tx, machine.id, DESIRED_BY[kind], stopped_by)
    return operation


async def refresh(tx: Tx, machine_id: str, *, requested_by: str, now: dt.datetime) -> Operation | None:
    """Give a machine the environment that its agent has now: at once if it runs, else when it starts again."""
    machine = await machines.find(tx, machine_id, lock=True)
    if machine is None or machine.state == "destroyed" or machine.desired == "destroyed":
        return None
    await machine_states.change(tx, machine.id, stale=True)
    if machine.state != "running" or machine.desired != "running":
        return None
    # Not the one that may be under way: that has the environment of before.
    agent_id = await machines.agent_of(tx, machine.id)
    return await begin(tx, "update", machine, agent_id=agent_id, requested_by=requested_by, now=now, afresh=True)


async def _ask(
    change: Change,
    machine: Machine,
    kind: OperationKind,
    now: dt.datetime,
    *,
    stopped_by: StoppedBy | None = None,
) -> Asked:
    label = change.call.principal.label
    operation = await wish(change.tx, machine, kind, requested_by=label, now=now, stopped_by=stopped_by)
    operation_id = operation.id if operation else None
    change.record(f"machine.{kind}", "machine", machine.id, name=machine.name, operation_id=operation_id)
    return Asked(shown(await machines.get(change.tx, machine.id)), operation)
