"""One request and its answer, as ASGI sees them. Its connection feeds it, and carries what it says."""

import asyncio
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Final, Protocol

import structlog
from starlette.types import ASGIApp, Message, Scope

from monoize.gateway.exchange import EXTENSION

log = structlog.get_logger(__name__)

UNREAD_MOST: Final = 2**16
"""How much of a body may wait to be read before its sender has to."""

_BODILESS: Final = frozenset((204, 304))
_DISCONNECT: Final[Message] = {"type": "http.disconnect"}


def _status_line(status: int) -> bytes:
    return f"HTTP/1.1 {status} {_PHRASES.get(status, '')}\r\n".encode()


_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}
STATUS_LINES: Final = {status: _status_line(status) for status in range(100, 600)}


class Carrier(Protocol):
    """What a turn needs of its connection."""

    is_full: bool
    """Whether the caller takes less than we say."""

    def say(self, data: bytes) -> None: ...
    def read_on(self) -> None: ...
    def hold_back(self) -> None: ...
    async def has_taken(self) -> None:
        """Comes back when the caller has taken what was said, or is given up because it does not."""

    def turn_over(self, turn: "Turn") -> None: ...


class Turn:
    __slots__ = (
        "_body",
        "_carrier",
        "_is_chunked",
        "_is_read",
        "_is_silent",
        "_left",
        "_loop",
        "_owed",
        "_scope",
        "_standing_headers",
        "_unread",
        "_waiting",
        "body_is_whole",
        "expects_continue",
        "has_begun",
        "is_over",
        "keeps_open",
    )

    def __init__(
        self, carrier: Carrier, scope: Scope, loop: asyncio.AbstractEventLoop, *, standing_headers: bytes
    ) -> None:
        self._carrier = carrier
        self._scope = scope
        self._loop = loop
        self._body: list[bytes] = []
        self._unread = 0
        self._is_read = False
        self._waiting: list[asyncio.Future[None]] = []
        self._left: Callable[[], None] | None = None
        self._is_chunked = False
        self._is_silent = scope["method"] == "HEAD"
        # Of a body whose length was told, what is still to come.
        self._owed = 0
        self._standing_headers = standing_headers
        self.body_is_whole = False
        self.expects_continue = False
        self.has_begun = False
        self.is_over = False
        self.keeps_open = True
        scope["extensions"] = {EXTENSION: self}

    async def run(self, app: ASGIApp) -> None:
        try:
            await app(self._scope, self._receive, self._send)
        except Exception:  # The last rung: whatever was not foreseen must still be answered and logged.
            log.exception("request_failed", path=self._scope["path"][:64])
        if not self.has_begun and not self.is_over:
            self.refuse(500)
        elif not self.is_over:
            # Half an answer must not look like a whole one.
            self.keeps_open = False
            self._end()

    def refuse(self, status: int) -> None:
        """For those whom the application cannot answer."""
        self.has_begun, self.keeps_open = True, False
        head = STATUS_LINES[status] + self._standing_headers
        self._carrier.say(head + b"content-length: 0\r\nconnection: close\r\n\r\n")
        self._end()

    # What the connection hears.

    def feed(self, data: bytes) -> None:
        if self.is_over:
            return
        self._body.append(data)
        self._unread += len(data)
        if self._unread > UNREAD_MOST:
            self._carrier.hold_back()
        self._wake()

    def fed(self) -> None:
        self.body_is_whole = True
        self._wake()

    def left(self) -> None:
        """The caller has hung up."""
        self.is_over = True
        self._wake()
        if self._left is not None:
            self._left()

    # What the application says.

    def whole_body(self) -> bytes | None:
        if not self.body_is_whole or self._is_read:
            return None
        return self._taken()

    async def say(self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
        if self.is_over:
            return
        self._begin(status, headers)
        self._say(body, is_last=True)
        if self._carrier.is_full:
            await self._carrier.has_taken()

    def takes_more(self) -> bool:
        return not (self.is_over or self._carrier.is_full)

    def say_more(self, chunk: bytes) -> None:
        if self._is_chunked and chunk:
            self._carrier.say(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        else:
            self._say(chunk, is_last=False)

    def when_left(self, call: Callable[[], None] | None) -> None:
        self._left = call
        if call is not None and self.is_over:
            call()

    async def _receive(self) -> Message:
        if self.expects_continue and not self.has_begun:
            self.expects_continue = False
            self._carrier.say(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not (self._body or self.body_is_whole or self.is_over):
            await self._news()
        if self._body or not (self._is_read or self.is_over):
            return {"type": "http.request", "body": self._taken(), "more_body": not self.body_is_whole}
        while not self.is_over:
            await self._news()
        return _DISCONNECT

    async def _send(self, message: Message) -> None:
        if self.is_over:
            return
        if message["type"] == "http.response.start":
            self._begin(message["status"], message.get("headers", ()))
        else:
            self._say(message.get("body", b""), is_last=not message.get("more_body"))
        if self._carrier.is_full:
            await self._carrier.has_taken()

    def _begin(self, status: int, headers: Any) -> None:
        if self.has_begun:
            raise RuntimeError("an answer begins once")
        # Of a body that is still to come nobody knows where it ends.
        self.keeps_open = self.keeps_open and self.body_is_whole
        parts = [STATUS_LINES[status], self._standing_headers]
        is_sized = False
        for name, value in headers:
            parts += name, b": ", value, b"\r\n"
            if name == b"content-length":
                is_sized, self._owed = True, int(value)
            elif name == b"connection" and value.lower() == b"close":
                self.keeps_open = False
        head = b"".join(parts)
        if head.count(b"\n") != 1 + self._standing_headers.count(b"\n") + len(headers):
            raise RuntimeError("a header of an answer is one line")
        self._is_silent = self._is_silent or status in _BODILESS
        if not is_sized and not self._is_silent:
            if self._scope["http_version"] == "1.1":
                self._is_chunked = True
                head += b"transfer-encoding: chunked\r\n"
            else:
                self.keeps_open = False
        self.has_begun = True
        self._carrier.say(head + (b"\r\n" if self.keeps_open else b"connection: close\r\n\r\n"))

    def _say(self, data: bytes, *, is_last: bool) -> None:
        if not self.has_begun:
            raise RuntimeError("an answer begins with its head")
        if self._is_silent:
            data = b""
        elif self._is_chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
            if is_last:
                data += b"0\r\n\r\n"
        else:
            self._owed -= len(data)
        if data:
            self._carrier.say(data)
        if is_last:
            # Whoever reads on would take the next answer for the rest of this one.
            self.keeps_open = self.keeps_open and (self._is_silent or self._is_chunked or not self._owed)
            self._end()

    def _end(self) -> None:
        self.is_over = True
        self._wake()
        self._carrier.turn_over(self)

    def _taken(self) -> bytes:
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body, self._unread, self._is_read = [], 0, self.body_is_whole
        self._carrier.read_on()
        return body

    async def _news(self) -> None:
        waiting = self._loop.create_future()
        self._waiting.append(waiting)
        await waiting

    def _wake(self) -> None:
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
        self._waiting.clear()
