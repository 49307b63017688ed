"""One request of a caller and the answer to it, as bytes: ASGI, with bounds and without a framework.

The body is read once, in bounded time and size. The answer begins once, with headers that every answer has. Whether
the caller is still there is known only by listening, which is what `left` does.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.types import Message, Receive, Scope, Send

from monoize.gateway.errors import RequestTooLarge, RequestTooSlow

BODY_TIMEOUT_S: Final = 30.0
JSON_TYPE: Final = b"application/json"
SSE_TYPE: Final = b"text/event-stream; charset=utf-8"

Header = tuple[bytes, bytes]


class CallerLeft(Exception):
    """Nobody waits for this answer any more."""


class Exchange:
    def __init__(self, scope: Scope, receive: Receive, send: Send, *, request_id: str, ip: str | None) -> None:
        self.request_id = request_id
        self.ip = ip
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: Mapping[bytes, bytes] = dict(scope["headers"])
        self.query: Mapping[str, str] = dict(parse_qsl(scope["query_string"].decode("latin-1"), max_num_fields=64))
        self.started_s = time.monotonic()
        self.has_begun = False
        self.is_over = False
        self.status = 0
        self._receive = receive
        self._send = send

    def header(self, name: bytes) -> str | None:
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    async def body(self, most: int) -> bytes:
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                return await self._body(most)
        except TimeoutError:
            raise RequestTooSlow from None

    async def _body(self, most: int) -> bytes:
        declared = self.headers.get(b"content-length", b"0")
        if not declared.isdigit() or len(declared) > len(str(most)) or int(declared) > most:
            raise RequestTooLarge
        message = await self._receive()
        first: bytes = message.get("body", b"")
        if message["type"] == "http.request" and not message.get("more_body") and len(first) <= most:
            return first
        parts, size = [first], len(first)
        while message["type"] == "http.request" and message.get("more_body"):
            if size > most:
                raise RequestTooLarge
            message = await self._receive()
            parts.append(message.get("body", b""))
            size += len(parts[-1])
        if message["type"] == "http.disconnect":
            raise CallerLeft
        if size > most:
            raise RequestTooLarge
        return b"".join(parts)

    async def left(self) -> None:
        """Comes back when the caller has hung up; to be asked after the body was read."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def answer(self, status: int, body: bytes, headers: Iterable[Header] = ()) -> None:
        """A whole answer at once."""
        await self.begin(status, [*headers, (b"content-length", b"%d" % len(body))])
        await self.finish(body)

    async def begin(self, status: int, headers: Iterable[Header]) -> None:
        self.has_begun = True
        self.status = status
        id = self.request_id.encode()
        every: Sequence[Header] = ((b"x-request-id", id), (b"request-id", id))
        await self._put({"type": "http.response.start", "status": status, "headers": [*headers, *every]})

    async def write(self, chunk: bytes) -> None:
        await self._put({"type": "http.response.body", "body": chunk, "more_body": True})

    async def finish(self, chunk: bytes = b"") -> None:
        self.is_over = True
        await self._put({"type": "http.response.body", "body": chunk, "more_body": False})

    async def _put(self, message: Message | dict[str, Any]) -> None:
        await self._send(message)
