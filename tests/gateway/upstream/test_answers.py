"""Every way in which HTTP/1.1 frames an answer is understood, however it is cut into pieces on its way."""

import asyncio
from collections.abc import Sequence

import pytest
from gateway.upstream.asking import ask, outcome, problem, send
from support.raw_server import Peer, cut, ok, raw_server

from monoize.gateway.upstream.answer import Answer
from monoize.gateway.upstream.client import Client
from monoize.gateway.upstream.errors import BodyTooLarge, Truncated

Headers = Sequence[tuple[bytes, bytes]]

CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Odd:  a b \t\r\nx-empty:\r\n\r\n"
    b"5\r\nhello\r\n1;name=value\r\n \r\nA\r\n0123456789\r\n0\r\n\r\n"
)
RECORDED: dict[str, tuple[bytes, int, bytes]] = {
    "length": (ok(b"hello world", b"content-type: text/plain"), 200, b"hello world"),
    "empty": (ok(), 200, b""),
    "no reason": (ok(b"x", status=b"200"), 200, b"x"),
    "chunked": (CHUNKED, 200, b"hello 0123456789"),
    "trailers": (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: CHUNKED\r\n\r\n2\r\nhi\r\n0\r\nx-sum: 1\r\ny: 2\r\n\r\n",
        200,
        b"hi",
    ),
    "no chunks": (b"HTTP/1.1 500 Oh\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 500, b""),
    "hints first": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + ok(b"x"),
        200,
        b"x",
    ),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    "204 with a length": (b"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n", 204, b""),
    "304": (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\netag: x\r\n\r\n", 304, b""),
    "an offer to upgrade": (ok(b"x", b"upgrade: h2c", b"connection: upgrade"), 200, b"x"),
    "1.0, kept open": (b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 1\r\n\r\nx", 200, b"x"),
    "429": (ok(b"{}", b"retry-after: 3", status=b"429 Too Many Requests"), 429, b"{}"),
}
TO_THE_END: dict[str, tuple[bytes, int, bytes]] = {
    "until close": (b"HTTP/1.1 200 OK\r\nserver: x\r\n\r\nhello world", 200, b"hello world"),
    "until close, empty": (b"HTTP/1.1 200 OK\r\n\r\n", 200, b""),
    "1.0": (b"HTTP/1.0 200 OK\r\n\r\nhello", 200, b"hello"),
    "1.0 with a length": (b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello", 200, b"hello"),
    "1.0 in chunks": (
        b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        200,
        b"x",
    ),
    "close": (ok(b"hello", b"Connection: foo, Close"), 200, b"hello"),
    "close, chunked": (
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        200,
        b"hello",
    ),
}


def headers_of(recorded: bytes) -> Headers:
    head = next(part for part in recorded.split(b"\r\n\r\n") if not part.startswith(b"HTTP/1.1 1"))
    pairs = (line.split(b":", 1) for line in head.split(b"\r\n")[1:])
    return [(name.lower(), value.strip()) for name, value in pairs]


@pytest.mark.parametrize("name", RECORDED)
async def test_cut_at_every_offset_it_is_the_same_answer_on_one_connection(client: Client, name: str):
    recorded, status, body = RECORDED[name]

    async def script(peer: Peer) -> None:
        for at in range(len(recorded)):
            await peer.answer(*cut(recorded, at))

    async with raw_server(script) as server:
        for at in range(len(recorded)):
            assert (status, headers_of(recorded), body) == await outcome(client, server), at

    assert 1 == len(server.peers)


@pytest.mark.parametrize("name", TO_THE_END)
async def test_cut_at_every_offset_it_is_the_same_answer_on_a_connection_each(client: Client, name: str):
    recorded, status, body = TO_THE_END[name]

    async def script(peer: Peer) -> None:
        await peer.answer(*cut(recorded, peer.number))

    async with raw_server(script) as server:
        for at in range(len(recorded)):
            assert (status, headers_of(recorded), body) == await outcome(client, server), at

    assert len(recorded) == len(server.peers)


@pytest.mark.parametrize("name", [*RECORDED, *TO_THE_END])
async def test_byte_by_byte_it_is_the_same_answer(client: Client, name: str):
    recorded, status, body = (RECORDED | TO_THE_END)[name]

    async def script(peer: Peer) -> None:
        await peer.answer(*(bytes([byte]) for byte in recorded))

    async with raw_server(script) as server:
        assert (status, headers_of(recorded), body) == await outcome(client, server)


@pytest.mark.parametrize("name", ["length", "chunked", "hints first", "trailers"])
async def test_an_answer_that_stops_anywhere_is_truncated(client: Client, name: str):
    recorded, _, _ = RECORDED[name]

    async def script(peer: Peer) -> None:
        await peer.answer(recorded[: peer.number])

    async with raw_server(script) as server:
        for at in range(len(recorded)):
            assert ("truncated", True) == await problem(client, server), at


async def test_a_reset_is_never_the_end_of_a_body(client: Client):
    async def script(peer: Peer) -> None:
        await peer.answer(b"HTTP/1.1 200 OK\r\n\r\nhello")
        await peer.wait_until_closed()

    async with raw_server(script) as server:
        answer = await send(client, server)
        assert b"hello" == await answer.next_chunk()
        server.peers[0].reset()
        with pytest.raises(Truncated):
            await answer.next_chunk()


async def test_a_body_comes_as_it_arrives_and_then_the_problem_each_time(client: Client):
    async def script(peer: Peer) -> None:
        await peer.answer(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n", b"one", b"two")

    async with raw_server(script) as server:
        answer = await send(client, server)
        assert (200, b"10", None) == (answer.status, answer.header(b"content-length"), answer.header(b"x"))
        arrived = b""
        while len(arrived) < 6:
            arrived += await answer.next_chunk()
        assert b"onetwo" == arrived
        for _ in range(3):
            with pytest.raises(Truncated):
                await answer.next_chunk()
        await answer.release()
        answer.abort()


async def test_iterating_gives_the_same_chunks(client: Client):
    async def script(peer: Peer) -> None:
        await peer.answer(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n", b"one", b"two")

    async with raw_server(script) as server:
        answer = await send(client, server)
        assert b"onetwo" == b"".join([chunk async for chunk in answer])
        assert (b"", b"") == (await answer.next_chunk(), await answer.read(10))


@pytest.mark.parametrize(
    "recorded",
    [
        ok(b"x" * 11),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nhello world",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999\r\n\r\n",
    ],
)
async def test_no_more_of_a_body_is_read_than_its_reader_allows(client: Client, recorded: bytes):
    async def script(peer: Peer) -> None:
        await peer.answer(recorded)

    async with raw_server(script) as server:
        for most in (0, 10):
            answer = await send(client, server)
            with pytest.raises(BodyTooLarge) as refused:
                await answer.read(most)
            assert ("too_large", True) == (refused.value.kind, refused.value.was_sent)


async def test_a_body_of_just_the_size_is_read(client: Client):
    async def script(peer: Peer) -> None:
        await peer.answer(ok(b"hello"))

    async with raw_server(script) as server:
        answer = await send(client, server)
        assert b"hello" == await answer.read(5)


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 5_000_000])
async def test_a_body_goes_out_whole_and_comes_back_whole(client: Client, size: int):
    async def script(peer: Peer) -> None:
        while request := await peer.request():
            await peer.send(ok(request.split(b"\r\n\r\n", 1)[1]))

    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    async with raw_server(script) as server:
        for _ in range(2):
            assert body == await ask(client, server, body)
    assert 1 == len(server.peers)


async def test_a_shortcut_is_offered_only_what_comes_while_its_reader_waits_for_it():
    class Wire:
        def resume(self) -> None: ...
        def abort(self) -> None: ...

    answer, passed = Answer(Wire(), asyncio.get_running_loop()), list[bytes]()
    answer.shortcut = lambda piece: piece != b"no" and not passed.append(piece)
    answer.take_piece(b"early")
    assert b"early" == await answer.next_chunk()
    reading = asyncio.ensure_future(answer.next_chunk())
    await asyncio.sleep(0)
    for piece in (b"one", b"two", b"no", b"three"):
        answer.take_piece(piece)
    answer.wake()
    answer.take_piece(b"four")

    assert [b"one", b"two"] == passed
    assert b"nothreefour" == await reading
