"""/stops: the kill switch: what is stopped now, and stopping everything, a tenant or an agent at once."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Uuid, Window
from monoize.control.governance.actions import records, stops
from monoize.control.governance.api.stops import Lift, StopMade
from monoize.control.governance.model.records import RecordFilter
from monoize.control.governance.model.stops import EVERYTHING, may_overrule, may_stop
from monoize.control.identity.actions import tenants
from monoize.dashboard.forms import Form, checked, invalid, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.governance.visit import STOPS, Reader, Writer, at
from monoize.dashboard.render import next_address, render, see_other
from monoize.dashboard.session import Person
from monoize.infra.db import Tx

router = page_router()

_FIRST: Final = Window(50, None)
_ALL: Final = Window(200, None)
_EMPTY: Final = Form()
_EXPECTED: Final[Mapping[str, str]] = {
    "reason": "Say why, in 500 characters at most.",
    "scope": "Choose one of these.",
    "subject": "Choose one of these.",
}


@router.get(STOPS)
async def show(
    request: Request, house: HouseHere, person: Reader, window: Annotated[Window, Depends(uuid_window)]
) -> Response:
    return await _show(request, house, person, window)


@router.post(STOPS)
async def stop(request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        scope, _, subject = form.shown("what").partition(":")
        if scope != "global" and not subject:
            raise invalid(what="Choose one of these.")
        body = checked(StopMade, _EXPECTED, scope=scope, subject=subject or None, reason=form.text("reason"))
        async with house.audit_log.change(person.call) as change:
            await stops.stop(change, body.scope, body.subject, body.reason)
    except Refusal as refusal:
        return await _show(request, house, person, _FIRST, form.refused(refusal))
    return see_other(f"{STOPS}?done=stopped")


@router.post("/stops/{stop_id}/lift")
async def lift(stop_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    body = checked(Lift, _EXPECTED, reason=form.text("reason"))
    async with house.audit_log.change(person.call) as change:
        await stops.lift(change, stop_id, body.reason)
    return see_other(f"{STOPS}?done=stop_lifted")


async def _show(request: Request, house: House, person: Person, window: Window, form: Form = _EMPTY) -> Response:
    async with house.database.read() as tx:
        page = await stops.list_stops(tx, window)
        named, stoppable = await _subjects(tx, person)
    caller = person.call.principal
    return render(
        request,
        "governance/stops.html",
        stops=page.items,
        named=named,
        stoppable=stoppable,
        liftable={each.id for each in page.items if person.may("governance.write") and may_overrule(caller, each)},
        form=form,
        refusal=form.refusal,
        next_address=next_address(request, STOPS, page),
    )


async def _subjects(tx: Tx, person: Person) -> tuple[Mapping[str, Any], list[tuple[str, str]]]:
    """What can be stopped: by its id with its name and address, and as options of what this person may stop."""
    caller = person.call.principal
    of_tenant = (await tenants.list_tenants(tx, _ALL)).items
    governed = [each for each in (await records.list_records(tx, _ALL, RecordFilter())).items if not each.baseline]
    named = {EVERYTHING: ("Everything", "")}
    named |= {tenant.id: (tenant.name, "") for tenant in of_tenant}
    named |= {record.id: (record.name, at(record.id)) for record in governed}
    options = [("", "Choose …")]
    options += [
        (f"agent:{each.id}", f"Agent: {each.name}")
        for each in governed
        if may_stop(caller, "agent", each.tenant_id)
    ]
    options += [
        (f"tenant:{each.id}", f"Tenant: {each.name}") for each in of_tenant if may_stop(caller, "tenant", each.id)
    ]
    if may_stop(caller, "global", None):
        options.append(("global:", "Everything"))
    return named, options
