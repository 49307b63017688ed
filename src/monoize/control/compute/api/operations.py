"""/api/operations: what is under way on machines, step by step; one of them also as server-sent events."""

import asyncio
import time
from typing import Annotated, Final

from fastapi import Depends, Query, Request
from pydantic import TypeAdapter
from starlette.responses import StreamingResponse

from monoize.base.errors import Refusal
from monoize.base.principal import Call
from monoize.control.compute.actions import operations
from monoize.control.compute.api.here import ComputeHere
from monoize.control.compute.api.wire import Everybody, Whose, owner_or_all
from monoize.control.compute.model.operations import Operation, OperationInSteps
from monoize.control.edge.caller import identify, requires
from monoize.control.edge.event_stream import COMMENT, COMMENT_EVERY_S, LASTS_S_MOST, STREAMED, EventStream, Say
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Page, Uuid, Window

router = Router(prefix="/operations", tags=["machines"])

LOOK_EVERY_S: Final = 0.25

_told: Final = TypeAdapter(OperationInSteps)


@router.get("")
async def list_operations(
    house: HouseHere,
    window: Annotated[Window, Depends(uuid_window)],
    call: Annotated[Call, requires("self")],
    user_id: Whose = None,
    everybody: Everybody = False,
    machine_id: Annotated[Uuid | None, Query(description="Only of this machine.")] = None,
    only_open: Annotated[bool, Query(description="Only those that are under way.")] = False,
) -> Page[Operation]:
    whose = owner_or_all(call, user_id, everybody=everybody)
    async with house.database.read() as tx:
        return await operations.list_operations(
            tx, window, user_id=whose, machine_id=machine_id, only_open=only_open
        )


@router.get("/{operation_id}")
async def get_operation(
    operation_id: Uuid, house: HouseHere, call: Annotated[Call, requires("self")]
) -> OperationInSteps:
    async with house.database.read() as tx:
        return await operations.get(tx, call.principal, operation_id)


@router.get(
    "/{operation_id}/stream",
    response_class=StreamingResponse,
    responses=STREAMED,
)
async def stream_operation(
    operation_id: Uuid,
    request: Request,
    house: HouseHere,
    compute: ComputeHere,
    call: Annotated[Call, requires("self")],
    for_s: Annotated[
        int, Query(ge=0, le=LASTS_S_MOST, description="After so many seconds it ends; 0: with what there is now.")
    ] = LASTS_S_MOST,
) -> EventStream:
    """`operation`: how it stands, whenever that has changed; the last one tells how it ended."""

    admitted, again_s = call.principal, time.monotonic() + COMMENT_EVERY_S

    async def look() -> OperationInSteps:
        # A stream outlives what its caller may do; so that is asked again and again.
        nonlocal admitted, again_s
        if time.monotonic() >= again_s:
            admitted, again_s = (await identify(request)).principal, time.monotonic() + COMMENT_EVERY_S
        async with house.database.read() as tx:
            return await operations.get(tx, admitted, operation_id)

    async def tell(say: Say) -> None:
        ends_s = time.monotonic() + for_s
        comments_s = time.monotonic() + COMMENT_EVERY_S
        last: OperationInSteps | None = None
        while True:
            try:
                operation = await look()
            except Refusal:
                return
            now_s = time.monotonic()
            if operation != last:
                last, comments_s = operation, now_s + COMMENT_EVERY_S
                await say(b"event: operation\ndata: %b\n\n" % _told.dump_json(operation))
            elif now_s >= comments_s:
                comments_s = now_s + COMMENT_EVERY_S
                await say(COMMENT)
            if not operation.is_open or now_s >= ends_s:
                return
            await asyncio.sleep(min(LOOK_EVERY_S, ends_s - now_s))

    # So that one that is not there is an answer and not a stream.
    await look()
    return EventStream(tell, compute.audience, call.principal)
