"""One request of a caller and the answer to it, as bytes: ASGI, with bounds and without a framework.

The body is read once, in bounded time and size. The answer begins once, with headers that every answer has. Whether
the caller is still there is known only by listening, unless the server tells.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeVar
from urllib.parse import parse_qsl

from starlette.types import Message, Receive, Scope, Send

from monoize.base.errors import RequestTooLarge
from monoize.gateway.errors import RequestTooSlow

BODY_TIMEOUT_S: Final = 30.0
QUERY_MEMBERS_MOST: Final = 64
JSON_TYPE: Final = b"application/json"
SSE_TYPE: Final = b"text/event-stream; charset=utf-8"

Header = tuple[bytes, bytes]
Waited = TypeVar("Waited")


class CallerLeft(Exception):
    """Nobody waits for this answer any more."""


class Presence(Protocol):
    """What a server may tell of a caller beside what ASGI has words for, as the extension `EXTENSION`."""

    def whole_body(self) -> bytes | None:
        """All of the body, if it is here and nobody has read of it."""

    async def say(self, status: int, headers: Sequence[Header], body: bytes) -> None:
        """All of an answer."""

    def takes_more(self) -> bool:
        """Whether the caller is there, and takes what it is told."""

    def say_more(self, chunk: bytes) -> None:
        """A part of an answer that has begun and goes on."""

    def when_left(self, call: Callable[[], None] | None) -> None:
        """`call` is called once the caller has hung up; None: it need not be any more."""


EXTENSION: Final = "monoize.presence"


class Insider(NamedTuple):
    """Who asks from within this process, as the extension `INSIDER`; nothing that comes over a wire can say this.

    They show no key: `key_digest` says whose request it is. The request will be known by `request_id`.
    """

    key_digest: str
    request_id: str


INSIDER: Final = "monoize.insider"


class Exchange:
    def __init__(self, scope: Scope, receive: Receive, send: Send, *, request_id: str, ip: str | None) -> None:
        extensions: Mapping[str, Any] = scope.get("extensions", {})
        self.insider: Insider | None = extensions.get(INSIDER)
        self.request_id = self.insider.request_id if self.insider else request_id
        self.ip = ip
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: Mapping[bytes, bytes] = dict(scope["headers"])
        query = scope["query_string"]
        self.query: Mapping[str, str] = _query(query.decode("latin-1")) if query else {}
        self.started_s = time.monotonic()
        # When the answer began, and for how long we had nothing to do until then but to wait for others.
        self.began_s = 0.0
        self.waited_s = 0.0
        self.has_begun = False
        self.is_over = False
        self.status = 0
        self._is_overheard = False
        self._receive = receive
        self._send = send
        self._presence: Presence | None = extensions.get(EXTENSION)

    def header(self, name: bytes) -> str | None:
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    def overheard_by(self, listener: Callable[[Mapping[str, Any]], None]) -> None:
        """Tells every message of the answer to `listener` too, before it is sent."""
        self._is_overheard = True
        send = self._send

        async def told_to_both(message: Message) -> None:
            listener(message)
            await send(message)

        self._send = told_to_both

    async def waits_for(self, others: Awaitable[Waited]) -> Waited:
        began_s = time.monotonic()
        try:
            return await others
        finally:
            self.waited_s += time.monotonic() - began_s

    async def body(self, most: int) -> bytes:
        whole = self._presence.whole_body() if self._presence is not None else None
        if whole is not None and len(whole) <= most:
            return whole
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                return await self.waits_for(self._body(most))
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

    async def unless_left(self, work: Coroutine[Any, Any, Waited]) -> Waited:
        """Does it until it is done, or stops it with `CallerLeft`; to be asked after the body was read."""
        if self._presence is None:
            return await self._listening(work)
        task = asyncio.current_task()
        assert task is not None
        has_left = False

        def leaves() -> None:
            nonlocal has_left
            has_left = True
            task.cancel()

        self._presence.when_left(leaves)
        try:
            return await work
        except asyncio.CancelledError:
            if has_left and not task.uncancel():
                raise CallerLeft from None
            raise
        finally:
            self._presence.when_left(None)

    async def _listening(self, work: Coroutine[Any, Any, Waited]) -> Waited:
        async def until_left() -> None:
            while (await self._receive())["type"] != "http.disconnect":
                pass
            raise CallerLeft

        try:
            async with asyncio.TaskGroup() as together:
                watch = together.create_task(until_left())
                try:
                    return await work
                finally:
                    watch.cancel()
        except BaseExceptionGroup as group:
            # Of the two only one fails, since it takes the other along.
            raise group.exceptions[0] from None

    async def answer(self, status: int, body: bytes, headers: Iterable[Header] = ()) -> None:
        """A whole answer at once."""
        sized = [*headers, (b"content-length", b"%d" % len(body))]
        if self.presence is None:
            await self.begin(status, sized)
            await self.finish(body)
            return
        every = self._begins(status, sized)
        self.is_over = True
        await self.presence.say(status, every, body)

    async def begin(self, status: int, headers: Iterable[Header]) -> None:
        every = self._begins(status, headers)
        await self._send({"type": "http.response.start", "status": status, "headers": every})

    def _begins(self, status: int, headers: Iterable[Header]) -> Sequence[Header]:
        """All headers of the answer."""
        self.has_begun = True
        self.began_s = time.monotonic()
        self.status = status
        id = self.request_id.encode()
        return [*headers, (b"x-request-id", id), (b"request-id", id)]

    async def write(self, chunk: bytes) -> None:
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})

    @property
    def presence(self) -> Presence | None:
        """To be told the answer past everybody; None where somebody has to hear it on its way."""
        return None if self._is_overheard else self._presence

    async def finish(self, chunk: bytes = b"") -> None:
        self.is_over = True
        await self._send({"type": "http.response.body", "body": chunk, "more_body": False})


def _query(text: str) -> Mapping[str, str]:
    """Nothing of one that has more members than anybody has a use for."""
    try:
        return dict(parse_qsl(text, max_num_fields=QUERY_MEMBERS_MOST))
    except ValueError:
        return {}
