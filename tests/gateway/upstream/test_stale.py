"""A connection that the server had closed while idle costs nobody a request; nothing is ever sent twice else."""

import asyncio

import pytest
from gateway.upstream.asking import ask, problem
from support.raw_server import Peer, ok, raw_server

from monoize.contract.snapshot import Timeouts
from monoize.gateway.upstream import connection
from monoize.gateway.upstream.client import Client

HASTY = Timeouts(connect_ms=10_000, first_byte_ms=200, idle_ms=10_000, total_ms=20_000)


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_stale_connection_is_replaced(client: Client, how: str):
    """The server reads the request and hangs up at once: that is what a stale connection looks like from here."""

    async def script(peer: Peer) -> None:
        await peer.answer(ok(b"%d" % peer.number))
        if peer.number == 0:
            await peer.request()
            peer.reset() if how == "reset" else peer.close()
        else:
            await peer.answer(ok(b"again"))

    async with raw_server(script) as server:
        assert [b"0", b"1", b"again"] == [await ask(client, server, b"body") for _ in range(3)]

    assert [2, 2] == [len(peer.requests) for peer in server.peers]
    assert 1 == len(set(server.requests))


async def test_a_connection_closed_unseen_is_replaced(client: Client):
    """The server's end is closed while our loop is busy, so that we write before we can know."""

    async def script(peer: Peer) -> None:
        await peer.answer(ok(b"%d" % peer.number))
        if peer.number:
            await peer.answer(ok(b"again"))
        else:
            await peer.wait_until_closed()

    async with raw_server(script) as server:
        assert b"0" == await ask(client, server)
        server.peers[0].close_unseen()
        assert b"1" == await ask(client, server)

    assert 2 == len(server.peers)


async def test_a_fresh_connection_gets_no_second_chance(client: Client):
    async def script(peer: Peer) -> None:
        await peer.request()

    async with raw_server(script) as server:
        assert ("truncated", True) == await problem(client, server)

    assert 1 == len(server.requests)


async def test_there_is_one_second_chance(client: Client):
    async def script(peer: Peer) -> None:
        if peer.number == 0:
            await peer.answer(ok())
        await peer.request()

    async with raw_server(script) as server:
        await ask(client, server)
        assert ("truncated", True) == await problem(client, server)

    assert [2, 1] == [len(peer.requests) for peer in server.peers]


async def test_of_many_stale_ones_each_costs_one_connection(client: Client):
    """The second chance is not spent on a connection that is as old as the first."""

    async def script(peer: Peer) -> None:
        await asyncio.sleep(0.01)
        await peer.answer(ok(b"x"))
        if peer.number < 5:
            await peer.request()
        else:
            await peer.answer(ok(b"x"))

    async with raw_server(script) as server:
        await asyncio.gather(*(ask(client, server) for _ in range(5)))
        assert b"x" == await ask(client, server)
        await asyncio.sleep(0.02)
        # The one that failed and the one whose place was taken are closed.
        assert 4 == server.open

    assert 6 == len(server.peers)


async def test_at_the_limit_too():
    client = Client(per_target_most=1)

    async def script(peer: Peer) -> None:
        await peer.answer(ok(b"%d" % peer.number))
        await peer.request()

    async with raw_server(script) as server:
        assert [b"0", b"1", b"2"] == [await ask(client, server) for _ in range(3)]
        await client.close()

    assert 1 == server.open_most


@pytest.mark.parametrize("first", [b"H", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", ok(b"xy")[:-1]])
@pytest.mark.parametrize("how", ["close", "reset"])
async def test_never_after_a_byte_of_the_answer(client: Client, first: bytes, how: str):
    async def script(peer: Peer) -> None:
        await peer.answer(ok())
        await peer.answer(first)
        await asyncio.sleep(0.01)
        peer.reset() if how == "reset" else peer.close()

    async with raw_server(script) as server:
        await ask(client, server)
        assert ("truncated", True) == await problem(client, server)

    assert 2 == len(server.requests)


async def test_never_when_the_server_took_its_time(client: Client):
    """Whoever hangs up after a while may have done the work."""

    async def script(peer: Peer) -> None:
        await peer.answer(ok())
        await peer.request()
        await asyncio.sleep(connection.STALE_S + 0.1)

    async with raw_server(script) as server:
        await ask(client, server)
        assert ("truncated", True) == await problem(client, server)

    assert 2 == len(server.requests)


async def test_never_after_a_timeout(client: Client):
    async def script(peer: Peer) -> None:
        await peer.answer(ok())
        await peer.request()
        await peer.wait_until_closed()

    async with raw_server(script) as server:
        await ask(client, server)
        assert ("timeout_first_byte", True) == await problem(client, server, timeouts=HASTY)

    assert 2 == len(server.requests)


async def test_when_there_is_no_second_connection_it_was_sent_in_doubt(client: Client):
    async def script(peer: Peer) -> None:
        await peer.answer(ok())
        await peer.request()

    async with raw_server(script) as server:
        await ask(client, server)
        server.stop_listening()
        assert ("connect", True) == await problem(client, server)
