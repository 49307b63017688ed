"""Each limit by itself: it is kept, it is told apart, and its connection is closed."""

import asyncio
import time

import pytest
from gateway.upstream.asking import ask, problem, send
from support.raw_server import Peer, RawServer, ok, raw_server, silent_target

from monoize.contract.snapshot import Timeouts
from monoize.gateway.upstream.client import Client
from monoize.gateway.upstream.errors import UpstreamProblem

LONG_MS = 10_000
SHORT_MS = 150
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"


def short(limit: str) -> Timeouts:
    limits = {"connect_ms": LONG_MS, "first_byte_ms": LONG_MS, "idle_ms": LONG_MS, "total_ms": LONG_MS * 2}
    return Timeouts(**(limits | {limit: SHORT_MS}))


async def assert_in_time(client: Client, server: RawServer, limit: str, kind: str) -> None:
    began = time.monotonic()
    assert (kind, True) == await problem(client, server, timeouts=short(limit))
    assert SHORT_MS / 1000 - 0.01 <= time.monotonic() - began < 1
    assert await server.all_closed()


async def test_nobody_answers_the_call(client: Client):
    with silent_target() as target:
        for limit, kind in (("connect_ms", "timeout_connect"), ("total_ms", "timeout_total")):
            with pytest.raises(UpstreamProblem) as refused:
                await client.send(target, "POST", "/", [], b"", short(limit))
            assert (kind, False) == (refused.value.kind, refused.value.was_sent)


async def test_nobody_is_there(client: Client):
    async with raw_server(lambda peer: asyncio.sleep(0)) as server:
        server.stop_listening()
        assert ("connect", False) == await problem(client, server)


@pytest.mark.parametrize("said", [(), (b"HTTP/1.1 200 OK\r\n",), (b"HTTP/1.1 100 Continue\r\n\r\n",)])
@pytest.mark.parametrize(
    ("limit", "kind"), [("first_byte_ms", "timeout_first_byte"), ("total_ms", "timeout_total")]
)
async def test_the_head_does_not_come(client: Client, said: tuple[bytes, ...], limit: str, kind: str):
    async def script(peer: Peer) -> None:
        await peer.answer(*said)
        await peer.wait_until_closed()

    async with raw_server(script) as server:
        await assert_in_time(client, server, limit, kind)


async def test_a_head_that_drips_does_not_buy_time(client: Client):
    async def dripping(peer: Peer) -> None:
        await peer.answer(b"HTTP/1.1 200 OK\r\nx: ")
        while True:
            await peer.send(b"x")
            await asyncio.sleep(0.02)

    async with raw_server(dripping) as server:
        await assert_in_time(client, server, "first_byte_ms", "timeout_first_byte")


async def test_silence_in_the_middle(client: Client):
    async def script(peer: Peer) -> None:
        await peer.answer(HEAD, b"x")
        await peer.wait_until_closed()

    async with raw_server(script) as server:
        await assert_in_time(client, server, "idle_ms", "timeout_idle")


async def test_slow_bytes_are_not_silence_but_end_in_all(client: Client):
    async def script(peer: Peer) -> None:
        await peer.answer(HEAD)
        while True:
            await peer.send(b"x")
            await asyncio.sleep(0.02)

    async with raw_server(script) as server:
        await assert_in_time(client, server, "total_ms", "timeout_total")
        answer = await send(client, server, timeouts=short("idle_ms"))
        arrived = b""
        while len(arrived) < 20:
            arrived += await answer.next_chunk()
        answer.abort()


async def test_what_has_arrived_comes_before_the_problem(client: Client):
    async def script(peer: Peer) -> None:
        await peer.answer(HEAD, b"xy")
        await peer.wait_until_closed()

    async with raw_server(script) as server:
        answer = await send(client, server, timeouts=short("idle_ms"))
        await asyncio.sleep(SHORT_MS / 1000 + 0.1)
        assert b"xy" == await answer.next_chunk()
        with pytest.raises(UpstreamProblem, match="timeout_idle"):
            await answer.next_chunk()


async def test_an_answer_that_is_forgotten_is_closed(client: Client):
    async def script(peer: Peer) -> None:
        await peer.answer(HEAD + b"x")
        await peer.wait_until_closed()

    async with raw_server(script) as server:
        await send(client, server, timeouts=short("idle_ms"))
        await asyncio.sleep(SHORT_MS / 1000 + 0.1)
        assert 0 == server.open


async def test_a_limit_of_one_request_is_not_that_of_the_next(client: Client):
    async def script(peer: Peer) -> None:
        await peer.answer(ok(b"x"))
        await peer.request()
        await asyncio.sleep(SHORT_MS / 1000 * 2)
        await peer.send(ok(b"y"))

    async with raw_server(script) as server:
        assert b"x" == await ask(client, server, timeouts=short("total_ms"))
        assert b"y" == await ask(client, server)


async def test_many_limits_at_once_are_each_kept(client: Client):
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.wait_until_closed()

    async def took(milliseconds: int) -> float:
        began = time.monotonic()
        timeouts = Timeouts(connect_ms=LONG_MS, first_byte_ms=milliseconds, idle_ms=LONG_MS, total_ms=LONG_MS)
        assert ("timeout_first_byte", True) == await problem(client, server, timeouts=timeouts)
        return (time.monotonic() - began) * 1000

    async with raw_server(script) as server:
        limits = [600, 100, 350, 100, 200, 500]
        for limit, elapsed in zip(limits, await asyncio.gather(*map(took, limits)), strict=True):
            assert limit - 10 <= elapsed < limit + 90


def test_a_request_that_goes_well_sets_no_timer():
    timers = 0

    class Counting(asyncio.SelectorEventLoop):
        def call_at(self, *args, **kwargs):
            nonlocal timers
            timers += 1
            return super().call_at(*args, **kwargs)

    async def ask_often() -> int:
        async def script(peer: Peer) -> None:
            while True:
                await peer.answer(ok(b"x"))

        client = Client()
        async with raw_server(script) as server:
            await ask(client, server)
            before = timers
            for _ in range(100):
                await ask(client, server)
            after = timers
            await client.close()
        return after - before

    with asyncio.Runner(loop_factory=Counting) as runner:
        assert 0 == runner.run(ask_often())
