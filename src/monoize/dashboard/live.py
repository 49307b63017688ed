"""Parts of pages that keep up: rendered again while somebody looks, and sent when they have become another.

js/live.js shows what comes. The stream ends when the server stops, after an hour, and with the session that it was
asked by: whoever is signed out, disabled or no longer permitted is told nothing more. It outlives no bound: five
streams of one caller, and one rendering each `every_s`, never two at once.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal, Unavailable
from monoize.base.principal import Permission
from monoize.control.edge.event_stream import COMMENT, COMMENT_EVERY_S, LASTS_S_MOST, EventStream, Say
from monoize.control.ledger.services import ledger_of
from monoize.dashboard.session import Person, person_of

EVERY_S: Final = 2.0
END: Final = b"event: end\ndata:\n\n"


def live_part(
    request: Request,
    person: Person,
    show: Callable[[], Awaitable[str]],
    *,
    every_s: float = EVERY_S,
    permission: Permission = "self",
) -> Response:
    """`show` renders the part as it is now."""
    audience = ledger_of(request).live.audience

    async def tell(say: Say) -> None:
        shown = ""
        begun_s = asked_s = time.monotonic()
        while (now_s := time.monotonic()) < begun_s + LASTS_S_MOST:
            if now_s >= asked_s + COMMENT_EVERY_S:
                if not await _is_still_admitted(request, permission):
                    await say(END)
                    return
                await say(COMMENT)
                asked_s = now_s
            try:
                news = await show()
            except Unavailable:  # What was shown last still stands; the next look may find more.
                news = shown
            if news != shown:
                await say(frame(news))
                shown = news
            await asyncio.sleep(every_s)

    return EventStream(tell, audience, person.call.principal)


def frame(html: str) -> bytes:
    """One message; its lines are put together again by the browser."""
    return b"".join(b"data: %b\n" % line.encode() for line in html.split("\n")) + b"\n"


async def _is_still_admitted(request: Request, permission: Permission) -> bool:
    try:
        return (await person_of(request)).may(permission)
    except Refusal:
        return False
