"""What the egress proxy asks: whom it lets out, and where to; and what went by, counted once.

The bridge calls this. Failure is closed: an agent whose record is not what was written reaches nothing.
"""

import dataclasses
import datetime as dt
import hmac
from collections.abc import Mapping
from typing import Final

import structlog

from monoize.base.errors import Refusal
from monoize.base.ids import is_id
from monoize.contract.egress import CutOff, EgressGrant, Flush, FlushTaken
from monoize.control.compute.actions.accounting import settle
from monoize.control.compute.actions.standings import standings_of
from monoize.control.compute.model.agents import Agent
from monoize.control.compute.model.machine import Machine
from monoize.control.compute.model.overage import Standing, Usage, month_of
from monoize.control.compute.store import agents, egress_sources, machines, usage
from monoize.control.governance.actions import stops
from monoize.control.governance.actions.effective import effective
from monoize.control.identity.actions import users
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal

log = structlog.get_logger(__name__)

SOURCES_KEPT: Final = dt.timedelta(days=40)
"""A proxy that was away for longer than this begins a new life."""


@dataclasses.dataclass(frozen=True, slots=True)
class Reach:
    """Where an agent is let out to. `hosts_allow` of None: wherever the proxy lets anybody go.

    `tenant_ids`: whose record it is.
    """

    hosts_allow: tuple[str, ...] | None
    hosts_deny: tuple[str, ...]
    private_networks_denied: bool
    tenant_ids: tuple[str, ...] = ()


async def egress_grant(tx: Tx, agent_id: str, digest: str, *, now: dt.datetime) -> EgressGrant | None:
    """None: there is no such agent, or this is not its token."""
    agent = (await agents.many(tx, [agent_id])).get(agent_id) if is_id(agent_id) else None
    if agent is None:
        return None
    if not hmac.compare_digest(await agents.digest_of(tx, agent.id), digest) or not agent.enabled:
        return None
    owner = await users.get_user(tx, agent.user_id)
    if not owner.enabled:
        return None
    machine = await machines.find(tx, agent.vps_id) if agent.vps_id else None
    standing = (await standings_of(tx, [agent.user_id], month_of(now))).get(agent.user_id)
    reach = await reach_of(tx, agent, owner.tenant_id)
    now_stopped, tenant_ids = await stops.load(tx), (owner.tenant_id, *reach.tenant_ids)
    is_stopped = any(now_stopped.of(tenant_id, agent.config_id) for tenant_id in tenant_ids)
    return EgressGrant(
        agent_id=agent.id,
        user_id=agent.user_id,
        machine_id=machine.id if machine else None,
        cut_off="stopped" if is_stopped else _cut_off(machine, standing),
        hosts_allow=reach.hosts_allow,
        hosts_deny=reach.hosts_deny,
        private_networks_denied=reach.private_networks_denied,
    )


async def reach_of(tx: Tx, agent: Agent, tenant_id: str) -> Reach:
    """An agent without a governance record may reach all that the proxy lets anybody reach."""
    if agent.config_id is None:
        return Reach(None, (), private_networks_denied=False)
    try:
        policy = await effective(tx, agent.config_id, for_tenant=tenant_id)
    except Refusal as refusal:
        log.warning("egress_closed", agent_id=agent.id, config_id=agent.config_id, code=refusal.code)
        return Reach((), (), private_networks_denied=True)
    security = policy.policies.security_policy_json
    return Reach(security.hosts_allow, security.hosts_deny, security.deny_private_networks, (policy.scope.owner,))


async def take_flush(tx: Tx, seal: Seal, flush: Flush, *, now: dt.datetime) -> FlushTaken:
    """Count what went by, once however often it comes, and say who of those connected may not go on."""
    if await egress_sources.advance(tx, flush.source, flush.sequence, now):
        await _count(tx, seal, flush, now)
    connected = {*flush.connected, *(each.agent_id for each in flush.counted)}
    return FlushTaken(await _cut_offs(tx, connected, now))


async def any_machine(tx: Tx) -> bool:
    """Whether a proxy is needed at all."""
    return await machines.any_left(tx)


async def forget_sources(tx: Tx, now: dt.datetime) -> None:
    await egress_sources.purge(tx, now - SOURCES_KEPT)


async def _count(tx: Tx, seal: Seal, flush: Flush, now: dt.datetime) -> None:
    """What went by of machines that are gone from the books is nobody's any more."""
    passed: dict[str, int] = {}
    for each in flush.counted:
        if each.sent < 0 or each.received < 0 or not is_id(each.machine_id):
            raise ValueError("bytes are counted from 0, for a machine that is named by its id")
        passed[each.machine_id] = passed.get(each.machine_id, 0) + each.sent + each.received
    known = await machines.lock_many(tx, passed) if passed else []
    await usage.add(tx, flush.month, {each.id: Usage(bandwidth_bytes=passed[each.id]) for each in known})
    owners = {machine.user_id for machine in known}
    if owners:
        await settle(tx, seal, owners, flush.month, now)


async def _cut_offs(tx: Tx, agent_ids: set[str], now: dt.datetime) -> Mapping[str, CutOff]:
    if not agent_ids:
        return {}
    known = await agents.many(tx, [id for id in agent_ids if is_id(id)])
    theirs = await machines.many(tx, {agent.vps_id for agent in known.values() if agent.vps_id})
    standings = await standings_of(tx, {agent.user_id for agent in known.values()}, month_of(now))
    found: dict[str, CutOff] = {}
    for id in agent_ids:
        agent = known.get(id)
        is_let_in = agent is not None and agent.enabled
        machine = theirs.get(agent.vps_id or "") if agent and is_let_in else None
        if why := _cut_off(machine, standings.get(agent.user_id) if agent else None):
            found[id] = why
    return found


def _cut_off(machine: Machine | None, standing: Standing | None) -> CutOff | None:
    """An agent begins to work before we have heard that its machine runs."""
    if machine is None or machine.state not in ("provisioning", "running"):
        return "no_machine"
    if standing is None or not standing.allowed:
        return "usage_limit_exceeded"
    return None
