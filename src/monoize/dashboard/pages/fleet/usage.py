"""/fleet/usage: what hosts report that their tools used, and what it would have cost."""

import datetime as dt
from typing import Annotated, Final

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.control.edge.here import HouseHere
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import Window
from monoize.control.fleet.actions import usage_overview
from monoize.control.fleet.model.usage_overview import Whose
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.fleet.charts import days_chart
from monoize.dashboard.pages.fleet.visit import USAGE, Reader
from monoize.dashboard.render import next_address, render

router = page_router()

_EVERYBODY: Final = Whose()
_DAY: Final = dt.timedelta(days=1)


@router.get(USAGE)
async def show(
    request: Request, house: HouseHere, person: Reader, window: Annotated[Window, Depends(number_window)]
) -> Response:
    now = utc_now()
    async with house.database.read() as tx:
        overview = await usage_overview.overview(tx, _EVERYBODY, now)
        days = await usage_overview.days(tx, _EVERYBODY, None, now.date() + _DAY)
        page = await usage_overview.list_ingests(tx, window, _EVERYBODY)
    return render(
        request,
        "fleet/usage.html",
        overview=overview,
        chart=days_chart("Tokens by day, of all hosts", days.items),
        ingests=page.items,
        next_address=next_address(request, USAGE, page),
    )
