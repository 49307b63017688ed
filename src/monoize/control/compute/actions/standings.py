"""Where people stand in a month, put together: plan, use, budget, what is charged, and what is on the account."""

import datetime as dt
from collections.abc import Collection, Mapping

from monoize.base.errors import UsageLimitExceeded
from monoize.control.compute.model.overage import Balance, Standing, Usage, month_of
from monoize.control.compute.model.plans import Plan
from monoize.control.compute.store import budgets, plans, usage
from monoize.control.identity.actions import balances
from monoize.control.identity.actions import plans as users_plans
from monoize.control.identity.errors import NoSuchUser
from monoize.control.identity.model import UserBalance
from monoize.infra.db import Tx


async def standings_of(
    tx: Tx, user_ids: Collection[str], month: dt.date, *, locked: Mapping[str, UserBalance] | None = None
) -> Mapping[str, Standing]:
    """Whoever is gone is not among them. `locked`: their balances, of whoever has locked them already."""
    found = await balances.get_user_balances(tx, user_ids) if locked is None else locked
    if not found:
        return {}
    ids = list(found)
    on = await users_plans.plans_of(tx, ids)
    known = await plans.many(tx, set(on.values())) if on else {}
    used = await usage.by_user(tx, ids, month)
    budget, charged = await budgets.budgets_of(tx, ids, month), await budgets.charged_of(tx, ids, month)
    return {
        id: Standing(
            month=month,
            plan=known.get(on.get(id, "")),
            usage=used.get(id, Usage()),
            budget_cents=budget.get(id, 0),
            charged_cents=charged.get(id, 0),
            balance=Balance(balance.balance_nano_usd, balance.unlimited),
        )
        for id, balance in found.items()
    }


async def standing_of(tx: Tx, user_id: str, now: dt.datetime) -> Standing:
    found = await standings_of(tx, [user_id], month_of(now))
    if user_id not in found:
        raise NoSuchUser
    return found[user_id]


async def plan_of(tx: Tx, user_id: str) -> Plan | None:
    plan_id = (await users_plans.plans_of(tx, [user_id])).get(user_id)
    return await plans.get(tx, plan_id) if plan_id else None


async def check_may_run(tx: Tx, user_id: str, now: dt.datetime) -> None:
    """Before a machine is made or comes up."""
    if not (await standing_of(tx, user_id, now)).allowed:
        raise UsageLimitExceeded
