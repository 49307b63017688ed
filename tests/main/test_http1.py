"""The server's own HTTP/1.1: what callers may send, however it is cut, what comes back, and what is refused."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from support.patience import PATIENCE_S
from uvicorn.server import ServerState

from monoize.gateway.exchange import EXTENSION
from monoize.infra.alarm import Alarm
from monoize.main.http1.connection import HEAD_BYTES_MOST, Connection, Patience

HASTY = Patience(head_s=0.2, body_s=0.2, taking_s=0.2, lingering_s=0.3)
POST = b"POST /echo?a=1 HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n"
)
CLOSE = b"GET /hello HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


class App:
    """A few addresses that behave in their own ways; it remembers what it was asked and how that ended."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes]] = []
        self.notes: list[str] = []
        self.goes_on = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def body() -> bytes:
            parts = []
            while (message := await receive())["type"] == "http.request":
                parts.append(message["body"])
                if not message["more_body"]:
                    return b"".join(parts)
            self.notes.append("left")
            raise ConnectionError

        async def begin(*headers: tuple[bytes, bytes], status: int = 200) -> None:
            await send({"type": "http.response.start", "status": status, "headers": headers})

        async def say(text: bytes, *, more: bool = False) -> None:
            await send({"type": "http.response.body", "body": text, "more_body": more})

        match scope["path"]:
            case "/echo":
                told = await body()
                self.asked.append((scope["method"], scope["query_string"].decode(), told))
                await begin((b"content-length", b"%d" % len(told)))
                await say(told)
            case "/hello":
                await begin((b"content-length", b"2"))
                await say(b"hi")
            case "/stream":
                await begin()
                for piece in (b"one", b"", b"two"):
                    await say(piece, more=True)
                await say(b"")
            case "/empty":
                await begin(status=204)
                await say(b"")
            case "/refuse":
                await begin((b"content-length", b"2"), status=413)
                await say(b"no")
            case "/wait":
                await body()
                heard = asyncio.Event()
                scope["extensions"][EXTENSION].when_left(heard.set)
                await asyncio.wait_for(heard.wait(), 5)
                self.notes.append((await receive())["type"])
            case "/later":
                await self.goes_on.wait()
                await begin((b"content-length", b"5"))
                await say(b"later")
            case "/flood":
                await begin()
                for _ in range(10_000):
                    await say(b"x" * 65_536, more=True)
                self.notes.append("flooded")
            case "/broken":
                raise ValueError("broken")
            case "/half":
                await begin()
                await say(b"half", more=True)
                raise ValueError("broken")
            case "/short":
                await begin((b"content-length", b"10"))
                await say(b"short")
            case "/split":
                await begin((b"x-name", b"a\r\nset-cookie: b"))
            case _:
                await begin((b"content-length", b"0"), status=404)
                await say(b"")


