"""/api/requests/stream: the request log as it grows, as server-sent events."""

import time
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from starlette.responses import StreamingResponse

from monoize.base.errors import Refusal
from monoize.base.principal import Call
from monoize.control.edge.caller import identify, requires
from monoize.control.edge.event_stream import COMMENT, COMMENT_EVERY_S, LASTS_S_MOST, STREAMED, EventStream, Say
from monoize.control.edge.owners import Everybody, Whose, owner
from monoize.control.edge.routers import Router
from monoize.control.ledger.actions.live import Ended, Event, Pending
from monoize.control.ledger.model.requests import LoggedRequest
from monoize.control.ledger.services import ledger_of

router = Router(prefix="/requests", tags=["requests"])

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


@router.get(
    "/stream",
    response_class=StreamingResponse,
    responses=STREAMED,
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

    async def tell(say: Say) -> None:
        with live.watched(user_id) as watcher:
            ends_s = time.monotonic() + query.for_s
            comments_s = time.monotonic() + COMMENT_EVERY_S
            while True:
                for event in watcher.taken():
                    await say(_frame(event))
                now_s = time.monotonic()
                if now_s >= ends_s:
                    return
                if now_s >= comments_s:
                    if not await is_still_admitted():
                        return
                    await say(COMMENT)
                    comments_s = now_s + COMMENT_EVERY_S
                await watcher.until_told(min(ends_s, comments_s) - now_s)

    user_id = whose(call)
    live = ledger_of(request).live
    return EventStream(tell, live.audience, call.principal)


def _frame(event: Event) -> bytes:
    match event:
        case Pending(requests):
            return b"event: pending\ndata: %b\n\n" % _encoder.encode(requests)
        case Ended(requests):
            return b"event: log_batch\ndata: %b\n\n" % _logged.dump_json(requests)
        case _:
            return b"event: resync\ndata: {}\n\n"
