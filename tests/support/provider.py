"""Somebody else's cloud on loopback: an HTTP server that answers as told, and remembers what it was asked."""

import asyncio
import contextlib
import dataclasses
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any


@dataclasses.dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclasses.dataclass
class Said:
    """An answer: whole, or as chunks, each after its pause; `cut` hangs up instead of ending it."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    chunks: Sequence[bytes] | None = None
    pause_s: float = 0.0
    wait_s: float = 0.0
    cut: bool = False


def in_json(document: Any, status: int = 200, **headers: str) -> Said:
    return Said(status, json.dumps(document).encode(), {"content-type": "application/json", **headers})


def in_events(*frames: bytes, cut: bool = False, pause_s: float = 0.0) -> Said:
    return Said(headers={"content-type": "text/event-stream"}, chunks=frames, cut=cut, pause_s=pause_s)


@dataclasses.dataclass
class Provider:
    base_url: str
    answer: Callable[[Asked], Said]
    asked: list[Asked] = dataclasses.field(default_factory=list)
    # How many connections are open now, and how many answers were broken off because the caller had left.
    open: int = 0
    left: int = 0


@contextlib.asynccontextmanager
async def serving(answer: Callable[[Asked], Said] | Said) -> AsyncIterator[Provider]:
    fixed = answer
    provider = Provider("", (lambda _: fixed) if isinstance(fixed, Said) else fixed)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        provider.open += 1
        try:
            while asked := await _read(reader):
                provider.asked.append(asked)
                if not await _tell(writer, reader, provider.answer(asked)):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            provider.left += 1
        finally:
            provider.open -= 1
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    provider.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield provider
    finally:
        server.close()


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, path, headers, body)


async def _tell(writer: asyncio.StreamWriter, reader: asyncio.StreamReader, said: Said) -> bool:
    """Whether the connection goes on."""
    await asyncio.sleep(said.wait_s)
    head = [f"HTTP/1.1 {said.status} Said", *(f"{name}: {value}" for name, value in said.headers.items())]
    if said.chunks is None:
        head.append(f"content-length: {len(said.body)}")
        writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + said.body)
        await writer.drain()
        return not said.cut
    head.append("transfer-encoding: chunked")
    writer.write("\r\n".join(head).encode() + b"\r\n\r\n")
    for chunk in said.chunks:
        if said.pause_s:
            await asyncio.sleep(said.pause_s)
        if reader.at_eof() or writer.is_closing():
            raise ConnectionResetError
        writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        await writer.drain()
    if not said.cut:
        writer.write(b"0\r\n\r\n")
        await writer.drain()
    return not said.cut
