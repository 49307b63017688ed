"""A connection is opened only for those who may, and carries only so much."""

import asyncio
import contextlib
import json
import socket
import time
from typing import Any

import pytest
from support.gateway import KEY, Bench, change, channel, provider
from support.patience import PATIENCE_S
from support.sockets import Client, Served, serving_sockets
from websockets.exceptions import ConnectionClosed, InvalidStatus

MIB = 2**20
HANDSHAKE = (
    b"GET %b HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n%b\r\n"
)


@pytest.fixture(autouse=True)
def echo(bench: Bench) -> None:
    bench.offer(provider(channel("", "echo", "m")))


async def refusal(served: Served, path: str = "/v1/responses", **how: Any) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as refused:
        async with served.opened(path, **how):
            pass
    answer = refused.value.response
    error = json.loads(answer.body)["error"]
    assert answer.headers["x-request-id"] == error["request_id"]
    return answer.status_code, error["code"]


async def last_error(client: Client) -> tuple[str, int | None]:
    """The code of the last event, and that with which the connection was closed after it."""
    events = []
    with contextlib.suppress(ConnectionClosed):
        while True:
            events.append(await client.event())
    return events[-1]["error"]["code"], await client.closed()


@pytest.mark.parametrize(
    ("key", "code"), [(None, "missing_api_key"), ("sk-" + "f" * 32, "invalid_api_key"), ("x", "invalid_api_key")]
)
async def test_a_connection_is_refused_in_http_to_whom_it_is_not_open(bench: Bench, key: str | None, code: str):
    async with serving_sockets(bench) as served:
        assert (401, code) == await refusal(served, key=key)
        async with served.opened(key=None, headers={"x-api-key": KEY}) as client:
            await client.ask()
        change(bench, networks=("10.0.0.0/8",))
        assert (403, "key_not_allowed_here") == await refusal(served)


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/responses/compact", "/v1/responses/", "/v1beta/models"])
async def test_there_are_no_others(bench: Bench, path: str):
    async with serving_sockets(bench) as served:
        assert (404, "unknown_endpoint") == await refusal(served, path)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1", "http://[", "file://"])
async def test_a_page_of_another_site_cannot_open_one(bench: Bench, origin: str):
    async with serving_sockets(bench) as served:
        assert (403, "page_foreign") == await refusal(served, headers={"origin": origin})
        async with served.opened(headers={"origin": f"http://127.0.0.1:{served.port}"}) as client:
            await client.ask()


async def test_who_asks_without_an_upgrade_is_told_what_is_missing(bench: Bench):
    reply = await bench.ask("/v1/responses", method="GET")
    assert (426, "websocket_required") == (reply.status, reply.json["error"]["code"])


async def test_there_are_only_so_many_at_a_time(bench: Bench):
    async with serving_sockets(bench, sockets_of_key=2) as served:
        async with served.opened(), served.opened():
            assert (429, "too_many_websockets") == await refusal(served)
        async with served.opened() as client:
            await client.ask()
    async with serving_sockets(bench, sockets=1) as served, served.opened():
        assert (429, "too_many_websockets") == await refusal(served)


async def test_a_connection_has_only_so_many_turns(bench: Bench):
    async with serving_sockets(bench, turns=3) as served, served.opened() as client:
        for text in ("one", "two", "/fail 400"):
            await client.ask(text)
        await client.say(model="m", input="four")
        assert ("websocket_connection_limit_reached", 1008) == await last_error(client)


async def test_a_connection_hears_only_so_much(bench: Bench):
    async with serving_sockets(bench, heard_bytes=5_000) as served, served.opened() as client:
        assert "response.completed" == (await client.ask("x" * 4_000))[-1]["type"]
        await client.say("response.processed", response_id="x" * 2_000)
        assert ("websocket_connection_limit_reached", 1008) == await last_error(client)


async def test_what_waits_behind_an_answer_is_bounded_and_the_answer_comes_first(bench: Bench):
    async with serving_sockets(bench, waiting=2) as served, served.opened() as client:
        await client.say(model="m", input="/slow 100\none")
        await client.event()
        for number in range(3):
            await client.say(model="m", input=str(number))
        assert "response.completed" == (await client.heard())[-1]["type"]
        for _ in range(2):
            assert "response.completed" == (await client.heard())[-1]["type"]
        assert ("websocket_connection_limit_reached", 1008) == await last_error(client)


async def test_a_message_is_not_larger_than_any_request(bench: Bench):
    async with serving_sockets(bench) as served, served.opened() as client:
        with contextlib.suppress(ConnectionClosed):
            await client.connection.send("x" * (50 * MIB + 1))
        assert 1009 == await client.closed()


async def test_messages_are_text(bench: Bench):
    async with serving_sockets(bench) as served, served.opened() as client:
        await client.connection.send(b'{"type": "response.create", "model": "m", "input": "hi"}')
        assert ("malformed_request", 1008) == await last_error(client)


