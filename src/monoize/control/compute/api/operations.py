"""/api/operations: what is under way on machines, step by step; one of them also as server-sent events."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from pydantic import TypeAdapter
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from monoize.base.errors import Refusal
from monoize.base.principal import Call
from monoize.control.compute.actions import operations
from monoize.control.compute.actions.watching import Watchers, read
from monoize.control.compute.api.here import ComputeHere
from monoize.control.compute.api.wire import Everybody, Whose, owner_or_all
from monoize.control.compute.model.operations import Operation, OperationInSteps
from monoize.control.edge.caller import identify, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Page, Uuid, Window

router = APIRouter(prefix="/operations", tags=["machines"])

LASTS_S_MOST: Final = 3_600
LOOK_EVERY_S: Final = 0.25
COMMENT_EVERY_S: Final = 15.0
COMMENT: Final = b": still here\n\n"

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
    return await read(house.database, call.principal, operation_id)


class OperationStream(Response):
    """The operation whenever it has changed, until it has ended."""

    media_type = "text/event-stream"

    def __init__(
        self, watchers: Watchers, call: Call, look: Callable[[], Awaitable[OperationInSteps]], for_s: float
    ):
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._watchers = watchers
        self._call = call
        self._look = look
        self._for_s = for_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._watchers.admitted(self._call.principal):
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async with asyncio.TaskGroup() as together:
                telling = together.create_task(self._tell(send))
                leaving = together.create_task(_until_left(receive))
                await asyncio.wait({telling, leaving}, return_when=asyncio.FIRST_COMPLETED)
                telling.cancel()
                leaving.cancel()
            # Whoever has left hears nothing of it.
            with contextlib.suppress(OSError):
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _tell(self, send: Send) -> None:
        ends_s = time.monotonic() + self._for_s
        comments_s = time.monotonic() + COMMENT_EVERY_S
        last: OperationInSteps | None = None
        while True:
            try:
                operation = await self._look()
            except Refusal:
                return
            now_s = time.monotonic()
            if operation != last:
                last, comments_s = operation, now_s + COMMENT_EVERY_S
                frame = b"event: operation\ndata: %b\n\n" % _told.dump_json(operation)
                await send({"type": "http.response.body", "body": frame, "more_body": True})
            elif now_s >= comments_s:
                comments_s = now_s + COMMENT_EVERY_S
                await send({"type": "http.response.body", "body": COMMENT, "more_body": True})
            if not operation.is_open or now_s >= ends_s or self._watchers.are_to_leave:
                return
            await asyncio.sleep(min(LOOK_EVERY_S, ends_s - now_s))


@router.get(
    "/{operation_id}/stream",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
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
) -> OperationStream:
    """`operation`: how it stands, whenever that has changed; the last one tells how it ended."""

    admitted, again_s = call.principal, time.monotonic() + COMMENT_EVERY_S

    async def look() -> OperationInSteps:
        # A stream outlives what its caller may do; so that is asked again and again.
        nonlocal admitted, again_s
        if time.monotonic() >= again_s:
            admitted, again_s = (await identify(request)).principal, time.monotonic() + COMMENT_EVERY_S
        return await read(house.database, admitted, operation_id)

    # So that one that is not there is an answer and not a stream.
    await read(house.database, call.principal, operation_id)
    return OperationStream(compute.watchers, call, look, for_s)


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
