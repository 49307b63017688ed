"""A proxy in this process, with a control plane that keeps agents and flushes in memory, and what talks to it."""

import asyncio
import base64
import contextlib
import dataclasses
import hashlib
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from monoize.contract.egress import EgressAsked, EgressGrant, EgressNews, Flush, FlushTaken
from monoize.egress.errors import GrantsUnavailable
from monoize.egress.presence import Bounds
from monoize.egress.proxy import Proxy
from monoize.egress.reach import Rules
from support.patience import PATIENCE_S

FLUSH_S: Final = 0.05
UNHURRIED: Final = Bounds(connections=256, new_per_s=10_000, new_at_once=10_000)
TOKEN: Final = "ab" * 32
OPENED: Final = (ipaddress.IPv4Network("127.0.0.0/8"),)


class Desk:
    """`Above`, as the proxy sees it. `is_away`: nobody answers."""

    def __init__(self) -> None:
        self.grants: dict[EgressAsked, EgressGrant] = {}
        self.flushes: dict[tuple[str, int], Flush] = {}
        self.cut_off: dict[str, Any] = {}
        self.is_away = False
        self.forgets_to_answer = False
        self.times_taken = 0
        self._mark = 0

    def agent(self, id: str = "a1", token: str = TOKEN, **fields: Any) -> str:
        """Its credential, as in a proxy's address."""
        grant = EgressGrant(agent_id=id, user_id="u", machine_id=f"m-{id}")
        self.grants[asked(id, token)] = msgspec.structs.replace(grant, **fields)
        return f"{id}:{token}"

    def changed(self) -> None:
        self._mark += 1

    def revoke(self, id: str = "a1", token: str = TOKEN) -> None:
        del self.grants[asked(id, token)]
        self.changed()

    def counted(self, agent_id: str = "a1") -> tuple[int, int]:
        rows = [row for flush in self.flushes.values() for row in flush.counted if row.agent_id == agent_id]
        return sum(row.sent for row in rows), sum(row.received for row in rows)

    async def grant(self, asked: EgressAsked) -> EgressGrant | None:
        self._answering()
        return self.grants.get(asked)

    async def take(self, flush: Flush) -> FlushTaken:
        self._answering()
        self.times_taken += 1
        self.flushes.setdefault((flush.source, flush.sequence), flush)
        if self.forgets_to_answer:
            raise GrantsUnavailable
        return FlushTaken({id: why for id, why in self.cut_off.items() if id in flush.connected})

    async def news(self, mark: str) -> EgressNews:
        self._answering()
        return EgressNews(str(self._mark), mark != str(self._mark))

    def _answering(self) -> None:
        if self.is_away:
            raise GrantsUnavailable


def asked(id: str, token: str) -> EgressAsked:
    return EgressAsked(id, hashlib.sha256(token.encode()).hexdigest())


def basic(credential: str) -> str:
    return "Basic " + base64.b64encode(credential.encode()).decode()


@dataclasses.dataclass
class Running:
    proxy: Proxy
    desk: Desk
    port: int
    lines: "list[Line]" = dataclasses.field(default_factory=list)

    async def connect(self) -> "Line":
        self.lines.append(Line(*await asyncio.open_connection("127.0.0.1", self.port)))
        return self.lines[-1]

    async def tunnel(self, port: int, credential: str, host: str = "127.0.0.1") -> "Line":
        """Opened, or an AssertionError with what was answered."""
        line = await self.connect()
        answer = await line.ask(connect(f"{host}:{port}", credential))
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        return line


