"""/alerts: what an operator should see to."""

from typing import Annotated

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from monoize.control.edge.here import HouseHere
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Uuid, Window
from monoize.control.fleet.actions import alerts
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.fleet import words
from monoize.dashboard.pages.fleet.visit import ALERTS, Reader, Writer
from monoize.dashboard.render import next_address, render, see_other

router = page_router()


@router.get(ALERTS)
async def show(
    request: Request,
    house: HouseHere,
    person: Reader,
    window: Annotated[Window, Depends(uuid_window)],
    settled: Annotated[bool, Query()] = False,
) -> Response:
    async with house.database.read() as tx:
        page = await alerts.list_alerts(tx, window, kind=None, only_open=not settled)
    return render(
        request,
        "fleet/alerts.html",
        alerts=page.items,
        kinds=words.ALERTS,
        settled=settled,
        may_change=person.may("fleet.write"),
        next_address=next_address(request, ALERTS, page),
    )


@router.post("/alerts/{alert_id}/resolve")
async def resolve(alert_id: Uuid, house: HouseHere, person: Writer) -> Response:
    async with house.audit_log.change(person.call) as change:
        await alerts.resolve_alert(change, alert_id)
    return see_other(f"{ALERTS}?done=alert_resolved")
