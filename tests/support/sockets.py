"""A gateway's WebSockets, served over TCP by the server that serves them in earnest, and a client of them."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect

from monoize.gateway.websocket.bounds import Bounds
from monoize.gateway.websocket.sockets import Sockets
from monoize.main.websockets import SPOKEN
from support.gateway import KEY, Bench
from support.patience import PATIENCE_S

ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed", "error"})


class Client:
    """One connection, as a program would use it."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, type: str = "response.create", **members: Any) -> None:
        await self.connection.send(json.dumps({"type": type, **members}))

    async def ask(self, text: object = "hello", **members: Any) -> list[dict[str, Any]]:
        """All events of a turn."""
        await self.say(**{"model": "m", "input": text} | members)
        return await self.heard()

    async def heard(self) -> list[dict[str, Any]]:
        events = [await self.event()]
        while events[-1]["type"] not in ENDS:
            events.append(await self.event())
        return events

    async def event(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            found: dict[str, Any] = json.loads(await self.connection.recv())
        return found

    async def closed(self) -> int | None:
        """With which code; what still comes before it is left alone."""
        async with asyncio.timeout(PATIENCE_S):
            await self.connection.wait_closed()
        return self.connection.close_code


class Served:
    def __init__(self, server: uvicorn.Server, sockets: Sockets, port: int) -> None:
        self.server = server
        self.sockets = sockets
        self.port = port

    @contextlib.asynccontextmanager
    async def opened(
        self,
        path: str = "/v1/responses",
        *,
        key: str | None = KEY,
        headers: Mapping[str, str] | None = None,
        **how: Any,
    ) -> AsyncIterator[Client]:
        shown = {"authorization": f"Bearer {key}"} if key else {}
        address = f"ws://127.0.0.1:{self.port}{path}"
        usual = {"additional_headers": {**shown, **(headers or {})}, "max_size": None, "proxy": None}
        async with connect(address, **(usual | how)) as connection:
            yield Client(connection)


@contextlib.asynccontextmanager
async def serving_sockets(bench: Bench, **bounds: Any) -> AsyncIterator[Served]:
    sockets = Sockets(bench.gateway, bench.keys, bounds=Bounds(**bounds))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        inside: ASGIApp = bench.gateway if scope["type"] == "http" else sockets
        await inside(scope, receive, send)

    config = uvicorn.Config(
        app,
        port=0,
        lifespan="off",
        http="httptools",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=PATIENCE_S,
        **SPOKEN,
    )
    server = _Quiet(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield Served(server, sockets, server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        await running


class _Quiet(uvicorn.Server):
    """It leaves the signals of the test run alone."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield
