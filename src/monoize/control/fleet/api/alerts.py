"""/api/fleet/alerts: what an operator should see to."""

from typing import Annotated

from fastapi import Depends, Query
from starlette.responses import Response

from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Page, Uuid, Window
from monoize.control.fleet.actions import alerts
from monoize.control.fleet.model.alerts import Alert, AlertKind

router = Router(prefix="/alerts", tags=["fleet"])


@router.get("")
async def list_alerts(
    house: HouseHere,
    window: Annotated[Window, Depends(uuid_window)],
    call: Annotated[Call, requires("fleet.read")],
    kind: AlertKind | None = None,
    settled: Annotated[bool, Query(description="Also those that are settled.")] = False,
) -> Page[Alert]:
    async with house.database.read() as tx:
        return await alerts.list_alerts(tx, window, kind=kind, only_open=not settled)


@router.post("/{alert_id}/resolve", response_model=Alert)
async def resolve_alert(alert_id: Uuid, mutation: Annotated[Mutation, mutates("fleet.write")]) -> Response:
    """Say that it has been seen to. What is still wrong raises another one."""
    return await mutation.run(lambda change: alerts.resolve_alert(change, alert_id))
