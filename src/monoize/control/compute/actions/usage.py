"""What people are told of their use and their budget, and how they change that."""

import datetime as dt
from collections.abc import Callable, Collection

from monoize.base.principal import Principal
from monoize.control.compute.actions import agents as agent_verbs
from monoize.control.compute.actions.accounting import settle
from monoize.control.compute.actions.standings import standing_of
from monoize.control.compute.model.answers import (
    AgentUsage,
    MonthUsage,
    OverageBudget,
    machine_usage,
    month_usage,
)
from monoize.control.compute.model.machines import Metric
from monoize.control.compute.model.overage import Standing, Usage, month_of
from monoize.control.compute.store import agents, budgets, machines, notices, usage
from monoize.control.identity.actions import balances
from monoize.control.identity.errors import NoSuchUser
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal

Metered = Callable[[str], Collection[Metric]]
"""What counts at a provider, by its name."""


async def of_user(tx: Tx, user_id: str, metered: Metered, now: dt.datetime) -> MonthUsage:
    standing = await standing_of(tx, user_id, now)
    used = await usage.by_machine(tx, user_id, standing.month)
    theirs = [each for each in await machines.of_user(tx, user_id) if each.state != "destroyed" or each.id in used]
    counted = {machine.provider: metered(machine.provider) for machine in theirs}
    return month_usage(user_id, standing, [(machine, used.get(machine.id, Usage())) for machine in theirs], counted)


async def of_agent(tx: Tx, caller: Principal, agent_id: str, metered: Metered, now: dt.datetime) -> AgentUsage:
    is_itself = await agent_verbs.is_itself(tx, caller, agent_id)
    agent = await agents.get(tx, agent_id) if is_itself else await agent_verbs.find(tx, caller, agent_id)
    standing = await standing_of(tx, agent.user_id, now)
    machine = await machines.find(tx, agent.vps_id) if agent.vps_id else None
    told = None
    if machine is not None:
        used = await usage.of_machine(tx, machine.id, standing.month)
        told = machine_usage(machine, used, metered(machine.provider))
    return AgentUsage(
        month=standing.month,
        agent_id=agent.id,
        machine=told,
        allowed=standing.allowed,
        overage_cost_cents=standing.overage_cents,
        overage_budget_cents=standing.budget_cents,
    )


async def budget_of(tx: Tx, user_id: str, now: dt.datetime) -> OverageBudget:
    return _budget(user_id, await standing_of(tx, user_id, now))


async def set_budget(change: Change, seal: Seal, user_id: str, cents: int, now: dt.datetime) -> OverageBudget:
    """For this month. What was used beyond the old one is charged now, as far as the new one allows it."""
    tx, month = change.tx, month_of(now)
    if user_id not in (await balances.lock(tx, user_ids=[user_id])).users:
        raise NoSuchUser
    if (await budgets.budgets_of(tx, [user_id], month)).get(user_id, 0) != cents:
        await budgets.set_budget(tx, user_id, month, cents)
        # What people heard was of another budget.
        await notices.forget(tx, user_id, month, "budget")
    await settle(tx, seal, [user_id], month, now)
    change.record("user.overage_budget", "user", user_id, month=f"{month:%Y-%m}", budget_cents=cents)
    return await budget_of(tx, user_id, now)


def _budget(user_id: str, standing: Standing) -> OverageBudget:
    return OverageBudget(
        month=standing.month,
        user_id=user_id,
        budget_cents=standing.budget_cents,
        overage_cost_cents=standing.overage_cents,
        charged_cents=standing.charged_cents,
        allowed=standing.allowed,
    )