@dataclasses.dataclass
class Line:
    """One connection to the proxy."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, request: bytes) -> bytes:
        """The head of the answer."""
        self.writer.write(request)
        return await self.head()

    async def head(self) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def answer(self, request: bytes) -> tuple[int, bytes, bytes]:
        """(status, head, body by its content-length)"""
        head = await self.ask(request)
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        async with asyncio.timeout(PATIENCE_S):
            body = await self.reader.readexactly(int(length or 0))
        return int(head.split()[1]), head, body

    async def read(self, size: int = -1) -> bytes:
        """Until the end, or so many bytes."""
        async with asyncio.timeout(PATIENCE_S):
            return await (self.reader.read() if size < 0 else self.reader.readexactly(size))

    async def is_closed(self) -> bool:
        try:
            return not await self.read()
        except ConnectionError:
            return True

    def close(self) -> None:
        self.writer.close()


def connect(authority: str, credential: str | None) -> bytes:
    shown = f"Proxy-Authorization: {basic(credential)}\r\n" if credential else ""
    return f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{shown}\r\n".encode()


def get(url: str, credential: str | None, *fields: str, method: str = "GET") -> bytes:
    shown = [f"Proxy-Authorization: {basic(credential)}"] if credential else []
    lines = [f"{method} {url} HTTP/1.1", "Host: ignored.example", *shown, *fields, "", ""]
    return "\r\n".join(lines).encode()


@contextlib.asynccontextmanager
async def running_proxy(
    folder: Path,
    *,
    ports: Sequence[int],
    opened: Sequence[Any] = OPENED,
    bounds: Bounds = UNHURRIED,
    resolve: Any = None,
    protected: Sequence[tuple[str, int]] = (),
    desk: Desk | None = None,
    grace_s: float = 0.0,
) -> AsyncIterator[Running]:
    desk = desk or Desk()
    shut = {(ipaddress.ip_address(host), port) for host, port in protected}
    rules = Rules(frozenset(ports), tuple(opened))
    proxy = Proxy(desk, rules, shut.__contains__, folder, bounds=bounds, flush_every_s=FLUSH_S, resolve=resolve)
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        await proxy.open(listener)
        running = Running(proxy, desk, listener.getsockname()[1])
        try:
            yield running
        finally:
            await proxy.close(grace_s)
            for line in running.lines:
                line.writer.transport.abort()
            await asyncio.sleep(0)


class CountingServer:
    """Counts what it reads and writes itself."""

    def __init__(self) -> None:
        self.received = 0
        self.sent = 0
        self.port = 0
        self.requests: list[bytes] = []


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def counting_server(talk: Talk | None = None) -> AsyncIterator[CountingServer]:
    """Echoes what comes, and ends when the other side has; or talks as it is told to. Counts at its own socket."""
    counted = CountingServer()
    tasks: list[asyncio.Task[None]] = []

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await (talk or echo)(_Counts(reader, counted), _Sends(writer, counted))  # type: ignore[arg-type]
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.get_running_loop().create_task(serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0, backlog=512)
    counted.port = server.sockets[0].getsockname()[1]
    try:
        yield counted
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Counts:
    def __init__(self, reader: asyncio.StreamReader, counted: CountingServer) -> None:
        self._reader = reader
        self._counted = counted

    async def read(self, most: int) -> bytes:
        return self._seen(await self._reader.read(most))

    async def readexactly(self, size: int) -> bytes:
        return self._seen(await self._reader.readexactly(size))

    async def readuntil(self, separator: bytes) -> bytes:
        data = self._seen(await self._reader.readuntil(separator))
        self._counted.requests.append(data)
        return data

    def _seen(self, data: bytes) -> bytes:
        self._counted.received += len(data)
        return data


class _Sends:
    def __init__(self, writer: asyncio.StreamWriter, counted: CountingServer) -> None:
        self._writer = writer
        self._counted = counted

    def write(self, data: bytes) -> None:
        self._counted.sent += len(data)
        self._writer.write(data)

    async def drain(self) -> None:
        await self._writer.drain()

    def write_eof(self) -> None:
        self._writer.write_eof()

    def close(self) -> None:
        self._writer.close()

    @property
    def transport(self) -> asyncio.WriteTransport:
        return self._writer.transport


async def until(holds: Callable[[], bool]) -> None:
    """It holds within a moment."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.005)
