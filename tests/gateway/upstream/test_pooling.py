"""Connections are kept and used again, never more of them than allowed, and never one in doubt."""

import asyncio
import re

import pytest
from gateway.upstream.asking import PATIENT, ask, problem, send
from support.raw_server import Peer, always, ok, raw_server, silent_target

from monoize.contract.snapshot import Timeouts
from monoize.gateway.upstream.client import Client
from monoize.gateway.upstream.errors import UpstreamProblem

HASTY = Timeouts(connect_ms=100, first_byte_ms=10_000, idle_ms=10_000, total_ms=20_000)


async def settle() -> None:
    """Long enough for whatever is on its way over loopback."""
    await asyncio.sleep(0.05)


async def slow_echo(peer: Peer) -> None:
    while request := await peer.request():
        await asyncio.sleep(0.005)
        await peer.send(ok(request.split(b"\r\n\r\n", 1)[1]))


async def test_one_after_another_they_share_a_connection(client: Client):
    async with raw_server(always(ok(b"x"))) as server:
        for _ in range(20):
            assert b"x" == await ask(client, server)

    assert 1 == len(server.peers)


async def test_the_connection_is_free_as_soon_as_the_answer_has_ended(client: Client):
    async with raw_server(always(ok(b"x"))) as server:
        answers = [await send(client, server) for _ in range(20)]
        assert [b"x"] * 20 == [await answer.read(1) for answer in answers]
        for answer in answers:
            answer.abort()
        await ask(client, server)

    assert 1 == len(server.peers)


async def test_the_one_used_last_is_used_next(client: Client):
    async with raw_server(slow_echo) as server:
        await asyncio.gather(*(ask(client, server) for _ in range(5)))
        used = [len(peer.requests) for peer in server.peers]
        for _ in range(10):
            await ask(client, server)

    assert [1] * 5 == used
    assert [1, 1, 1, 1, 11] == sorted(len(peer.requests) for peer in server.peers)


async def test_1000_at_once_over_as_many_connections_as_are_allowed():
    client = Client(per_target_most=20)
    async with raw_server(slow_echo) as server:
        bodies = [b"%d" % number for number in range(1000)]
        assert bodies == await asyncio.gather(*(ask(client, server, body) for body in bodies))
        await client.close()

    assert 20 == len(server.peers)


async def test_every_target_has_its_own_and_all_together_are_bounded():
    client = Client(connections_most=10, per_target_most=8)
    async with raw_server(slow_echo) as one, raw_server(slow_echo) as two, raw_server(slow_echo) as three:
        servers = [one, two, three]
        bodies = [b"%d" % number for number in range(100)]
        asked = [ask(client, server, body) for body in bodies for server in servers]
        answered = await asyncio.gather(*asked)
        assert [body for body in bodies for _ in servers] == answered
        await settle()
        assert 10 >= sum(server.open for server in servers)
        await client.close()

    assert all(server.open_most <= 8 for server in servers)


async def test_the_one_idle_longest_makes_room_for_another_target():
    client = Client(connections_most=2)
    async with raw_server(always(ok())) as one, raw_server(always(ok())) as two, raw_server(always(ok())) as three:
        for server in (one, two, three, two):
            await ask(client, server)
            await asyncio.sleep(0.01)
        assert (0, 1, 1) == (one.open, two.open, three.open)
        await client.close()

    assert [1, 1, 1] == [len(server.peers) for server in (one, two, three)]


async def test_a_busy_target_does_not_starve_another():
    client = Client(connections_most=2)
    async with raw_server(slow_echo) as busy, raw_server(slow_echo) as other:
        asks_on = True

        async def keep_asking() -> None:
            while asks_on:
                await ask(client, busy)

        crowd = asyncio.gather(*(keep_asking() for _ in range(20)))
        await settle()
        for _ in range(3):
            await ask(client, other)
        asks_on = False
        await crowd
        await client.close()


