"""Tunnels: bytes go both ways, ends are passed on, everything is counted, and whoever may not go on is cut off."""

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.egress import CountingServer, Desk, Running, connect, counting_server, running_proxy, until

from monoize.egress import tunnel
from monoize.egress.presence import Bounds

MEGABYTE = 2**20


@pytest.fixture
async def target() -> AsyncIterator[CountingServer]:
    async with counting_server() as server:
        yield server


@pytest.fixture
async def proxy(target: CountingServer, tmp_path: Path) -> AsyncIterator[Running]:
    async with running_proxy(tmp_path, ports=[target.port]) as running:
        yield running


async def test_bytes_come_back_as_they_went_and_are_counted_to_the_byte(proxy: Running, target: CountingServer):
    credential = proxy.desk.agent()
    sent = os.urandom(5 * MEGABYTE + 7)
    line = await proxy.tunnel(target.port, credential)

    async def send() -> None:
        line.writer.write(sent)
        await line.writer.drain()
        line.writer.write_eof()

    _, echoed = await asyncio.gather(send(), line.read())

    assert sent == echoed
    await until(lambda: proxy.desk.counted() == (target.received, target.sent) == (len(sent), len(sent)))


async def test_what_a_client_sends_early_belongs_to_the_tunnel(proxy: Running, target: CountingServer):
    credential = proxy.desk.agent()
    line = await proxy.connect()

    await line.ask(connect(f"127.0.0.1:{target.port}", credential) + b"early")

    assert b"early" == await line.read(5)


async def test_an_end_is_passed_on_and_the_other_direction_goes_on(tmp_path: Path):
    async def answers_after_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = b""
        while data := await reader.read(65536):
            asked += data
        await asyncio.sleep(0.05)
        writer.write(b"all of " + asked)
        writer.close()

    async with (
        counting_server(answers_after_the_end) as target,
        running_proxy(tmp_path, ports=[target.port]) as proxy,
    ):
        line = await proxy.tunnel(target.port, proxy.desk.agent())
        line.writer.write(b"it")
        line.writer.write_eof()

        assert b"all of it" == await line.read()
        await until(lambda: proxy.proxy.figures.tunnels == 0)


async def test_two_hundred_tunnels_at_once_are_counted_to_the_byte(proxy: Running, target: CountingServer):
    credential = proxy.desk.agent()

    async def one(number: int) -> None:
        line = await proxy.tunnel(target.port, credential)
        message = os.urandom(number * 97)
        line.writer.write(message)
        line.writer.write_eof()
        assert message == await line.read()

    await asyncio.gather(*(one(number) for number in range(200)))

    await until(lambda: proxy.desk.counted() == (target.received, target.sent))
    assert sum(number * 97 for number in range(200)) == target.received


