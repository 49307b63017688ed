"""Memory is bounded: a server is slowed down to the pace of whoever reads its answer."""

import asyncio

import pytest
from gateway.upstream.asking import ask, send
from support.raw_server import Peer, raw_server

from monoize.contract.snapshot import Timeouts
from monoize.gateway.upstream.answer import PIECES_MOST
from monoize.gateway.upstream.client import Client
from monoize.gateway.upstream.connection import BUFFERED_MOST
from monoize.gateway.upstream.errors import UpstreamProblem

BLOCK = bytes(range(256)) * 256
BLOCKS = 400
TOTAL = len(BLOCK) * BLOCKS
LENGTH = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % TOTAL
KERNEL_MOST = 12_000_000


async def test_a_reader_that_sleeps_stops_the_server(client: Client):
    sent = 0

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.answer(LENGTH)
        for _ in range(BLOCKS):
            await peer.send(BLOCK)
            sent += len(BLOCK)
        await peer.request()
        await peer.send(b"HTTP/1.1 204 No\r\n\r\n")

    async with raw_server(script) as server:
        answer = await send(client, server)
        await asyncio.sleep(0.3)
        assert 0 < answer.size <= BUFFERED_MOST
        assert sent < KERNEL_MOST
        arrived, largest = 0, 0
        async for chunk in answer:
            assert chunk == (BLOCK + BLOCK)[arrived % 256 :][: len(chunk)] or len(chunk) > len(BLOCK)
            arrived += len(chunk)
            largest = max(largest, len(chunk))
            if arrived % 7 == 0:
                await asyncio.sleep(0.001)
        assert TOTAL == arrived
        assert largest <= BUFFERED_MOST
        assert b"" == await ask(client, server)

    assert 1 == len(server.peers)


async def test_tiny_chunks_take_no_more_room_than_their_bytes(client: Client):
    async def script(peer: Peer) -> None:
        await peer.answer(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(1000):
            await peer.send(b"1\r\nx\r\n" * 1000)
        await peer.send(b"0\r\n\r\n")

    async with raw_server(script) as server:
        answer = await send(client, server)
        await asyncio.sleep(0.5)
        assert 0 < answer.size <= BUFFERED_MOST
        assert len(answer._pieces) <= PIECES_MOST
        assert b"x" * 1_000_000 == await answer.read(1_000_000)


async def test_a_server_we_slow_down_is_not_silent_but_all_has_its_end(client: Client):
    async def script(peer: Peer) -> None:
        await peer.answer(LENGTH)
        for _ in range(BLOCKS):
            await peer.send(BLOCK)

    async with raw_server(script) as server:
        timeouts = Timeouts(connect_ms=5000, first_byte_ms=5000, idle_ms=100, total_ms=20_000)
        answer = await send(client, server, timeouts=timeouts)
        await asyncio.sleep(0.4)
        assert TOTAL == len(await answer.read(TOTAL))

    async with raw_server(script) as server:
        timeouts = Timeouts(connect_ms=5000, first_byte_ms=5000, idle_ms=5000, total_ms=200)
        answer = await send(client, server, timeouts=timeouts)
        await asyncio.sleep(0.4)
        with pytest.raises(UpstreamProblem, match="timeout_total"):
            await answer.read(TOTAL)
        assert 0 == server.open


async def test_an_end_that_comes_while_nobody_reads_is_still_the_end(client: Client):
    async def script(peer: Peer) -> None:
        await peer.answer(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(50):
            await peer.send(BLOCK)

    async with raw_server(script) as server:
        answer = await send(client, server)
        await asyncio.sleep(0.2)
        assert BLOCK * 50 == await answer.read(TOTAL)
