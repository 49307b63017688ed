"""The kill switch: stopping everything, a tenant or an agent, at once and for everybody, and lifting that again.

Failure is closed: whoever cannot read the stops lets nobody act.
"""

from collections.abc import Iterable

from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.base.principal import Principal
from monoize.contract.refusals import Stopped
from monoize.contract.stops import Scope, Stops
from monoize.control.edge.wire import Page, Window
from monoize.control.governance.errors import AlreadyStopped, NotYoursToLift, NotYoursToStop
from monoize.control.governance.model.stops import EVERYTHING, Stop, in_force, may_overrule, may_stop
from monoize.control.governance.store import records, stops
from monoize.control.identity.actions import tenants
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx


async def load(tx: Tx) -> Stops:
    """All that holds now, as data planes look at it."""
    return in_force(await stops.every(tx))


async def check_not_stopped(tx: Tx, tenant_ids: Iterable[str], agent_id: str) -> None:
    stops_now = await load(tx)
    for tenant_id in tenant_ids:
        if found := stops_now.of(tenant_id, agent_id):
            raise Stopped(scope=found.scope, reason=found.reason)


async def list_stops(tx: Tx, window: Window) -> Page[Stop]:
    return window.page(await stops.page(tx, window), lambda stop: stop.id)


async def standing(tx: Tx, scope: Scope, subject: str) -> Stop | None:
    """What stops exactly this, if anything does."""
    return await stops.standing(tx, scope, subject)


async def stop(change: Change, scope: Scope, subject: str | None, reason: str) -> Stop:
    """A super_admin takes over what somebody else has stopped; otherwise the first reason stands."""
    tx, caller = change.tx, change.call.principal
    await _check_may_stop(tx, caller, scope, subject)
    subject = subject or EVERYTHING
    is_super = caller.role == "super_admin"
    made = Stop(new_id(), scope, subject, reason, caller.label, is_super, utc_now())
    standing = await stops.standing(tx, scope, subject)
    if standing is not None:
        if standing.by_super_admin or not is_super:
            raise AlreadyStopped(stop_id=standing.id, reason=standing.reason)
        await stops.remove(tx, standing.id)
    await stops.add(tx, made)
    change.record("stop.make", "stop", made.id, scope=scope, subject=subject, reason=reason)
    return made


async def lift(change: Change, stop_id: str, reason: str | None) -> Stop:
    tx, caller = change.tx, change.call.principal
    found = await stops.get(tx, stop_id)
    await _check_may_stop(tx, caller, found.scope, found.subject)
    if not may_overrule(caller, found):
        raise NotYoursToLift
    await stops.remove(tx, found.id)
    change.record(
        "stop.lift", "stop", found.id, scope=found.scope, subject=found.subject, was=found.reason, reason=reason
    )
    return found


async def _check_may_stop(tx: Tx, caller: Principal, scope: Scope, subject: str | None) -> None:
    tenant_id: str | None = None
    if scope == "agent" and subject:
        tenant_id = (await records.get(tx, subject)).tenant_id
    elif scope == "tenant" and subject:
        tenant_id = (await tenants.get_tenant(tx, subject)).id
    if not may_stop(caller, scope, tenant_id):
        raise NotYoursToStop