async def test_a_fast_sender_waits_for_a_slow_reader(tmp_path: Path):
    taken = asyncio.Event()

    async def reads_later(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await taken.wait()
        while await reader.read(65536):
            pass

    async with counting_server(reads_later) as target, running_proxy(tmp_path, ports=[target.port]) as proxy:
        line = await proxy.tunnel(target.port, proxy.desk.agent())
        line.writer.write(bytes(64 * MEGABYTE))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await line.writer.drain()
        # Counted is what was passed on; the rest was never read.
        await until(lambda: 0 < proxy.desk.counted()[0])
        assert proxy.desk.counted()[0] < 32 * MEGABYTE

        taken.set()
        await line.writer.drain()
        line.writer.write_eof()
        await until(lambda: target.received == 64 * MEGABYTE == proxy.desk.counted()[0])


async def test_a_target_that_resets_ends_the_tunnel(tmp_path: Path):
    async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        linger = struct.pack("ii", 1, 0)
        writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    async with counting_server(resets) as target, running_proxy(tmp_path, ports=[target.port]) as proxy:
        line = await proxy.tunnel(target.port, proxy.desk.agent())
        line.writer.write(b"x")

        assert await line.is_closed()
        await until(lambda: proxy.proxy.figures.tunnels == 0 == proxy.proxy.figures.clients)


async def test_a_tunnel_in_which_nobody_says_anything_is_closed(
    proxy: Running, target: CountingServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tunnel, "IDLE_S", 0.1)
    line = await proxy.tunnel(target.port, proxy.desk.agent())

    assert await line.is_closed()
    await until(lambda: proxy.proxy.figures.tunnels == 0)


async def test_a_side_that_goes_on_in_silence_after_the_end_of_the_other_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async def never_ends(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(tunnel, "HALF_CLOSED_S", 0.1)
    async with counting_server(never_ends) as target, running_proxy(tmp_path, ports=[target.port]) as proxy:
        line = await proxy.tunnel(target.port, proxy.desk.agent())
        line.writer.write_eof()

        assert await line.is_closed()
        await until(lambda: proxy.proxy.figures.tunnels == 0)


async def test_a_used_up_budget_cuts_open_tunnels_within_one_flush(proxy: Running, target: CountingServer):
    spender, other = proxy.desk.agent("spender"), proxy.desk.agent("other")
    cut, left = await proxy.tunnel(target.port, spender), await proxy.tunnel(target.port, other)

    proxy.desk.cut_off["spender"] = "usage_limit_exceeded"

    assert await cut.is_closed()
    left.writer.write(b"still here")
    assert b"still here" == await left.read(10)


async def test_a_rotated_token_opens_nothing_and_ends_what_it_opened(proxy: Running, target: CountingServer):
    credential = proxy.desk.agent()
    line = await proxy.tunnel(target.port, credential)

    proxy.desk.revoke()

    assert await line.is_closed()
    refused = await (await proxy.connect()).ask(connect(f"127.0.0.1:{target.port}", credential))
    assert refused.startswith(b"HTTP/1.1 407 ")


async def test_an_agent_has_so_many_connections_and_no_more(target: CountingServer, tmp_path: Path):
    bounds = Bounds(connections=2, new_per_s=1000, new_at_once=1000)
    async with running_proxy(tmp_path, ports=[target.port], bounds=bounds) as proxy:
        credential = proxy.desk.agent()
        lines = [await proxy.tunnel(target.port, credential) for _ in range(2)]
        more = await proxy.connect()
        request = connect(f"127.0.0.1:{target.port}", credential)

        status, head, _ = await more.answer(request)

        assert (429, True) == (status, b"x-monoize-error: too_many_connections" in head)
        lines[0].close()
        await until(lambda: proxy.proxy.figures.tunnels == 1)
        # The refused connection is still open, and may try again.
        assert (await more.ask(request)).startswith(b"HTTP/1.1 200 ")


async def test_an_agent_opens_so_many_a_second_and_no_more(target: CountingServer, tmp_path: Path):
    bounds = Bounds(connections=100, new_per_s=1, new_at_once=3)
    async with running_proxy(tmp_path, ports=[target.port], bounds=bounds) as proxy:
        credential = proxy.desk.agent()
        for _ in range(3):
            (await proxy.tunnel(target.port, credential)).close()

        answer = await (await proxy.connect()).ask(connect(f"127.0.0.1:{target.port}", credential))

        assert answer.startswith(b"HTTP/1.1 429 ")


async def test_a_flush_whose_answer_is_lost_counts_once(proxy: Running, target: CountingServer):
    line = await proxy.tunnel(target.port, proxy.desk.agent())
    proxy.desk.forgets_to_answer = True
    line.writer.write(b"ping")
    await line.read(4)
    await until(lambda: proxy.desk.times_taken > 2)
    line.writer.write(b"pong")
    await line.read(4)

    proxy.desk.forgets_to_answer = False

    await until(lambda: proxy.desk.counted() == (8, 8))
    assert proxy.desk.times_taken > len(proxy.desk.flushes)


async def test_what_nobody_took_is_left_for_the_next_proxy(target: CountingServer, tmp_path: Path):
    desk = Desk()
    credential = desk.agent()
    async with running_proxy(tmp_path, ports=[target.port], desk=desk) as proxy:
        line = await proxy.tunnel(target.port, credential)
        desk.is_away = True
        line.writer.write(b"twelve bytes")
        await line.read(12)
    assert (0, 0) == desk.counted()
    desk.is_away = False

    async with running_proxy(tmp_path, ports=[target.port], desk=desk):
        assert (12, 12) == desk.counted()
    assert [] == [file for file in tmp_path.iterdir() if file.suffix == ".flushes"]


async def test_a_proxy_that_stops_lets_tunnels_finish_and_counts_them(target: CountingServer, tmp_path: Path):
    async with contextlib.AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(running_proxy(tmp_path, ports=[target.port], grace_s=5))
        line = await proxy.tunnel(target.port, proxy.desk.agent())
        stopping = asyncio.get_running_loop().create_task(stack.aclose())
        await asyncio.sleep(0.05)

        line.writer.write(b"last words")
        assert b"last words" == await line.read(10)
        line.writer.write_eof()
        assert b"" == await line.read()
        await stopping

        assert (10, 10) == proxy.desk.counted()
