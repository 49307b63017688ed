"""What is told as it happens, as server-sent events or over a WebSocket: an object of JSON each, to the end.

A listener fills a bounded buffer while this sends from it, so a slow reader holds up nobody and is told what it
missed. A stream ends early when its caller may no longer look, and after an hour.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from fastapi import Request
from starlette.websockets import WebSocket, WebSocketDisconnect

from monoize.base.principal import Call
from monoize.control.edge.audience import Audience
from monoize.control.edge.event_stream import COMMENT, COMMENT_EVERY_S, LASTS_S_MOST, EventStream, Say
from monoize.control.projects.actions.running import Buffer, Dropped, Ended, Tell, Told
from monoize.control.projects.api.scope import is_still_admitted
from monoize.infra.docker import DockerError

_encoder: Final = msgspec.json.Encoder()

Listen = Callable[[Tell], Awaitable[None]]


def live_events(request: Request, call: Call, audience: Audience, for_s: float, listen: Listen) -> EventStream:
    async def tell(say: Say) -> None:
        buffer = Buffer()
        async with asyncio.TaskGroup() as together:
            listening = together.create_task(_listened(listen, buffer))
            await _tell(request, buffer, for_s, say)
            listening.cancel()

    return EventStream(tell, audience, call.principal)


async def over_websocket(socket: WebSocket, audience: Audience, listen: Listen) -> None:
    """The same over a WebSocket, which pings by itself; whatever the other side says is not listened to."""
    buffer = Buffer()
    async with asyncio.TaskGroup() as together:
        listening = together.create_task(_listened(listen, buffer))
        ends = [
            together.create_task(end)
            for end in (_tell_socket(buffer, socket), _until_left(socket), audience.until_closed())
        ]
        await asyncio.wait(ends, timeout=LASTS_S_MOST, return_when=asyncio.FIRST_COMPLETED)
        for task in (listening, *ends):
            task.cancel()
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):
        await socket.close()


async def _listened(listen: Listen, buffer: Buffer) -> None:
    """Until there is nothing more to hear; an engine that goes away in the middle is one of the ends."""
    try:
        await listen(buffer.tell)
    except* DockerError:
        pass
    finally:
        buffer.end()


async def _tell(request: Request, buffer: Buffer, for_s: float, say: Say) -> None:
    ends_s = time.monotonic() + for_s
    comments_s = time.monotonic() + COMMENT_EVERY_S
    while (now_s := time.monotonic()) < ends_s:
        told = await buffer.taken(max(0.0, min(ends_s, comments_s) - now_s))
        if told is None:
            return
        if told:
            await say(b"".join(map(_frame, told)))
        if time.monotonic() >= comments_s:
            if not await is_still_admitted(request):
                return
            await say(COMMENT)
            comments_s = time.monotonic() + COMMENT_EVERY_S


async def _tell_socket(buffer: Buffer, socket: WebSocket) -> None:
    while (told := await buffer.taken(COMMENT_EVERY_S)) is not None:
        for one in told:
            await socket.send_text(_encoder.encode(one).decode())


async def _until_left(socket: WebSocket) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await socket.receive_bytes()


def _frame(one: Told) -> bytes:
    match one:
        case Dropped():
            kind = b"dropped"
        case Ended():
            kind = b"end"
        case _:
            kind = b"told"
    return b"event: %b\ndata: %b\n\n" % (kind, _encoder.encode(one))
