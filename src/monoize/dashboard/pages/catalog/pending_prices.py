"""/pending-prices: steep changes of prices, which a second person confirms or rejects."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal
from monoize.control.catalog.actions import proposals
from monoize.control.catalog.api.wire import pending_shown
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Uuid, Window
from monoize.control.identity.actions.users import count_administrators
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.catalog.prices import BOOKS, KINDS, RATES, Reader, Writer
from monoize.dashboard.render import next_address, render, see_other

router = page_router()

_FIRST_PAGE = Window(50, None)


@router.get("/pending-prices")
async def show(
    request: Request, house: HouseHere, person: Reader, window: Annotated[Window, Depends(uuid_window)]
) -> Response:
    return await _page(request, house, window)


@router.post("/pending-prices/{pending_id}/confirm")
async def confirm(pending_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    try:
        async with house.audit_log.change(person.call) as change:
            written = await proposals.confirm(change, pending_id, count_administrators)
    except Refusal as refusal:
        return await _page(request, house, _FIRST_PAGE, refusal)
    return see_other(f"/prices/{written.price.id}?done=price_confirmed")


@router.post("/pending-prices/{pending_id}/reject")
async def reject(pending_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    try:
        async with house.audit_log.change(person.call) as change:
            await proposals.reject(change, pending_id)
    except Refusal as refusal:
        return await _page(request, house, _FIRST_PAGE, refusal)
    return see_other("/pending-prices?done=price_rejected")


async def _page(request: Request, house: House, window: Window, refusal: Refusal | None = None) -> Response:
    async with house.database.read() as tx:
        page = await proposals.list_pending(tx, window)
    return render(
        request,
        "catalog/pending_prices.html",
        refusal=refusal,
        proposed=[pending_shown(each) for each in page.items],
        kinds=KINDS,
        books=BOOKS,
        rates=RATES,
        next_address=next_address(request, "/pending-prices", page),
    )
