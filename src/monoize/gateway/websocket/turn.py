"""One turn: a request of HTTP as the gateway knows it, whose answer goes out as messages.

So a turn has its own request id, and all happens to it that happens to a request: its key is looked at, money is
held, channels are tried, its charge comes before its last event.
"""

from collections.abc import Sequence
from typing import Any, Final

from starlette.types import ASGIApp, Scope

from monoize.gateway.exchange import JSON_TYPE
from monoize.gateway.websocket import events
from monoize.gateway.websocket.conversation import Answer
from monoize.gateway.websocket.events import Events
from monoize.gateway.websocket.line import Line

_OF_BODY: Final = frozenset((b"content-type", b"content-length", b"content-encoding", b"transfer-encoding"))


class Turn:
    def __init__(self, scope: Scope, line: Line, body: bytes, *, kept_most: int) -> None:
        self._scope = scope
        self._line = line
        self._body: bytes | None = body
        self._events = Events(kept_most)
        self._headers: Sequence[tuple[bytes, bytes]] = ()
        self._refusal = b""
        # Of HTTP; 0 when it was broken off.
        self.status = 0

    @property
    def answer(self) -> Answer | None:
        """Once it is complete."""
        return self._events.answer

    async def run(self, gateway: ASGIApp) -> None:
        assert self._body is not None
        await gateway(request_scope(self._scope, self._body), self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        body, self._body = self._body, None
        if body is not None:
            return {"type": "http.request", "body": body, "more_body": False}
        await self._line.until_left()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status, self._headers = message["status"], message["headers"]
            return
        chunk, is_end = message.get("body", b""), not message.get("more_body", False)
        if self.status != 200:
            self._refusal += chunk
            if is_end:
                await self._line.say(events.error(self.status, self._refusal, self._told_headers()))
            return
        for text in self._events.feed(chunk):
            await self._line.say(text)
        for text in self._events.end() if is_end else ():
            await self._line.say(text)

    def _told_headers(self) -> dict[str, str]:
        return {
            name.decode("latin-1"): value.decode("latin-1") for name, value in self._headers if name not in _OF_BODY
        }


def request_scope(scope: Scope, body: bytes) -> Scope:
    """What the handshake said of its sender, in a request with this body."""
    kept = [(name, value) for name, value in scope["headers"] if name not in _OF_BODY]
    of_body = [(b"content-type", JSON_TYPE), (b"content-length", b"%d" % len(body))]
    return {**scope, "type": "http", "method": "POST", "headers": [*kept, *of_body]}
