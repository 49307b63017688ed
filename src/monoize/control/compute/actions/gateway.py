"""Reaching an agent on its machine: where it is, what opens it, and what goes by, counted as bandwidth."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.base.principal import Principal
from monoize.control.compute.actions import agents
from monoize.control.compute.actions.accounting import settle
from monoize.control.compute.actions.standings import check_may_run
from monoize.control.compute.drivers.agent_gateway import Place
from monoize.control.compute.errors import AgentDisabled, AgentWithoutMachine, MachineState
from monoize.control.compute.model.overage import Usage, month_of
from monoize.control.compute.store import machines, usage
from monoize.control.governance.actions.effective import effective
from monoize.control.identity.actions import users
from monoize.infra.audit_log import Change
from monoize.infra.db import Database, Tx
from monoize.infra.sealed import Seal

log = structlog.get_logger(__name__)


async def place_of(tx: Tx, seal: Seal, caller: Principal, agent_id: str, now: dt.datetime) -> Place:
    """Of somebody else it is not there, unless the caller may change everybody's."""
    agent = await agents.find(tx, caller, agent_id, to_change=True)
    if not agent.enabled:
        raise AgentDisabled
    machine = await machines.find(tx, agent.vps_id) if agent.vps_id else None
    if machine is None:
        raise AgentWithoutMachine
    if machine.state != "running" or not machine.address:
        raise MachineState(state=machine.state)
    await check_may_run(tx, machine.user_id, now)
    return Place(machine.id, machine.address, await agents.token_of(tx, seal, agent.id))


async def blocked_methods(tx: Tx, caller: Principal, agent_id: str, usual: Sequence[str]) -> Sequence[str]:
    """Methods that nobody calls of this agent, as globs: those of every agent's, and those that its record denies.
    All of them where the record is not what was written."""
    agent = await agents.find(tx, caller, agent_id, to_change=True)
    if agent.config_id is None:
        return usual
    owner = await users.get_user(tx, agent.user_id)
    try:
        policy = await effective(tx, agent.config_id, for_tenant=owner.tenant_id)
    except Refusal as refusal:
        log.warning("gateway_closed", agent_id=agent.id, config_id=agent.config_id, code=refusal.code)
        return ("*",)
    return [*usual, *policy.policies.security_policy_json.gateway_methods_deny]


async def record_config(change: Change, agent_id: str, patch: Mapping[str, Any]) -> None:
    """Before it is pushed: what an agent was told is known even if nobody heard its answer."""
    agent = await agents.find(change.tx, change.call.principal, agent_id, to_change=True)
    change.record("agent.configure", "agent", agent.id, user_id=agent.user_id, changed=sorted(patch))


async def record_file(change: Change, agent_id: str, name: str, size: int) -> None:
    agent = await agents.find(change.tx, change.call.principal, agent_id, to_change=True)
    change.record("agent.write_file", "agent", agent.id, user_id=agent.user_id, name=name, bytes=size)


class Passage:
    """Bytes that went by between people and agents, until the clock takes them; a crash loses what it had not."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal
        self._passed: dict[str, int] = {}

    def count(self, machine_id: str, bytes: int) -> None:
        self._passed[machine_id] = self._passed.get(machine_id, 0) + bytes

    async def run(self) -> None:
        """What the clock calls, and whoever stops."""
        if not self._passed:
            return
        passed, self._passed = self._passed, {}
        try:
            await self._database.transact(lambda tx: _take(tx, self._seal, passed, utc_now()))
        except BaseException:
            for machine_id, bytes in passed.items():
                self.count(machine_id, bytes)
            raise


async def _take(tx: Tx, seal: Seal, passed: Mapping[str, int], now: dt.datetime) -> None:
    month = month_of(now)
    known = await machines.many(tx, passed)
    await usage.add(tx, month, {id: Usage(bandwidth_bytes=passed[id]) for id in known})
    if known:
        await settle(tx, seal, {machine.user_id for machine in known.values()}, month, now)
