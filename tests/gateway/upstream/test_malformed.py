"""What is not HTTP/1.1 by the letter is refused, however it is cut, and its connection is not used again."""

import pytest
from gateway.upstream.asking import ask, problem
from support.raw_server import Peer, cut, ok, raw_server

from monoize.gateway.upstream.client import Client
from monoize.gateway.upstream.connection import HEAD_BYTES_MOST, HEADERS_MOST

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
MALFORMED = {
    "two lengths": HEAD + b"content-length: 1\r\ncontent-length: 2\r\n\r\nxx",
    "the same length twice": HEAD + b"content-length: 1\r\ncontent-length: 1\r\n\r\nx",
    "a list of lengths": HEAD + b"content-length: 1, 1\r\n\r\nx",
    "a signed length": HEAD + b"content-length: +1\r\n\r\nx",
    "a negative length": HEAD + b"content-length: -1\r\n\r\nx",
    "a length in hex": HEAD + b"content-length: 0x1\r\n\r\nx",
    "no length": HEAD + b"content-length:\r\n\r\nx",
    "a length beyond 64 bits": HEAD + b"content-length: 18446744073709551616\r\n\r\nx",
    "a length and chunks": HEAD + b"content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    "chunks and a length": HEAD + b"transfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    "gzip, then chunks": HEAD + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "gzip, then chunks, apart": HEAD + b"transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks twice": HEAD + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "another encoding": HEAD + b"transfer-encoding: identity\r\n\r\nx",
    "almost chunked": HEAD + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a folded header": HEAD + b"x: a\r\n b\r\ncontent-length: 0\r\n\r\n",
    "a space before the colon": HEAD + b"content-length : 0\r\n\r\n",
    "a header without a colon": HEAD + b"x\r\ncontent-length: 0\r\n\r\n",
    "a header without a name": HEAD + b": x\r\ncontent-length: 0\r\n\r\n",
    "a NUL": HEAD + b"x: a\0b\r\ncontent-length: 0\r\n\r\n",
    "a bare LF": HEAD + b"x: a\ncontent-length: 0\r\n\r\n",
    "a bare CR": HEAD + b"x: a\rb\r\ncontent-length: 0\r\n\r\n",
    "a negative chunk": CHUNKED + b"-1\r\nx\r\n0\r\n\r\n",
    "a chunk size in C": CHUNKED + b"0x1\r\nx\r\n0\r\n\r\n",
    "a chunk size with a space": CHUNKED + b" 1\r\nx\r\n0\r\n\r\n",
    "a chunk size with a space after it": CHUNKED + b"1 \r\nx\r\n0\r\n\r\n",
    "no chunk size": CHUNKED + b"\r\nx\r\n0\r\n\r\n",
    "no number": CHUNKED + b"g\r\nx\r\n0\r\n\r\n",
    "a chunk beyond 64 bits": CHUNKED + b"fffffffffffffffff\r\nx\r\n0\r\n\r\n",
    "a chunk longer than it says": CHUNKED + b"1\r\nxy\r\n0\r\n\r\n",
    "chunks between bare LFs": CHUNKED + b"1\nx\n0\n\n",
    "version 2": b"HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n",
    "version 0.9": b"HTTP/0.9 200 OK\r\ncontent-length: 0\r\n\r\n",
    "another protocol": b"RTSP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    "a page": b"<html><body>Bad gateway</body></html>",
    "a greeting": b"SSH-2.0-OpenSSH_9.6\r\n",
    "TLS": b"\x15\x03\x01\x00\x02\x02\x46",
    "an empty line first": b"\r\n" + ok(),
    "a status of two digits": ok(status=b"20 OK"),
    "a status of four digits": ok(status=b"2000 OK"),
    "a status below 100": ok(status=b"099 OK"),
    "a switch of protocols": b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nxyz",
    "a switch to nothing": b"HTTP/1.1 101 Switching\r\n\r\n" + ok(),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_cut_at_every_offset_it_is_malformed(client: Client, name: str):
    recorded = MALFORMED[name]

    async def script(peer: Peer) -> None:
        await peer.answer(*cut(recorded, peer.number))
        await peer.wait_until_closed()

    async with raw_server(script) as server:
        for at in range(0, len(recorded), 3):
            assert ("malformed", True) == await problem(client, server), at

    assert len(range(0, len(recorded), 3)) == len(server.peers)


def head_of_size(size: int) -> bytes:
    bare = len(HEAD + b"content-length: 1\r\nx: \r\n\r\n")
    return HEAD + b"content-length: 1\r\nx: " + b"x" * (size - bare) + b"\r\n\r\n"


@pytest.mark.parametrize("piece", [1_000_000, 64 * 1024, 999])
async def test_a_head_has_a_most(client: Client, piece: int):
    async def script(peer: Peer) -> None:
        for size in (HEAD_BYTES_MOST, HEAD_BYTES_MOST + 1):
            recorded = head_of_size(size) + b"x"
            assert size + 1 == len(recorded)
            await peer.answer(*(recorded[at : at + piece] for at in range(0, len(recorded), piece)))
        await peer.wait_until_closed()

    async with raw_server(script) as server:
        assert b"x" == await ask(client, server)
        assert ("too_large", True) == await problem(client, server)


@pytest.mark.parametrize(
    "endless",
    [
        (HEAD, b"x-more: " + b"y" * 1000 + b"\r\n"),
        (HEAD + b"x: ", b"y" * 1000),
        (b"HTTP/1.1 200 ", b"O" * 1000),
        (b"", b"HTTP/1.1 103 Early Hints\r\nx: " + b"y" * 1000 + b"\r\n\r\n"),
        (CHUNKED + b"0\r\nx: ", b"y" * 1000),
        (CHUNKED + b"0\r\n", b"x: " + b"y" * 1000 + b"\r\n"),
        (CHUNKED + b"1;x=", b"y" * 1000),
    ],
)
async def test_what_never_becomes_a_body_has_an_end(client: Client, endless: tuple[bytes, bytes]):
    start, again = endless

    async def script(peer: Peer) -> None:
        await peer.answer(start)
        while True:
            await peer.send(again)

    async with raw_server(script) as server:
        assert ("too_large", True) == await problem(client, server)


async def test_headers_are_counted(client: Client):
    async def script(peer: Peer) -> None:
        for count in (HEADERS_MOST, HEADERS_MOST + 1):
            await peer.answer(ok(b"x", *[b"a: b"] * (count - 1)))
        await peer.wait_until_closed()

    async with raw_server(script) as server:
        assert b"x" == await ask(client, server)
        assert ("too_large", True) == await problem(client, server)
