"""A server that knows no HTTP: bytes in, bytes out, by a script for each connection."""

import asyncio
import contextlib
import dataclasses
import os
import re
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Final

from monoize.gateway.upstream.target import Target

RESET: Final = struct.pack("ii", 1, 0)


class Peer:
    """One connection, as the server sees it. `number` counts them from 0."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self.requests: list[bytes] = []
        self._reader = reader
        self._writer = writer

    @property
    def alpn(self) -> str | None:
        tls: ssl.SSLObject = self._writer.get_extra_info("ssl_object")
        return tls.selected_alpn_protocol()

    async def request(self) -> bytes:
        """All bytes of the next request; EOFError once the client has closed."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"\r\ncontent-length: (\d+)\r\n", head)
        body = await self._reader.readexactly(int(length[1])) if length else b""
        self.requests.append(head + body)
        return head + body

    async def send(self, *pieces: bytes) -> None:
        """Each piece arrives by itself."""
        for number, piece in enumerate(pieces):
            if number:
                await asyncio.sleep(0.001)
            if self._writer.is_closing():
                raise ConnectionError("the client has left")
            self._writer.write(piece)
            await self._writer.drain()

    async def answer(self, *pieces: bytes) -> bytes:
        """Send this in answer to the next request, which is returned."""
        request = await self.request()
        await self.send(*pieces)
        return request

    async def wait_until_closed(self) -> None:
        """Until the client has closed its end."""
        with contextlib.suppress(ConnectionError):
            while await self._reader.read(65536):
                pass

    def close(self) -> None:
        self._writer.close()

    def close_unseen(self) -> None:
        """Close straight at the socket, without giving the loop a turn."""
        number = self._writer.get_extra_info("socket").fileno()
        with socket.socket(fileno=os.dup(number)) as same:
            same.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Hang up in the middle of everything."""
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


@dataclasses.dataclass
class RawServer:
    address: str
    target: Target
    peers: list[Peer] = dataclasses.field(default_factory=list)
    """Every connection there ever was."""
    listening: asyncio.Server | None = None
    open: int = 0
    open_most: int = 0

    async def all_closed(self) -> bool:
        """Whether the clients close all connections within a moment."""
        for _ in range(50):
            if not self.open:
                return True
            await asyncio.sleep(0.01)
        return False

    def stop_listening(self) -> None:
        assert self.listening
        self.listening.close()

    @property
    def requests(self) -> list[bytes]:
        return [request for peer in self.peers for request in peer.requests]


@contextlib.asynccontextmanager
async def raw_server(script: Script, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
    """Each connection runs the script once, and is closed after it. What a script asserts is raised at the end."""
    tasks: list[asyncio.Task[None]] = []

    async def serve(peer: Peer) -> None:
        running.open += 1
        running.open_most = max(running.open_most, running.open)
        try:
            # EOFError and ConnectionError: the client has left.
            with contextlib.suppress(EOFError, ConnectionError):
                await script(peer)
        finally:
            running.open -= 1
            peer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(len(running.peers), reader, writer)
        running.peers.append(peer)
        tasks.append(asyncio.create_task(serve(peer)))

    listening = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls, backlog=2000)
    port = listening.sockets[0].getsockname()[1]
    address = f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"
    running = RawServer(address, Target.of(address)[0], listening=listening)
    try:
        yield running
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome


@contextlib.contextmanager
def silent_target() -> Iterator[Target]:
    """A port where connecting hangs: nobody accepts, and its backlog is full."""
    with socket.socket() as listening, contextlib.ExitStack() as stack:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address = listening.getsockname()
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(address)
        yield Target.of(f"http://127.0.0.1:{address[1]}")[0]


def ok(body: bytes = b"", *headers: bytes, status: bytes = b"200 OK") -> bytes:
    """An ordinary answer with its length."""
    lines = (b"HTTP/1.1 " + status, b"content-length: %d" % len(body), *headers, b"", body)
    return b"\r\n".join(lines)


def always(*pieces: bytes) -> Script:
    """The same answer to every request."""

    async def script(peer: Peer) -> None:
        while True:
            await peer.answer(*pieces)

    return script


def cut(answer: bytes, at: int) -> tuple[bytes, ...]:
    """It in two pieces, or in one."""
    return tuple(piece for piece in (answer[:at], answer[at:]) if piece)
