"""Where answers come from: the gateway of this process, asked by somebody who is signed in; or an agent.

A source is read once, to its end or until whoever reads it is cancelled; it is closed either way, within bounds.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from typing import Any, Final, Protocol
from urllib.parse import unquote

from starlette.types import ASGIApp, Scope

from monoize.base.errors import Refusal
from monoize.control.compute.actions.gateway import Passage
from monoize.control.compute.drivers.agent_gateway import AgentGateways, Place
from monoize.dashboard.conversing.requests import Wired
from monoize.gateway.exchange import INSIDER, Insider

PIECES_WAITING_MOST: Final = 64
ENDS_S_MOST: Final = 10.0


class Source(Protocol):
    """`status` is that of HTTP, known with the first chunk."""

    status: int

    def chunks(self) -> AsyncGenerator[bytes, None]: ...


class FromGateway:
    """Asked as every client asks it, but for the key: nobody shows one, `insider` says whose request it is."""

    def __init__(self, gateway: ASGIApp, wired: Wired, insider: Insider, ip: str | None) -> None:
        self._gateway = gateway
        self._body: bytes | None = json.dumps(wired.body).encode()
        self._scope = _scope(wired.path, len(self._body), insider, ip)
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(PIECES_WAITING_MOST)
        self._left = asyncio.Event()
        self.status = 0

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        asks = asyncio.get_running_loop().create_task(self._ask())
        try:
            while (piece := await self._pieces.get()) is not None:
                yield piece
            await asks
        finally:
            # As a caller who hangs up: the provider is told to stop, and what had come is charged.
            self._left.set()
            while not self._pieces.empty():
                self._pieces.get_nowait()
            await asyncio.wait([asks], timeout=ENDS_S_MOST)
            asks.cancel()

    async def _ask(self) -> None:
        try:
            await self._gateway(self._scope, self._receive, self._send)
        finally:
            await self._say(None)

    async def _receive(self) -> dict[str, Any]:
        body, self._body = self._body, None
        if body is not None:
            return {"type": "http.request", "body": body, "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif chunk := message.get("body"):
            await self._say(chunk)

    async def _say(self, piece: bytes | None) -> None:
        if not self._left.is_set():
            await self._pieces.put(piece)


class FromAgent:
    """An agent's own gateway on its machine, in OpenAI's words. What goes by counts as its machine's traffic."""

    def __init__(self, gateways: AgentGateways, passage: Passage, place: Place, wired: Wired) -> None:
        self._gateways = gateways
        self._passage = passage
        self._place = place
        self._wired = wired
        self.status = 0

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        body = json.dumps(self._wired.body).encode()
        self._count(body)
        headers = [("content-type", "application/json"), ("accept-encoding", "identity")]
        async with self._gateways.ask(self._place, "POST", self._wired.path, "", headers, body) as answer:
            self.status = answer.status_code
            async for piece in answer.aiter_bytes():
                self._count(piece)
                yield piece

    def _count(self, piece: bytes) -> None:
        self._passage.count(self._place.machine_id, len(piece))


async def with_silences(chunks: AsyncGenerator[bytes, None], silence_s: float) -> AsyncGenerator[bytes, None]:
    """The same, with an empty chunk for each silence of this length."""
    waits: asyncio.Task[bytes | None] | None = None
    loop = asyncio.get_running_loop()
    async with contextlib.aclosing(chunks):
        try:
            while True:
                waits = waits or loop.create_task(_next(chunks))
                await asyncio.wait([waits], timeout=silence_s)
                if not waits.done():
                    yield b""
                    continue
                chunk, waits = waits.result(), None
                if chunk is None:
                    return
                yield chunk
        finally:
            if waits is not None:
                waits.cancel()
                with contextlib.suppress(asyncio.CancelledError, Refusal):
                    await waits


async def _next(chunks: AsyncGenerator[bytes, None]) -> bytes | None:
    return await anext(chunks, None)


def _scope(path: str, length: int, insider: Insider, ip: str | None) -> Scope:
    bare, _, query = path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": unquote(bare),
        "raw_path": bare.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % length)],
        "client": (ip, 0) if ip else None,
        "server": None,
        "extensions": {INSIDER: insider},
    }
