"""A machine for an agent: asked for, counted against the plan, written down before anything is done about it."""

import dataclasses
import datetime as dt

from monoize.base.ids import new_id
from monoize.control.compute.actions import agents as agent_verbs
from monoize.control.compute.actions.operations import begin
from monoize.control.compute.actions.standings import check_may_run, plan_of
from monoize.control.compute.errors import AgentDisabled, AgentHasMachine, LimitExceeded, NoPlan, NoSuchPreset
from monoize.control.compute.model.machine import Machine
from monoize.control.compute.model.operations import Operation
from monoize.control.compute.store import agents, deliveries, machines, plans, presets
from monoize.control.identity.actions import plans as users_plans
from monoize.infra.audit_log import Change


@dataclasses.dataclass(frozen=True, slots=True)
class Requested:
    """A machine that is being made, and the operation by which that can be followed."""

    machine: Machine
    operation: Operation


async def request_machine(change: Change, agent_id: str, *, vps_config_id: str, now: dt.datetime) -> Requested:
    """Of a preset that the plan of the agent's user includes, while there is room in it."""
    tx = change.tx
    agent = await agent_verbs.find(tx, change.call.principal, agent_id, to_change=True)
    # The lock on the user makes counting and adding one step, so that the limit holds under concurrency.
    await users_plans.hold(tx, agent.user_id)
    agent = await agents.get(tx, agent.id, lock=True)
    if agent.vps_id is not None:
        raise AgentHasMachine(machine_id=agent.vps_id)
    if not agent.enabled:
        raise AgentDisabled
    plan = await plan_of(tx, agent.user_id)
    if plan is None:
        raise NoPlan
    preset = await presets.get(tx, vps_config_id)
    if not await plans.includes(tx, plan.id, preset.id):
        raise NoSuchPreset
    if await machines.count_of(tx, agent.user_id) >= plan.max_vpses:
        raise LimitExceeded(limit="max_vpses", most=plan.max_vpses)
    await check_may_run(tx, agent.user_id, now)
    machine = await machines.add(
        tx,
        id=new_id(),
        user_id=agent.user_id,
        vps_config_id=preset.id,
        name=agent.name,
        provider=preset.provider,
        metered_at=now,
    )
    await agents.change(tx, agent.id, {"vps_id": machine.id})
    await deliveries.mark_all(tx, agent.id, now)
    operation = await begin(
        tx, "create", machine, agent_id=agent.id, requested_by=change.call.principal.label, now=now
    )
    change.record(
        "machine.create",
        "machine",
        machine.id,
        agent_id=agent.id,
        user_id=agent.user_id,
        preset=preset.name,
        provider=preset.provider,
        operation_id=operation.id,
    )
    return Requested(machine, operation)