class House:
    def __init__(self, app: App, state: ServerState, port: int) -> None:
        self.app = app
        self.state = state
        self.port = port

    async def tell(self, *pieces: bytes, pause_s: float = 0.0) -> bytes:
        """What comes back until the server hangs up, or has nothing more to say."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            with contextlib.suppress(ConnectionError):
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(pause_s)
            return await asyncio.wait_for(reader.read(-1), 5)
        finally:
            writer.close()


@contextlib.asynccontextmanager
async def opened(patience: Patience = HASTY, **options: Any) -> AsyncIterator[House]:
    app, state = App(), ServerState()
    config = uvicorn.Config(app, lifespan="off", ws="none", log_config=None, timeout_keep_alive=1, **options)
    config.load()
    alarm = Alarm(asyncio.get_running_loop())
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(config, state, {}, alarm=alarm, patience=patience), "127.0.0.1", 0
    )
    async with server:
        yield House(app, state, server.sockets[0].getsockname()[1])
        for task in state.tasks:
            task.cancel()
        for connection in tuple(state.connections):
            connection.shutdown()


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with opened() as house:
        yield house


def statuses(told: bytes) -> list[int]:
    return [int(part[:3]) for part in told.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize("request_", [POST, CHUNKED], ids=["sized", "chunked"])
async def test_a_request_means_the_same_wherever_it_is_cut(house: House, request_: bytes):
    for cut in range(1, len(request_)):
        told = await house.tell(request_[:cut], request_[cut:] + CLOSE, pause_s=0.001)
        assert [200, 200] == statuses(told)
        assert b"\r\n\r\nhelloHTTP" in told
    assert {b"hello"} == {body for _, _, body in house.app.asked}


async def test_a_request_byte_by_byte(house: House):
    assert [200, 200] == statuses(await house.tell(*(bytes([byte]) for byte in POST + CLOSE)))


async def test_requests_that_come_at_once_are_answered_in_order(house: House):
    told = await house.tell(POST * 3 + CHUNKED + POST.replace(b"/echo", b"/none") + CLOSE)
    assert [200, 200, 200, 200, 404, 200] == statuses(told)
    assert 4 == len(house.app.asked)


async def test_a_stream_comes_in_chunks_and_has_an_end(house: House):
    told = await house.tell(CLOSE.replace(b"/hello", b"/stream"))
    assert told.endswith(
        b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
    )


async def test_an_old_client_gets_its_stream_as_it_is_and_the_end_of_the_connection(house: House):
    told = await house.tell(b"GET /stream HTTP/1.0\r\n\r\n")
    assert b"chunked" not in told
    assert told.endswith(b"\r\n\r\nonetwo")


async def test_nothing_follows_the_head_where_nothing_may(house: House):
    head = CLOSE.replace(b"GET", b"HEAD", 1)
    assert (await house.tell(head)).endswith(b"content-length: 2\r\nconnection: close\r\n\r\n")
    assert b"chunked" not in await house.tell(CLOSE.replace(b"/hello", b"/empty"))


async def test_whoever_waits_to_be_asked_for_a_body_is_asked(house: House):
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(b"POST /echo HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n")
    assert b"HTTP/1.1 100 Continue\r\n\r\n" == await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    writer.write(b"hello")
    assert b"200" in await asyncio.wait_for(reader.readline(), 5)
    writer.close()


SMUGGLED = [
    b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
    b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello",
    b"content-length: +5\r\n\r\nhello",
    b"content-length: 5, 5\r\n\r\nhello",
    b"content-length: 99999999999999999999\r\n\r\nhello",
    b"content-length : 5\r\n\r\nhello",
    b"transfer-encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
    b"transfer-encoding: chunked\r\n\r\n5hello\r\n0\r\n\r\n",
    b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    b"a\x00b: c\r\n\r\n",
    b"a: b\rc\r\n\r\n",
    b" folded: a\r\n\r\n",
]


@pytest.mark.parametrize("rest", SMUGGLED)
async def test_what_could_be_read_in_two_ways_is_refused_and_ends_the_connection(house: House, rest: bytes):
    told = await house.tell(b"POST /echo HTTP/1.1\r\nhost: x\r\n" + rest + CLOSE)
    assert [400] == statuses(told)
    assert [] == house.app.asked


@pytest.mark.parametrize("line", [b"GARBAGE\r\n\r\n", b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\n\r\n"])
async def test_what_is_no_request_is_refused(house: House, line: bytes):
    assert [400] == statuses(await house.tell(line))


async def test_a_head_without_end_is_refused(house: House):
    told = await house.tell(b"GET /hello HTTP/1.1\r\n" + b"a: " + b"b" * HEAD_BYTES_MOST)
    assert [431] == statuses(told)


async def test_a_caller_that_dawdles_is_told_so(house: House):
    assert [408] == statuses(await house.tell(POST[:20], pause_s=0.6))
    assert [408] == statuses(await house.tell(POST[:-2], pause_s=0.6))
    assert b"" == await house.tell(b"", pause_s=0.6)
    assert ["left"] == house.app.notes


async def test_a_large_body_waits_for_the_one_who_reads_it():
    async with opened(Patience()) as house:
        size = 3_000_000
        head = b"POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % size
        told = await house.tell(head, *[b"x" * 100_000] * 30)
        assert told.endswith(b"x" * 1000)
        assert size == len(house.app.asked[0][2])


async def test_whoever_is_refused_while_sending_hears_why(house: House):
    head = b"POST /refuse HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n"
    told = await house.tell(head, *[b"x" * 50_000] * 10, pause_s=0.01)
    assert [413] == statuses(told)
    assert b"connection: close" in told


async def test_it_is_heard_when_a_caller_hangs_up(house: House):
    _, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(POST.replace(b"/echo", b"/wait"))
    await asyncio.sleep(0.05)
    writer.close()
    async with asyncio.timeout(PATIENCE_S):
        while house.app.notes != ["http.disconnect"] or house.state.connections:
            await asyncio.sleep(0.01)


async def test_an_answer_that_nobody_takes_is_given_up(house: House):
    with socket.create_connection(("127.0.0.1", house.port)) as caller:
        caller.sendall(CLOSE.replace(b"/hello", b"/flood"))
        async with asyncio.timeout(PATIENCE_S):
            while not house.state.connections:
                await asyncio.sleep(0.01)
            while house.state.connections:
                await asyncio.sleep(0.01)


@pytest.mark.parametrize(("path", "status"), [(b"/broken", 500), (b"/split", 500)])
async def test_what_the_application_gets_wrong_is_answered(house: House, path: bytes, status: int):
    told = await house.tell(CLOSE.replace(b"/hello", path))
    assert [status] == statuses(told)
    assert b"set-cookie" not in told


async def test_half_an_answer_never_looks_like_a_whole_one(house: House):
    told = await house.tell(POST.replace(b"/echo", b"/half"))
    assert told.endswith(b"4\r\nhalf\r\n")
    told = await house.tell(POST.replace(b"/echo", b"/short") + CLOSE)
    assert told.endswith(b"\r\n\r\nshort")


async def test_a_server_that_stops_ends_what_it_has_begun_and_takes_nothing_new(house: House):
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(CLOSE.replace(b"/hello", b"/later").replace(b"connection: close\r\n", b""))
    idle, hangs_up = await asyncio.open_connection("127.0.0.1", house.port)
    await asyncio.sleep(0.05)
    for connection in tuple(house.state.connections):
        connection.shutdown()
    assert b"" == await asyncio.wait_for(idle.read(-1), 5)
    hangs_up.close()
    house.app.goes_on.set()
    told = await asyncio.wait_for(reader.read(-1), 5)
    assert told.endswith(b"connection: close\r\n\r\nlater")
    writer.close()


async def test_more_callers_than_fit_are_sent_away():
    async with opened(limit_concurrency=1) as house:
        assert [503] == statuses(await house.tell(CLOSE))


async def test_an_idle_connection_is_closed_after_a_while(house: House):
    started_s = asyncio.get_running_loop().time()
    assert [200] == statuses(await house.tell(POST))
    assert 0.8 < asyncio.get_running_loop().time() - started_s < 4


async def test_another_protocol_that_is_offered_is_left_out(house: House):
    offer = b"connection: upgrade\r\nupgrade: h2c\r\n"
    told = await house.tell(CLOSE.replace(b"connection: close\r\n", offer))
    assert [200] == statuses(told)
