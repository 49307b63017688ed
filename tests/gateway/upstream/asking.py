"""Short words for asking a server, and for what came of it."""

from collections.abc import Sequence

from support.raw_server import RawServer

from monoize.contract.snapshot import Timeouts
from monoize.gateway.upstream.answer import Answer
from monoize.gateway.upstream.client import Client
from monoize.gateway.upstream.errors import Kind, UpstreamProblem

PATIENT = Timeouts(connect_ms=10_000, first_byte_ms=10_000, idle_ms=10_000, total_ms=20_000)
Outcome = tuple[int, Sequence[tuple[bytes, bytes]], bytes]


async def send(client: Client, server: RawServer, body: bytes = b"", timeouts: Timeouts = PATIENT) -> Answer:
    return await client.send(server.target, "POST", "/v1/x", [(b"x-key", b"k")], body, timeouts)


async def ask(client: Client, server: RawServer, body: bytes = b"", timeouts: Timeouts = PATIENT) -> bytes:
    answer = await send(client, server, body, timeouts)
    return await answer.read(10_000_000)


async def outcome(client: Client, server: RawServer) -> Outcome:
    answer = await send(client, server)
    return answer.status, answer.headers, await answer.read(10_000_000)


async def problem(
    client: Client, server: RawServer, body: bytes = b"", timeouts: Timeouts = PATIENT
) -> tuple[Kind, bool]:
    """(kind, was_sent)"""
    try:
        await ask(client, server, body, timeouts)
    except UpstreamProblem as problem:
        return problem.kind, problem.was_sent
    raise AssertionError("it was answered")
