"""/shadow: what policies that are only tried out would have denied."""

import datetime as dt
from typing import Annotated, Final, Literal

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.control.edge.here import HouseHere
from monoize.control.edge.wire import Window
from monoize.control.governance.actions import records, shadow
from monoize.control.governance.model.records import RecordFilter
from monoize.dashboard.forms import Form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.governance.visit import Reader
from monoize.dashboard.render import render

router = page_router()

_ALL: Final = Window(200, None)
Days = Literal["1", "7", "31"]


@router.get("/shadow")
async def show(
    request: Request, house: HouseHere, person: Reader, days: Annotated[Days, Query()] = "7"
) -> Response:
    until = utc_now()
    async with house.database.read() as tx:
        found = await shadow.counts(tx, since=until - dt.timedelta(days=int(days)), until=until)
        known = (await records.list_records(tx, _ALL, RecordFilter())).items
    return render(
        request,
        "governance/shadow.html",
        counts=found.items,
        complete=found.complete,
        names={record.id: record.name for record in known},
        in_shadow=[record for record in known if record.shadow_policies],
        filter=Form({"days": days}),
    )
