"""What a deployment or a build says, as server-sent events: all that was said so far, then what follows.

`state` and `said` carry a line each; `end` carries the operation as it ended. Who comes back says
with `after` (or `Last-Event-ID`) what they have seen. A stream ends early when its caller may no longer look.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from monoize.base.errors import Refusal
from monoize.base.principal import Call
from monoize.control.edge.caller import identify
from monoize.control.edge.house import house_of
from monoize.control.edge.wire import BIG_INTEGER_MOST
from monoize.control.projects.actions.deployments import LINES_AT_ONCE, lines
from monoize.control.projects.api.scope import within_scope
from monoize.control.projects.services import projects_of
from monoize.control.projects.store.operation_lines import Of, OperationLine
from monoize.infra.db import Database, Tx

LASTS_S_MOST: Final = 3_600
LOOKED_EVERY_S: Final = 0.5
COMMENT_EVERY_S: Final = 15.0
COMMENT: Final = b": still here\n\n"
STREAMED: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}
}
_line: Final = TypeAdapter(OperationLine)

# The operation as it is now, and whether it is over.
Look = Callable[[Tx], Awaitable[tuple[bytes, bool]]]


class EventsQuery(BaseModel):
    """An unknown field is refused, so that a misspelt one cannot be ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    after: Annotated[int, Field(ge=0, le=BIG_INTEGER_MOST, description="The last line that was seen.")] = 0
    for_s: Annotated[
        int, Field(ge=0, le=LASTS_S_MOST, description="After so many seconds it ends; 0: with what there is now.")
    ] = LASTS_S_MOST


class OperationEvents(Response):
    media_type = "text/event-stream"

    def __init__(self, request: Request, call: Call, of: Of, id: int, query: EventsQuery, look: Look) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._request = request
        self._caller = f"{call.principal.kind}:{call.principal.id}"
        self._of: Of = of
        self._id = id
        self._after = max(query.after, _last_event_id(request))
        self._for_s = query.for_s
        self._look = look
        self._followers = projects_of(request).followers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._followers.one_more(self._caller):
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async with asyncio.TaskGroup() as together:
                telling = together.create_task(self._tell(house_of(self._request).database, send))
                leaving = together.create_task(_until_left(receive))
                await asyncio.wait({telling, leaving}, return_when=asyncio.FIRST_COMPLETED)
                telling.cancel()
                leaving.cancel()
            # Whoever has left hears nothing of it.
            with contextlib.suppress(OSError):
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _tell(self, database: Database, send: Send) -> None:
        ends_s = time.monotonic() + self._for_s
        comments_s = time.monotonic() + COMMENT_EVERY_S
        while True:
            async with database.read() as tx:
                # First how it is, then what was said: so nothing that was said before its end is missed.
                shown, is_over = await self._look(tx)
                found = await lines(tx, self._of, self._id, self._after)
            if found:
                self._after = found[-1].id
                await _send(send, b"".join(map(_frame, found)))
            if len(found) == LINES_AT_ONCE:
                continue
            now_s = time.monotonic()
            if is_over:
                await _send(send, b"event: end\ndata: %b\n\n" % shown)
                return
            if now_s >= ends_s:
                return
            if now_s >= comments_s:
                # A stream outlives what its caller may do; so that is asked again and again.
                if not await self._is_still_admitted():
                    return
                await _send(send, COMMENT)
                comments_s = now_s + COMMENT_EVERY_S
            await asyncio.sleep(max(0.0, min(LOOKED_EVERY_S, ends_s - now_s)))

    async def _is_still_admitted(self) -> bool:
        try:
            now = await identify(self._request)
            await within_scope(self._request, now)
        except Refusal:
            return False
        return now.principal.may("projects.read")


async def _send(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _frame(line: OperationLine) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (line.id, line.kind.encode(), _line.dump_json(line))


def _last_event_id(request: Request) -> int:
    told = request.headers.get("last-event-id", "")
    return int(told) if told.isdecimal() and len(told) <= 18 else 0
