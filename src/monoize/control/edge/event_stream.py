"""Answers that go on while they come: server-sent events, until all is told or nobody listens any more.

What is told is a coroutine of its endpoint's. It is stopped when its caller has left, and asks by itself, whenever
it sends a comment, whether its caller may still look: a stream outlives what its caller may do.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from monoize.base.principal import Principal
from monoize.control.edge.audience import Audience

LASTS_S_MOST: Final = 3_600
COMMENT_EVERY_S: Final = 15.0
COMMENT: Final = b": still here\n\n"
STREAMED: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}
}
"""What the description of such an endpoint says of its answer."""

Say = Callable[[bytes], Awaitable[None]]


class EventStream(Response):
    """Refused before anything is sent where its audience is full, and over when that is closed."""

    media_type = "text/event-stream"

    def __init__(self, tell: Callable[[Say], Awaitable[None]], audience: Audience, caller: Principal) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._tell = tell
        self._audience = audience
        self._caller = caller

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def say(frames: bytes) -> None:
            await send({"type": "http.response.body", "body": frames, "more_body": True})

        async def telling() -> None:
            await self._tell(say)

        with self._audience.one_more(self._caller):
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async with asyncio.TaskGroup() as together:
                ends = [
                    together.create_task(end)
                    for end in (telling(), _until_left(receive), self._audience.until_closed())
                ]
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                for end in ends:
                    end.cancel()
            # Whoever has left hears nothing of it.
            with contextlib.suppress(OSError):
                await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
