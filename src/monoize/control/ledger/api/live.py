"""/api/requests/stream: the request log as it grows, as server-sent events."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from monoize.base.errors import Refusal
from monoize.base.principal import Call
from monoize.control.edge.caller import identify, requires
from monoize.control.ledger.actions.live import Ended, Event, LiveRequests, Pending, Watcher
from monoize.control.ledger.api.owners import Everybody, Whose, owner
from monoize.control.ledger.model.requests import LoggedRequest
from monoize.control.ledger.services import ledger_of

router = APIRouter(prefix="/requests", tags=["requests"])

LASTS_S_MOST: Final = 3_600
COMMENT_EVERY_S: Final = 15.0
COMMENT: Final = b": still here\n\n"

_logged: Final = TypeAdapter(Sequence[LoggedRequest])
_encoder: Final = msgspec.json.Encoder()


class StreamQuery(BaseModel):
    """An unknown field is refused, so that a misspelt filter cannot be ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    user_id: Whose = None
    everybody: Everybody = False
    for_s: Annotated[
        int, Field(ge=0, le=LASTS_S_MOST, description="After so many seconds it ends; 0: with what there is now.")
    ] = LASTS_S_MOST


class EventStream(Response):
    media_type = "text/event-stream"

    def __init__(
        self,
        live: LiveRequests,
        caller: str,
        user_id: str | None,
        *,
        for_s: float,
        is_still_admitted: Callable[[], Awaitable[bool]],
    ) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._live = live
        self._caller = caller
        self._user_id = user_id
        self._for_s = for_s
        self._is_still_admitted = is_still_admitted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._live.watched(self._caller, self._user_id) as watcher:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async with asyncio.TaskGroup() as together:
                leaving = together.create_task(_until_left(receive, watcher))
                await self._tell(watcher, send)
                leaving.cancel()
            # Whoever has left hears nothing of it.
            with contextlib.suppress(OSError):
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _tell(self, watcher: Watcher, send: Send) -> None:
        ends_s = time.monotonic() + self._for_s
        comments_s = time.monotonic() + COMMENT_EVERY_S
        while True:
            for event in watcher.taken():
                await send({"type": "http.response.body", "body": _frame(event), "more_body": True})
            now_s = time.monotonic()
            if watcher.is_over or now_s >= ends_s:
                return
            if now_s >= comments_s:
                # A stream outlives what its caller may do; so that is asked again and again.
                if not await self._is_still_admitted():
                    return
                await send({"type": "http.response.body", "body": COMMENT, "more_body": True})
                comments_s = now_s + COMMENT_EVERY_S
            await watcher.until_told(min(ends_s, comments_s) - now_s)


@router.get(
    "/stream",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def stream_requests(
    request: Request, call: Annotated[Call, requires("self")], query: Annotated[StreamQuery, Query()]
) -> EventStream:
    """`pending`: what is under way now; `log_batch`: what has ended since; `resync`: read the list again."""

    def whose(call: Call) -> str | None:
        return owner(call, query.user_id, everybody=query.everybody)

    async def is_still_admitted() -> bool:
        try:
            now = await identify(request)
            return now.principal.may("self") and whose(now) == user_id
        except Refusal:
            return False

    user_id = whose(call)
    caller = f"{call.principal.kind}:{call.principal.id}"
    live = ledger_of(request).live
    return EventStream(live, caller, user_id, for_s=query.for_s, is_still_admitted=is_still_admitted)


async def _until_left(receive: Receive, watcher: Watcher) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    watcher.end()


def _frame(event: Event) -> bytes:
    match event:
        case Pending(requests):
            return b"event: pending\ndata: %b\n\n" % _encoder.encode(requests)
        case Ended(requests):
            return b"event: log_batch\ndata: %b\n\n" % _logged.dump_json(requests)
        case _:
            return b"event: resync\ndata: {}\n\n"