async def test_who_waits_for_a_connection_waits_no_longer_than_for_making_one():
    client = Client(per_target_most=1)

    async def script(peer: Peer) -> None:
        await peer.answer(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n")
        await peer.wait_until_closed()

    async with raw_server(script) as server:
        answer = await send(client, server)
        refused = await asyncio.gather(*(problem(client, server, timeouts=HASTY) for _ in range(10)))
        assert {("timeout_connect", False)} == set(refused)
        answer.abort()
        await client.close()

    assert (1, 1) == (len(server.peers), len(server.requests))


async def test_those_in_line_are_served_in_their_order():
    client = Client(per_target_most=1)
    async with raw_server(slow_echo) as server:
        await asyncio.gather(*(ask(client, server, b"%03d" % number) for number in range(50)))
        await client.close()

    assert [b"%03d" % number for number in range(50)] == [request[-3:] for request in server.requests]


async def test_an_idle_connection_is_closed_after_its_time():
    client = Client(idle_s=0.1)
    async with raw_server(slow_echo) as server:
        await asyncio.gather(*(ask(client, server) for _ in range(3)))
        await asyncio.sleep(0.05)
        assert 3 == server.open
        await asyncio.sleep(0.15)
        assert 0 == server.open
        await ask(client, server)
        await client.close()

    assert 4 == len(server.peers)


async def test_what_the_server_closes_while_idle_is_not_used_again(client: Client):
    async def script(peer: Peer) -> None:
        await peer.answer(ok(b"x"))

    async with raw_server(script) as server:
        for _ in range(5):
            assert b"x" == await ask(client, server)
            await settle()

    assert [1] * 5 == [len(peer.requests) for peer in server.peers]


@pytest.mark.parametrize("surprise", [ok(b"poison"), b"H", b"\r\n", b"\0"])
async def test_bytes_nobody_asked_for_close_an_idle_connection(client: Client, surprise: bytes):
    async def script(peer: Peer) -> None:
        await peer.answer(ok(b"x"))
        await asyncio.sleep(0.01)
        await peer.send(surprise)
        await peer.wait_until_closed()

    async with raw_server(script) as server:
        for _ in range(3):
            assert b"x" == await ask(client, server)
            await settle()

    assert [1] * 3 == [len(peer.requests) for peer in server.peers]


@pytest.mark.parametrize("surplus", [ok(b"poison"), b"H", b"\0", b"HTTP/1.1 100 Continue\r\n\r\n", b"x" * 100_000])
@pytest.mark.parametrize(
    "answer", [ok(b"x"), b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"]
)
async def test_bytes_after_the_end_of_an_answer_never_become_the_next(
    client: Client, answer: bytes, surplus: bytes
):
    async def script(peer: Peer) -> None:
        await peer.answer(answer + surplus)
        await peer.wait_until_closed()

    async with raw_server(script) as server:
        for _ in range(3):
            assert b"x" == await ask(client, server)

    assert [1] * 3 == [len(peer.requests) for peer in server.peers]


@pytest.mark.parametrize(
    "answer",
    [
        ok(b"x", b"connection: close"),
        b"HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx",
        b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    ],
)
async def test_a_server_that_wants_to_close_is_believed(client: Client, answer: bytes):
    async with raw_server(always(answer)) as server:
        for _ in range(3):
            assert b"x" == await ask(client, server)
            assert await server.all_closed()

    assert 3 == len(server.peers)


async def test_a_server_that_hangs_up_at_once_takes_no_place(client: Client):
    small = Client(per_target_most=1)

    async def script(peer: Peer) -> None:
        peer.reset()

    async with raw_server(script) as server:
        for _ in range(20):
            kind, _ = await problem(small, server)
            assert kind in ("connect", "truncated")
        assert {} == small._pool._lanes
        await small.close()


async def test_a_server_that_speaks_first_is_not_spoken_to(client: Client):
    async def script(peer: Peer) -> None:
        await peer.send(b"220 ready\r\n")
        await peer.request()
        await peer.send(ok())

    async with raw_server(script) as server:
        kind, _ = await problem(client, server)

    assert kind in ("connect", "malformed", "truncated")


async def test_an_answer_before_the_request_was_read_spoils_the_connection(client: Client):
    async def script(peer: Peer) -> None:
        await peer.send(ok(b"no", status=b"413 Too Large"))
        await asyncio.sleep(0.05)
        await peer.wait_until_closed()

    body = b"x" * 50_000_000

    async def late(peer: Peer) -> None:
        # So late that it is no surprise, so early that not all was sent.
        await asyncio.sleep(0.05)
        await script(peer)

    async with raw_server(late) as server:
        for number in range(2):
            answer = await send(client, server, body)
            assert (413, b"no") == (answer.status, await answer.read(10))
            assert number + 1 == len(server.peers)


async def test_letting_go_in_the_middle_closes(client: Client):
    async def script(peer: Peer) -> None:
        await peer.answer(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nx")
        await peer.wait_until_closed()

    async with raw_server(script) as server:
        for let_go in ("release", "abort"):
            answer = await send(client, server)
            assert b"x" == await answer.next_chunk()
            for _ in range(2):
                answer.abort() if let_go == "abort" else await answer.release()
            await settle()
            assert 0 == server.open
            with pytest.raises(UpstreamProblem):
                await answer.next_chunk()


async def test_closing_tells_everybody_and_leaves_nothing(client: Client):
    small = Client(per_target_most=2)

    async def script(peer: Peer) -> None:
        await peer.request()
        if peer.number == 0:
            await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nx")
        await peer.wait_until_closed()

    async with raw_server(script) as server:
        asked = [asyncio.create_task(problem(small, server)) for _ in range(5)]
        await settle()
        await small.close()
        outcomes = await asyncio.gather(*asked)
        assert [("connect", True)] * 2 + [("connect", False)] * 3 == outcomes
        assert ("connect", False) == await problem(small, server)
        await small.close()


async def test_closing_after_any_number_of_turns_of_the_loop():
    async with raw_server(slow_echo) as server:
        for turns in range(20):
            client = Client(per_target_most=2)
            asked = [asyncio.create_task(ask(client, server)) for _ in range(4)]
            for _ in range(turns):
                await asyncio.sleep(0)
            async with asyncio.timeout(2):
                await client.close()
            for outcome in await asyncio.gather(*asked, return_exceptions=True):
                assert outcome == b"" or (isinstance(outcome, UpstreamProblem) and outcome.kind == "connect")
        assert await server.all_closed()


async def test_closing_ends_what_is_still_connecting():
    client = Client()
    with silent_target() as target:
        asked = asyncio.create_task(client.send(target, "POST", "/", [], b"", PATIENT))
        await settle()
        await client.close()
        with pytest.raises(UpstreamProblem) as refused:
            await asked
    assert ("connect", False) == (refused.value.kind, refused.value.was_sent)


async def test_a_target_that_is_not_used_any_more_is_forgotten():
    client = Client(idle_s=0.05)
    for _ in range(3):
        async with raw_server(always(ok())) as server:
            await ask(client, server)
    await asyncio.sleep(0.15)
    assert {} == client._pool._lanes
    await client.close()


async def test_a_request_never_mixes_with_another(client: Client):
    async def script(peer: Peer) -> None:
        while request := await peer.request():
            number = int(re.search(rb"\r\n\r\n(\d+)$", request)[1])
            body = b"%d " % number * (number % 50)
            await peer.send(*(ok(body)[at : at + 97] for at in range(0, len(ok(body)), 97)))

    async with raw_server(script) as server:
        numbers = range(1, 300)
        answers = await asyncio.gather(*(ask(client, server, b"%d" % number) for number in numbers))
        assert [b"%d " % number * (number % 50) for number in numbers] == answers
