"""What is done with the executable limits of roles."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.contract.limits import CostTier, LimitName, Limits
from monoize.control.edge.wire import Page, Window
from monoize.control.governance.errors import LimitsChanged, OnlySuperAdmin
from monoize.control.governance.model import limits as model
from monoize.control.governance.model.limits import AgentLimits, LimitOverride
from monoize.control.governance.store import limits
from monoize.control.identity.actions.tenants import get_tenant
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx


async def list_limits(
    tx: Tx, window: Window, *, tenant_id: str | None = None, role: str | None = None
) -> Page[AgentLimits]:
    return window.page(await limits.page(tx, window, tenant_id=tenant_id, role=role), lambda found: found.id)


async def get_limits(tx: Tx, limits_id: str) -> AgentLimits:
    return await limits.get(tx, limits_id)


async def limits_in_force(tx: Tx, tenant_id: str, role: str, now: dt.datetime) -> Limits:
    """What holds for agents of a role now. A role of which nothing is said has the tier `free`."""
    found = await limits.of_role(tx, tenant_id, role)
    overrides = await limits.overrides_of(tx, found.id, after=now) if found else ()
    return model.in_force(found, overrides, now)


async def create_limits(
    change: Change, tenant_id: str, role: str, cost_tier: CostTier, given: Mapping[str, Any]
) -> AgentLimits:
    await get_tenant(change.tx, tenant_id)
    values = {**model.filled_in(cost_tier, given), "tenant_id": tenant_id, "agent_role_id": role}
    made = await limits.add(change.tx, new_id(), values)
    change.record("agent_limits.create", "agent_limits", made.id, role=role, of_tenant=tenant_id, tier=cost_tier)
    return made


async def update_limits(
    change: Change, limits_id: str, given: Mapping[str, Any], *, version: int | None = None
) -> AgentLimits:
    """A new tier brings all of its values along; what else is given holds instead of them."""
    before = await limits.get(change.tx, limits_id)
    if version not in (None, before.version):
        raise LimitsChanged
    values = model.filled_in(given["cost_tier"], given) if "cost_tier" in given else given
    after = await limits.change(change.tx, before, values) if values else before
    change.record("agent_limits.update", "agent_limits", limits_id, changed=sorted(values), version=after.version)
    return after


async def delete_limits(change: Change, limits_id: str) -> None:
    found = await limits.get(change.tx, limits_id)
    await limits.remove(change.tx, limits_id)
    change.record(
        "agent_limits.delete", "agent_limits", limits_id, role=found.agent_role_id, of_tenant=found.tenant_id
    )


async def list_overrides(tx: Tx, limits_id: str) -> Sequence[LimitOverride]:
    found = await limits.get(tx, limits_id)
    return await limits.overrides_of(tx, found.id, after=utc_now())


async def override_limit(
    change: Change, limits_id: str, name: LimitName, value: int | None, *, until: dt.datetime, reason: str
) -> LimitOverride:
    """Counters are never touched: whoever needs more is given more for a while, and it is written down why."""
    caller = change.call.principal
    if caller.role != "super_admin":
        raise OnlySuperAdmin
    found = await limits.get(change.tx, limits_id)
    made = LimitOverride(new_id(), found.id, name, value, reason, caller.label, until, utc_now())
    await limits.add_override(change.tx, made)
    change.record(
        "agent_limits.override", "agent_limits", limits_id, limit=name, value=value, until=until, reason=reason
    )
    return made


async def end_override(change: Change, limits_id: str, override_id: str) -> None:
    await limits.remove_override(change.tx, limits_id, override_id)
    change.record("agent_limits.end_override", "agent_limits", limits_id, override_id=override_id)
