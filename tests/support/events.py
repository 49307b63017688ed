"""A stream of server-sent events, listened to in process for as long as a test wants."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from support.house import Client
from support.patience import PATIENCE_S


class Listening:
    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.is_over = False
        self._rest = b""
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def piece(self) -> str:
        """What stands between two empty lines: an event or a comment; nothing at the end."""
        async with asyncio.timeout(PATIENCE_S):
            while b"\n\n" not in self._rest:
                more = await self._pieces.get()
                if more is None:
                    return ""
                self._rest += more
        piece, _, self._rest = self._rest.partition(b"\n\n")
        return piece.decode()

    async def event(self) -> tuple[str, Any]:
        name, data = (await self.piece()).split("\n")
        return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            return
        self._pieces.put_nowait(message.get("body", b""))
        if not message.get("more_body"):
            self.is_over = True
            self._pieces.put_nowait(None)


@contextlib.asynccontextmanager
async def listening(client: Client, path: str) -> AsyncIterator[Listening]:
    """Hangs up at the end of the block, and waits until that was noticed."""
    found, left = Listening(), asyncio.Event()
    asked = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if asked:
            return asked.pop()
        await left.wait()
        return {"type": "http.disconnect"}

    address, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": address,
        "raw_path": address.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in client.headers.items()],
        "client": ("127.0.0.1", 50_000),
        "server": ("monoize.test", 80),
    }
    async with asyncio.timeout(10 * PATIENCE_S), asyncio.TaskGroup() as together:
        together.create_task(client.app(scope, receive, found.send))
        try:
            yield found
        finally:
            left.set()
