"""What a deployment or a build says, as server-sent events: all that was said so far, then what follows.

`state` and `said` carry a line each; `end` carries the operation as it ended. Who comes back says
with `after` (or `Last-Event-ID`) what they have seen. A stream ends early when its caller may no longer look.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from monoize.base.principal import Call
from monoize.control.edge.event_stream import COMMENT, COMMENT_EVERY_S, LASTS_S_MOST, EventStream, Say
from monoize.control.edge.house import house_of
from monoize.control.edge.wire import BIG_INTEGER_MOST
from monoize.control.projects.actions.deployments import LINES_AT_ONCE, lines
from monoize.control.projects.api.scope import is_still_admitted
from monoize.control.projects.services import projects_of
from monoize.control.projects.store.operation_lines import Of, OperationLine
from monoize.infra.db import Tx

LOOKED_EVERY_S: Final = 0.5
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


def operation_events(request: Request, call: Call, of: Of, id: int, query: EventsQuery, look: Look) -> EventStream:
    async def tell(say: Say) -> None:
        database = house_of(request).database
        after = max(query.after, _last_event_id(request))
        ends_s = time.monotonic() + query.for_s
        comments_s = time.monotonic() + COMMENT_EVERY_S
        while True:
            async with database.read() as tx:
                # First how it is, then what was said: so nothing that was said before its end is missed.
                shown, is_over = await look(tx)
                found = await lines(tx, of, id, after)
            if found:
                after = found[-1].id
                await say(b"".join(map(_frame, found)))
            if len(found) == LINES_AT_ONCE:
                continue
            now_s = time.monotonic()
            if is_over:
                await say(b"event: end\ndata: %b\n\n" % shown)
                return
            if now_s >= ends_s:
                return
            if now_s >= comments_s:
                if not await is_still_admitted(request):
                    return
                await say(COMMENT)
                comments_s = now_s + COMMENT_EVERY_S
            await asyncio.sleep(max(0.0, min(LOOKED_EVERY_S, ends_s - now_s)))

    return EventStream(tell, projects_of(request).audience, call.principal)


def _frame(line: OperationLine) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (line.id, line.kind.encode(), _line.dump_json(line))


def _last_event_id(request: Request) -> int:
    told = request.headers.get("last-event-id", "")
    return int(told) if told.isdecimal() and len(told) <= 18 else 0