async def test_a_history_that_is_too_long_is_refused_and_the_connection_stays(bench: Bench):
    async with serving_sockets(bench, items=4) as served, served.opened() as client:
        events = await client.ask("one")
        events = await client.ask("two", previous_response_id=events[-1]["response"]["id"])
        (error,) = await client.ask("three", previous_response_id=events[-1]["response"]["id"])
        assert (413, "history_too_large") == (error["status"], error["error"]["code"])
        assert "response.completed" == (await client.ask("four"))[-1]["type"]
    assert 3 == len(await bench.charged())


@pytest.mark.parametrize("bound", ["kept_bytes", "kept_bytes_of_all"])
async def test_an_answer_that_is_too_much_to_keep_is_told_and_forgotten(bench: Bench, bound: str):
    async with serving_sockets(bench, **{bound: 10_000}) as served, served.opened() as client:
        events = await client.ask("x" * 6_000)
        assert "response.completed" == events[-1]["type"]
        (error,) = await client.ask("more", previous_response_id=events[-1]["response"]["id"])
        assert (400, "previous_response_not_found") == (error["status"], error["error"]["code"])


async def test_what_is_kept_is_given_back_with_the_connection_and_with_what_replaces_it(bench: Bench):
    async with serving_sockets(bench, kept_bytes_of_all=10_000) as served:
        for _ in range(3):
            async with served.opened() as client:
                for _ in range(3):
                    events = await client.ask("x" * 3_000)
                events = await client.ask("more", previous_response_id=events[-1]["response"]["id"])
                assert "response.completed" == events[-1]["type"]


@pytest.mark.parametrize("bound", ["idle_s", "life_s"])
async def test_a_connection_that_is_not_used_or_old_is_closed(bench: Bench, bound: str):
    async with serving_sockets(bench, **{bound: 0.3}) as served, served.opened() as client:
        await client.ask()
        assert 1000 == await client.closed()


async def test_a_client_that_reads_nothing_is_left_and_pays_for_what_came(bench: Bench):
    async with serving_sockets(bench, send_s=0.3) as served:
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        narrow.connect(("127.0.0.1", served.port))
        reader, writer = await asyncio.open_connection(sock=narrow, limit=1_000)
        writer.write(HANDSHAKE % (b"/v1/responses", b"authorization: Bearer %b\r\n" % KEY.encode()))
        await reader.readuntil(b"\r\n\r\n")
        message = json.dumps({"type": "response.create", "model": "m", "input": "x" * 6 * MIB}).encode()
        # In clear: a mask of zeros changes nothing.
        writer.write(b"\x81\xff" + len(message).to_bytes(8, "big") + bytes(4) + message)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        until_s = time.monotonic() + 10
        while not await bench.charged():
            assert time.monotonic() < until_s
            await asyncio.sleep(0.05)
        writer.transport.abort()

    assert 1 == len(await bench.charged())
    assert (0, 0) == await bench.held()


async def test_compression_is_not_offered(bench: Bench):
    async with serving_sockets(bench) as served, served.opened(compression="deflate") as client:
        assert "sec-websocket-extensions" not in client.connection.response.headers


@pytest.mark.parametrize(
    "handshake",
    [
        HANDSHAKE.replace(b"GET", b"POST"),
        HANDSHAKE.replace(b"AAAAAAAAAAAAAAAAAAAAAA==", b"nonsense"),
        HANDSHAKE.replace(b"version: 13", b"version: 1"),
        HANDSHAKE.replace(b"host: h", b"x: " + b"y" * 20_000),
        HANDSHAKE.replace(b"host: h\r\n", b"x: y\r\n" * 200),
    ],
    ids=["POST", "key", "version", "long header", "many headers"],
)
async def test_a_handshake_that_is_none_ends_and_harms_nobody(bench: Bench, handshake: bytes):
    async with serving_sockets(bench) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(handshake % (b"/v1/responses", b"authorization: Bearer %b\r\n" % KEY.encode()))
        async with asyncio.timeout(PATIENCE_S):
            answer = await reader.read()
        writer.close()
        assert b" 101 " not in answer
        async with served.opened() as client:
            await client.ask()


async def test_frames_that_are_none_end_the_connection_and_harm_nobody(bench: Bench):
    async with serving_sockets(bench) as served:
        for junk in (b"\xff\xff\xff\xff", b"\x81\x01a", b"\x81\x81\0\0\0\0\xff", b"\x83\x80\0\0\0\0"):
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
            writer.write(HANDSHAKE % (b"/v1/responses", b"authorization: Bearer %b\r\n" % KEY.encode()))
            await reader.readuntil(b"\r\n\r\n")
            writer.write(junk)
            async with asyncio.timeout(PATIENCE_S):
                await reader.read()
            writer.close()
        async with served.opened() as client:
            await client.ask()


async def test_a_server_that_stops_lets_an_answer_end_and_closes(bench: Bench):
    async with serving_sockets(bench) as served, served.opened() as idle, served.opened() as busy:
        await busy.say(model="m", input="/slow 100\none two three four five")
        await busy.event()
        await busy.say(model="m", input="not this any more")
        served.server.should_exit = True
        assert 1001 == await idle.closed()
        assert "response.completed" == (await busy.heard())[-1]["type"]
        assert 1001 == await busy.closed()

    assert ["success"] == [charged.log and charged.log.status for charged in await bench.charged()]
