"""What is told as it happens, as server-sent events or over a WebSocket: an object of JSON each, to the end.

A listener fills a bounded buffer while this sends from it, so a slow reader holds up nobody and is told what it
missed. A stream ends early when its caller may no longer look, and after an hour.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from fastapi import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from monoize.base.errors import Refusal
from monoize.base.principal import Call
from monoize.control.edge.caller import identify
from monoize.control.projects.actions.followers import Followers
from monoize.control.projects.actions.running import Buffer, Dropped, Ended, Tell, Told
from monoize.control.projects.api.scope import within_scope
from monoize.infra.docker import DockerError

LASTS_S_MOST: Final = 3_600
COMMENT_EVERY_S: Final = 15.0
COMMENT: Final = b": still here\n\n"
STREAMED: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}
}
_encoder: Final = msgspec.json.Encoder()

Listen = Callable[[Tell], Awaitable[None]]


class LiveEvents(Response):
    media_type = "text/event-stream"

    def __init__(self, request: Request, call: Call, followers: Followers, for_s: float, listen: Listen) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._request, self._for_s, self._listen = request, for_s, listen
        # Refused before the first byte is sent, when there are too many.
        self._place = contextlib.ExitStack()
        self._place.enter_context(followers.one_more(caller_of(call)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        buffer = Buffer()
        with self._place:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async with asyncio.TaskGroup() as together:
                listening = together.create_task(listened(self._listen, buffer))
                telling = together.create_task(self._tell(buffer, send))
                leaving = together.create_task(_until_left(receive))
                await asyncio.wait({telling, leaving}, return_when=asyncio.FIRST_COMPLETED)
                for task in (listening, telling, leaving):
                    task.cancel()
            # Whoever has left hears nothing of it.
            with contextlib.suppress(OSError):
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _tell(self, buffer: Buffer, send: Send) -> None:
        ends_s = time.monotonic() + self._for_s
        comments_s = time.monotonic() + COMMENT_EVERY_S
        while True:
            now_s = time.monotonic()
            if now_s >= ends_s:
                return
            told = await buffer.taken(max(0.0, min(ends_s, comments_s) - now_s))
            if told is None:
                return
            if told:
                await _send(send, b"".join(map(_frame, told)))
            if time.monotonic() >= comments_s:
                if not await still_admitted(self._request):
                    return
                await _send(send, COMMENT)
                comments_s = time.monotonic() + COMMENT_EVERY_S


async def over_websocket(socket: WebSocket, listen: Listen) -> None:
    """The same over a WebSocket, which pings by itself; whatever the other side says is not listened to."""
    buffer = Buffer()
    async with asyncio.TaskGroup() as together:
        listening = together.create_task(listened(listen, buffer))
        telling = together.create_task(_tell_socket(buffer, socket))
        leaving = together.create_task(_until_closed(socket))
        await asyncio.wait({telling, leaving}, timeout=LASTS_S_MOST, return_when=asyncio.FIRST_COMPLETED)
        for task in (listening, telling, leaving):
            task.cancel()
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):
        await socket.close()


async def listened(listen: Listen, buffer: Buffer) -> None:
    """Until there is nothing more to hear; an engine that goes away in the middle is one of the ends."""
    try:
        await listen(buffer.tell)
    except* DockerError:
        pass
    finally:
        buffer.end()


def caller_of(call: Call) -> str:
    return f"{call.principal.kind}:{call.principal.id}"


async def still_admitted(request: Request) -> bool:
    """A stream outlives what its caller may do; so that is asked again and again."""
    try:
        now = await identify(request)
        await within_scope(request, now)
    except Refusal:
        return False
    return now.principal.may("projects.read")


async def _tell_socket(buffer: Buffer, socket: WebSocket) -> None:
    while (told := await buffer.taken(COMMENT_EVERY_S)) is not None:
        for one in told:
            await socket.send_text(_encoder.encode(one).decode())


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _until_closed(socket: WebSocket) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await socket.receive_bytes()


async def _send(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


def _frame(one: Told) -> bytes:
    match one:
        case Dropped():
            kind = b"dropped"
        case Ended():
            kind = b"end"
        case _:
            kind = b"told"
    return b"event: %b\ndata: %b\n\n" % (kind, _encoder.encode(one))
