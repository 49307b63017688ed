"""Whoever leaves closes their connection at once, wherever they were, and leaves no place taken."""

import asyncio

import pytest
from gateway.upstream.asking import ask, send
from support.raw_server import Peer, always, ok, raw_server, silent_target

from monoize.contract.snapshot import Timeouts
from monoize.gateway.upstream.client import Client

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n"
PATIENT = Timeouts()


async def cancelled(asked: "asyncio.Task[object]") -> None:
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked


async def test_while_connecting():
    client = Client(per_target_most=1)
    with silent_target() as target:
        for _ in range(5):
            asked = asyncio.create_task(client.send(target, "POST", "/", [], b"", PATIENT))
            await asyncio.sleep(0.01)
            await cancelled(asked)
    assert {} == client._pool._lanes
    await client.close()


async def test_while_waiting_for_the_head_or_the_body(client: Client):
    async def script(peer: Peer) -> None:
        await peer.answer(*([] if peer.number % 2 else [HEAD, b"x"]))
        await peer.wait_until_closed()

    async with raw_server(script) as server:
        for _ in range(6):
            asked = asyncio.create_task(ask(client, server))
            await asyncio.sleep(0.02)
            assert 1 == server.open
            await cancelled(asked)
            await asyncio.sleep(0.01)
            assert 0 == server.open


async def test_while_in_line():
    client = Client(per_target_most=1)

    async def script(peer: Peer) -> None:
        await peer.answer(HEAD)
        await asyncio.sleep(0.05)
        await peer.send(b"0123456789")
        await always(ok(b"x"))(peer)

    async with raw_server(script) as server:
        first = asyncio.create_task(ask(client, server))
        await asyncio.sleep(0.01)
        waiting = [asyncio.create_task(ask(client, server)) for _ in range(5)]
        await asyncio.sleep(0.01)
        for one in waiting[::2]:
            await cancelled(one)
        assert [b"0123456789", b"x", b"x"] == await asyncio.gather(first, *waiting[1::2])
        assert b"x" == await ask(client, server)
        await client.close()

    assert 1 == len(server.peers)


async def test_after_any_number_of_turns_of_the_loop():
    """So also just when a connection has been made, or handed over, or an answer has come."""
    client = Client(per_target_most=2, connections_most=3)
    async with raw_server(always(ok(b"x"))) as server, raw_server(always(ok(b"y"))) as other:
        for turns in range(25):
            for crowd in (1, 2, 5):
                asked = [asyncio.create_task(ask(client, server)) for _ in range(crowd)]
                asked += [asyncio.create_task(ask(client, other)) for _ in range(crowd)]
                for _ in range(turns):
                    await asyncio.sleep(0)
                for one in asked[::2]:
                    one.cancel()
                await asyncio.gather(*asked, return_exceptions=True)
                assert {b"x", b"y"} >= {await one for one in asked[1::2]}
                assert (b"x", b"y") == (await ask(client, server), await ask(client, other))
                pool = client._pool
                assert pool._slots == len(pool._members) == sum(lane.slots for lane in pool._lanes.values())
                assert 0 == pool._waiting
        await client.close()
    assert {} == client._pool._lanes


async def test_in_the_middle_of_sending(client: Client):
    async def script(peer: Peer) -> None:
        await asyncio.sleep(0.1)
        await peer.wait_until_closed()

    async with raw_server(script) as server:
        asked = asyncio.create_task(send(client, server, b"x" * 50_000_000))
        await asyncio.sleep(0.05)
        await cancelled(asked)


async def test_one_who_leaves_does_not_touch_whoever_has_the_connection_now(client: Client):
    async with raw_server(always(ok(b"x"))) as server:
        answer = await send(client, server)
        next_one = asyncio.create_task(ask(client, server))
        await asyncio.sleep(0)
        answer.abort()
        assert b"x" == await next_one
        assert b"x" == await answer.read(1)

    assert 1 == len(server.peers)
