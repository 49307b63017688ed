"""/captures: requests that were kept whole, for those who look after them; listed, read and deleted."""

import asyncio
from typing import Annotated, Final

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Uuid, Window
from monoize.control.ledger.actions import captures
from monoize.control.ledger.services import ledger_of
from monoize.dashboard import captured
from monoize.dashboard.destroying import Doomed, ask_name, check_name
from monoize.dashboard.forms import read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.render import next_address, render, see_other
from monoize.dashboard.session import Person, permitted

router = page_router()

PATH: Final = "/captures"

Reader = Annotated[Person, permitted("captures.read")]
Writer = Annotated[Person, permitted("captures.write")]


@router.get(PATH)
async def show(
    request: Request, house: HouseHere, person: Reader, window: Annotated[Window, Depends(uuid_window)]
) -> Response:
    async with house.database.read() as tx:
        page = await captures.list_captures(tx, ledger_of(request).captures, window)
    return render(
        request,
        "spend/captures.html",
        captures=page.items,
        enabled=house.settings.captures_enabled,
        next_address=next_address(request, PATH, page),
    )


@router.get("/captures/{request_id}")
async def read(request_id: Uuid, request: Request, person: Reader) -> Response:
    content = await captures.read(ledger_of(request).captures, request_id)
    return render(
        request,
        "spend/capture.html",
        request_id_kept=request_id,
        size_bytes=len(content),
        found=await asyncio.to_thread(captured.read, content),
    )


@router.get("/captures/{request_id}/delete")
async def ask_delete(request_id: Uuid, request: Request, person: Writer) -> Response:
    return ask_name(request, _doomed(request_id))


@router.post("/captures/{request_id}/delete")
async def delete(request_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    form, doomed = await read_form(request), _doomed(request_id)
    files = ledger_of(request).captures
    try:
        check_name(form, doomed)
        async with house.audit_log.change(person.call) as change:
            await captures.record_deletion(change, files, request_id)
    except Refusal as refusal:
        return ask_name(request, doomed, form.refused(refusal))
    await files.remove(request_id)
    return see_other(f"{PATH}?done=capture_deleted")


def _doomed(request_id: str) -> Doomed:
    gone = "What was kept of the request is gone. Its row in the request log and its charge stay."
    at = f"{PATH}/{request_id}"
    return Doomed("capture", request_id, gone, f"{at}/delete", at)
