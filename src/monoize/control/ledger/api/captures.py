"""/api/captures: requests that were kept whole, prompts and answers included. For those who look after them."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Page, Uuid, Window
from monoize.control.ledger.actions import captures
from monoize.control.ledger.model.captures import KeptCapture
from monoize.control.ledger.services import ledger_of

router = Router(prefix="/captures", tags=["captures"])


@router.get("")
async def list_captures(
    request: Request,
    house: HouseHere,
    window: Annotated[Window, Depends(uuid_window)],
    call: Annotated[Call, requires("captures.read")],
) -> Page[KeptCapture]:
    """Newest first."""
    async with house.database.read() as tx:
        return await captures.list_captures(tx, ledger_of(request).captures, window)


@router.get(
    "/{request_id}",
    responses={200: {"content": {"application/json": {"schema": {"type": "object"}}}}},
    response_class=Response,
)
async def get_capture(
    request_id: Uuid, request: Request, call: Annotated[Call, requires("captures.read")]
) -> Response:
    """As it was written: what was asked, each attempt, and what the caller was told."""
    content = await captures.read(ledger_of(request).captures, request_id)
    return Response(content, media_type="application/json")


@router.delete("/{request_id}", status_code=204)
async def delete_capture(
    request_id: Uuid, request: Request, mutation: Annotated[Mutation, mutates("captures.write")]
) -> Response:
    files = ledger_of(request).captures
    answer = await mutation.run(lambda change: captures.record_deletion(change, files, request_id))
    await files.remove(request_id)
    return answer
