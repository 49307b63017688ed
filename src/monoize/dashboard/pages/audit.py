"""/audit: what was done, newest first."""

from typing import Annotated

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from monoize.control.audit import actions
from monoize.control.audit.model import LogFilter
from monoize.control.edge.here import HouseHere
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import STORABLE, Window
from monoize.dashboard.forms import Form
from monoize.dashboard.page import page_router
from monoize.dashboard.render import next_address, render
from monoize.dashboard.session import Person, permitted

router = page_router()

Wanted = Annotated[str, Query(max_length=191), STORABLE]


@router.get("/audit")
async def show(
    request: Request,
    house: HouseHere,
    person: Annotated[Person, permitted("audit.read")],
    window: Annotated[Window, Depends(number_window)],
    action: Wanted = "",
    actor: Wanted = "",
) -> Response:
    wanted = LogFilter(action=action.strip() or None, actor=actor.strip() or None)
    async with house.database.read() as tx:
        page = await actions.list_entries(tx, window, wanted)
    return render(
        request,
        "audit.html",
        entries=page.items,
        filter=Form({"action": action, "actor": actor}),
        filtered=wanted != LogFilter(),
        next_address=next_address(request, "/audit", page),
    )
