"""The texts of one connection, in both directions, within bounds.

Between turns `next` waits for the client. During a turn somebody has to listen all the same, for nothing else tells
that the client has left: that is `until_left`, and what is said meanwhile waits. Who does not keep to the bounds is
refused once the turn is over.
"""

import asyncio
import contextlib
import time
from collections import deque
from typing import Any, Final

from starlette.types import Message, Receive, Scope, Send

from monoize.base.errors import Refusal
from monoize.gateway.errors import MalformedRequest, WebsocketWornOut
from monoize.gateway.exchange import CallerLeft
from monoize.gateway.websocket.bounds import Bounds

STOP: Final = "monoize.stop"
"""Whose scope has this gets a message of this type when the server stops, and closes its connection itself."""

NORMAL: Final = 1000
GOING_AWAY: Final = 1001
POLICY: Final = 1008


class Line:
    def __init__(self, scope: Scope, receive: Receive, send: Send, bounds: Bounds) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._bounds = bounds
        self._dies_s = time.monotonic() + bounds.life_s
        self._waiting: deque[bytes] = deque()
        self._heard_bytes = 0
        self._refusal: Refusal | None = None
        self._is_stopping = False
        self._is_over = False

    async def open(self) -> None:
        self._scope[STOP] = True
        await self._put({"type": "websocket.accept"})

    async def next(self) -> bytes | None:
        """The next message; None when there is none to wait for any more."""
        while not (self._is_over or self._is_stopping):
            if self._waiting:
                return self._waiting.popleft()
            if self._refusal is not None:
                raise self._refusal
            patience_s = min(self._bounds.idle_s, self._dies_s - time.monotonic())
            try:
                async with asyncio.timeout(patience_s):
                    self._take(await self._receive())
            except TimeoutError:
                return None
        return None

    async def until_left(self) -> None:
        while not self._is_over:
            self._take(await self._receive())

    async def say(self, text: str) -> None:
        """CallerLeft when nobody takes it."""
        await self._put({"type": "websocket.send", "text": text})

    async def close(self, code: int | None = None) -> None:
        if self._is_over:
            return
        if code is None:
            code = GOING_AWAY if self._is_stopping else NORMAL
        with contextlib.suppress(CallerLeft):
            await self._put({"type": "websocket.close", "code": code})
        self._is_over = True

    def _take(self, message: Message) -> None:
        kind, text = message["type"], message.get("text")
        if kind == "websocket.disconnect":
            self._is_over = True
        elif kind == STOP:
            self._is_stopping = True
        elif self._refusal is None:
            self._hear(text)

    def _hear(self, text: str | None) -> None:
        message = (text or "").encode()
        self._heard_bytes += len(message)
        if text is None:
            self._refusal = MalformedRequest("Messages are text, in JSON.")
        elif self._heard_bytes > self._bounds.heard_bytes:
            self._refusal = WebsocketWornOut()
        elif len(self._waiting) >= self._bounds.waiting:
            self._refusal = WebsocketWornOut("Too many messages came while an answer was under way.")
        else:
            self._waiting.append(message)

    async def _put(self, message: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(self._bounds.send_s):
                await self._send(message)
        except (TimeoutError, OSError):
            self._is_over = True
            raise CallerLeft from None
