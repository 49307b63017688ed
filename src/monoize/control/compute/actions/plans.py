"""What administrators do with plans, and who is on which. A plan is named by name or id."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from monoize.base.ids import new_id
from monoize.base.principal import Principal
from monoize.control.compute.actions.standings import plan_of
from monoize.control.compute.errors import NoSuchPlan
from monoize.control.compute.model.plans import Plan
from monoize.control.compute.store import plans
from monoize.control.edge.wire import Page, Window
from monoize.control.identity.actions import plans as users_plans
from monoize.control.identity.actions import users
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx


@dataclasses.dataclass(frozen=True, slots=True)
class OnPlan:
    """Which plan a user is on; null is none."""

    user_id: str
    plan: Plan | None


async def list_plans(tx: Tx, caller: Principal, window: Window) -> Page[Plan]:
    """All of them; to somebody without the permission their own."""
    if caller.may("compute.read"):
        return window.page(await plans.page(tx, window), lambda plan: plan.id)
    own = await plan_of(tx, caller.user_id) if caller.user_id else None
    return Page([own] if own else [], None)


async def get_plan(tx: Tx, caller: Principal, named: str) -> Plan:
    found = await plans.find(tx, named)
    if not caller.may("compute.read"):
        own = await plan_of(tx, caller.user_id) if caller.user_id else None
        if own is None or own.id != found.id:
            raise NoSuchPlan
    return found


async def create_plan(change: Change, values: Mapping[str, Any]) -> Plan:
    plan = await plans.add(change.tx, id=new_id(), values=values)
    change.record("plan.create", "plan", plan.id, name=plan.name)
    return plan


async def update_plan(change: Change, named: str, values: Mapping[str, Any]) -> Plan:
    """It holds from now on, for the whole of the current month too; what was charged already stays charged."""
    plan = await plans.find(change.tx, named, lock=True)
    changed = await plans.change(change.tx, plan.id, values) if values else plan
    change.record("plan.update", "plan", plan.id, name=changed.name, changed=sorted(values))
    return changed


async def delete_plan(change: Change, named: str) -> None:
    """Whoever was on it is on none: they keep what they have, but nothing of it runs any more."""
    plan = await plans.find(change.tx, named, lock=True)
    on_it = await users_plans.count_on_plan(change.tx, plan.id)
    await plans.remove(change.tx, plan.id)
    change.record("plan.delete", "plan", plan.id, name=plan.name, users=on_it)


async def plan_of_user(tx: Tx, user_id: str) -> OnPlan:
    await users.get_user(tx, user_id)
    return OnPlan(user_id, await plan_of(tx, user_id))


async def assign(change: Change, user_id: str, named: str | None) -> OnPlan:
    plan = await plans.find(change.tx, named) if named is not None else None
    await users_plans.put_on_plan(change.tx, user_id, plan.id if plan else None)
    change.record("user.plan", "user", user_id, plan=plan.name if plan else None)
    return OnPlan(user_id, plan)
