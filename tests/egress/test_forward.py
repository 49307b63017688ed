"""Plain HTTP through the proxy: heads rewritten, bodies streamed both ways, connections kept, bad input refused."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from support.egress import CountingServer, Running, basic, connect, counting_server, get, running_proxy, until

from monoize.egress import forward, visit

LONG = 3 * 2**20


async def site(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers by path, over a connection that stays open."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split()[1]
        lines = head.lower().split(b"\r\n")
        length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), 0)
        if b"expect: 100-continue" in lines:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await reader.readexactly(length) if length else b""
        if b"transfer-encoding: chunked" in lines:
            body = await _chunks(reader)
        match path:
            case b"/chunked":
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                for piece in (b"one ", b"two ", b"three"):
                    writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                    await writer.drain()
                writer.write(b"0\r\nX-Trailer: 1\r\n\r\n")
            case b"/until-close":
                writer.write(b"HTTP/1.0 200 OK\r\n\r\nall of it")
                return
            case b"/cut":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
                return
            case b"/two-lengths":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
            case b"/no-http":
                writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")
            case b"/long":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LONG + bytes(LONG))
            case b"/hop":
                hop = b"Connection: X-Private\r\nX-Private: 1\r\nKeep-Alive: 9\r\nX-Kept: 1\r\n"
                writer.write(b"HTTP/1.1 200 OK\r\n" + hop + b"Content-Length: 0\r\n\r\n")
            case b"/head":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n")
            case _:
                answer = body or b"hello"
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)
        await writer.drain()


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    read = b""
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        read += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return read


@pytest.fixture
async def target() -> AsyncIterator[CountingServer]:
    async with counting_server(site) as server:
        yield server


@pytest.fixture
async def proxy(target: CountingServer, tmp_path: Path) -> AsyncIterator[Running]:
    async with running_proxy(tmp_path, ports=[target.port]) as running:
        yield running


@contextlib.asynccontextmanager
async def client(proxy: Running, credential: str | None = None) -> AsyncIterator[httpx2.AsyncClient]:
    shown = credential or proxy.desk.agent()
    async with httpx2.AsyncClient(proxy=f"http://{shown}@127.0.0.1:{proxy.port}", trust_env=False) as client:
        yield client


async def test_requests_of_a_usual_client_go_through_and_are_counted_to_the_byte(
    proxy: Running, target: CountingServer
):
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield bytes(100_000)

    base = f"http://127.0.0.1:{target.port}"
    async with client(proxy) as through:
        assert "hello" == (await through.get(f"{base}/")).text
        assert "one two three" == (await through.get(f"{base}/chunked")).text
        assert "all of it" == (await through.get(f"{base}/until-close")).text
        assert LONG == len((await through.get(f"{base}/long")).content)
        assert b"x" * 5000 == (await through.post(f"{base}/", content=b"x" * 5000)).content
        assert 2_000_000 == len((await through.post(f"{base}/", content=pieces())).content)
        assert "12345" == (await through.head(f"{base}/head")).headers["content-length"]

    await until(lambda: proxy.desk.counted() == (target.received, target.sent) != (0, 0))


async def test_a_target_sees_its_own_host_and_nothing_of_the_proxy(proxy: Running, target: CountingServer):
    line = await proxy.connect()
    fields = (
        "X-Own: 1",
        "Proxy-Connection: keep-alive",
        "Connection: X-Gone",
        "X-Gone: 1",
        "Accept-Encoding: gzip",
    )

    await line.answer(get(f"http://127.0.0.1:{target.port}/a?b", proxy.desk.agent(), *fields))

    head = target.requests[0].decode().lower()
    assert head.startswith(f"get /a?b http/1.1\r\nhost: 127.0.0.1:{target.port}\r\nx-own: 1\r\n"), head
    assert "accept-encoding: gzip" in head and "via: 1.1 monoize-" in head
    assert not any(word in head for word in ("proxy-", "x-gone", "ignored.example", "forwarded"))


async def test_both_connections_are_kept_for_the_next_request(proxy: Running, target: CountingServer):
    line, credential = await proxy.connect(), proxy.desk.agent()

    for _ in range(3):
        assert b"hello" == (await line.answer(get(f"http://127.0.0.1:{target.port}/", credential)))[2]

    assert 1 == proxy.proxy.figures.clients
    assert 3 == len(target.requests)


async def test_a_connection_that_its_target_has_closed_is_replaced(tmp_path: Path):
    async def one_answer_each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with (
        counting_server(one_answer_each) as target,
        running_proxy(tmp_path, ports=[target.port]) as proxy,
    ):
        line, credential = await proxy.connect(), proxy.desk.agent()
        for _ in range(5):
            assert 200 == (await line.answer(get(f"http://127.0.0.1:{target.port}/", credential)))[0]


async def test_what_belongs_to_one_connection_does_not_come_back(proxy: Running, target: CountingServer):
    line = await proxy.connect()

    _, head, _ = await line.answer(get(f"http://127.0.0.1:{target.port}/hop", proxy.desk.agent()))

    assert b"x-kept: 1" in head
    assert b"x-private" not in head and b"keep-alive: 9" not in head


async def test_half_an_answer_is_not_taken_for_a_whole_one(proxy: Running, target: CountingServer):
    async with client(proxy) as through:
        with pytest.raises(httpx2.RemoteProtocolError):
            await through.get(f"http://127.0.0.1:{target.port}/cut")


async def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(proxy: Running, target: CountingServer):
    line = await proxy.connect()
    fields = ("Expect: 100-continue", "Content-Length: 4")

    head = await line.ask(get(f"http://127.0.0.1:{target.port}/", proxy.desk.agent(), *fields, method="POST"))
    assert head.startswith(b"HTTP/1.1 100 ")
    status, _, body = await line.answer(b"body")

    assert (200, b"body") == (status, body)


async def test_an_old_client_gets_an_answer_that_it_can_read(proxy: Running, target: CountingServer):
    line = await proxy.connect()
    shown = basic(proxy.desk.agent())
    url = f"http://127.0.0.1:{target.port}/chunked"
    line.writer.write(f"GET {url} HTTP/1.0\r\nProxy-Authorization: {shown}\r\n\r\n".encode())

    answer = await line.read()

    assert answer.endswith(b"\r\n\r\none two three") and b"chunked" not in answer


@pytest.mark.parametrize("path", ["/two-lengths", "/no-http"])
async def test_an_answer_that_could_be_read_in_two_ways_is_not_passed_on(
    path: str, proxy: Running, target: CountingServer
):
    line = await proxy.connect()

    status, head, _ = await line.answer(get(f"http://127.0.0.1:{target.port}{path}", proxy.desk.agent()))

    assert (502, True) == (status, b"x-monoize-error: target_unreachable" in head)


async def test_whoever_is_not_known_is_asked_who_they_are_and_may_try_again(proxy: Running, target: CountingServer):
    line, url = await proxy.connect(), f"http://127.0.0.1:{target.port}/"
    wrong = (None, "a1:wrong", "nobody:" + "ab" * 32)
    credential = proxy.desk.agent()

    for shown in wrong:
        status, head, _ = await line.answer(get(url, shown))
        assert 407 == status
        assert b'proxy-authenticate: Basic realm="monoize"' in head
    assert 200 == (await line.answer(get(url, credential)))[0]
    assert {"proxy_authentication_required": 3} == dict(proxy.proxy.figures.refusals)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"machine_id": None, "cut_off": "no_machine"}, "no_machine"),
        ({"cut_off": "usage_limit_exceeded"}, "usage_limit_exceeded"),
        ({"hosts_allow": ("example.com",)}, "target_denied"),
        ({"private_networks_denied": True}, "target_denied"),
    ],
)
async def test_an_agent_that_may_not_go_out_hears_why(
    fields: dict[str, object], code: str, proxy: Running, target: CountingServer
):
    credential, line = proxy.desk.agent(**fields), await proxy.connect()

    for request in (
        get(f"http://127.0.0.1:{target.port}/", credential),
        connect(f"127.0.0.1:{target.port}", credential),
    ):
        status, head, _ = await line.answer(request)
        assert (403, True) == (status, f"x-monoize-error: {code}\r\n".encode() in head)
    assert 0 == target.received


async def test_without_a_control_plane_nobody_goes_out(proxy: Running, target: CountingServer):
    credential = proxy.desk.agent()
    proxy.desk.is_away = True

    status, head, _ = await (await proxy.connect()).answer(get(f"http://127.0.0.1:{target.port}/", credential))

    assert (503, True) == (status, b"x-monoize-error: grants_unavailable" in head)


@pytest.mark.parametrize(
    "request_line",
    [
        "CONNECT 127.0.0.1 HTTP/1.1",
        "CONNECT 127.0.0.1:0 HTTP/1.1",
        "CONNECT http://127.0.0.1:80/ HTTP/1.1",
        "GET / HTTP/1.1",
        "GET https://example.com/ HTTP/1.1",
        "GET http://a@b/ HTTP/1.1",
        "GET http://a/ HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
        "GET http://a/ HTTP/1.1\r\nX : 1",
        "nonsense",
        "\x16\x03\x01\x02\x00",
    ],
)
async def test_what_is_no_request_is_refused_and_the_connection_closed(request_line: str, proxy: Running):
    line = await proxy.connect()

    line.writer.write(
        f"{request_line}\r\nProxy-Authorization: {basic(proxy.desk.agent())}\r\n\r\n".encode("latin-1")
    )
    head = await line.head()

    assert head.startswith(b"HTTP/1.1 400 "), head
    await line.read()


async def test_a_flood_of_fields_is_refused(proxy: Running):
    line = await proxy.connect()
    line.writer.write(b"GET http://a/ HTTP/1.1\r\nX: " + b"a" * 40_000)

    assert (await line.head()).startswith(b"HTTP/1.1 431 ")


async def test_a_head_that_comes_too_slowly_is_given_up(proxy: Running, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(visit, "HEAD_S", 0.1)
    silent, slow = await proxy.connect(), await proxy.connect()
    slow.writer.write(b"GET http://a/ HT")

    assert await silent.is_closed()
    assert (await slow.head()).startswith(b"HTTP/1.1 408 ")


async def test_a_target_that_takes_a_request_and_never_answers_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async def reads_and_keeps_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            pass

    monkeypatch.setattr(forward, "IDLE_S", 0.2)
    async with (
        counting_server(reads_and_keeps_silent) as target,
        running_proxy(tmp_path, ports=[target.port]) as proxy,
    ):
        line = await proxy.connect()
        head = await line.ask(get(f"http://127.0.0.1:{target.port}/", proxy.desk.agent()))

        assert head.startswith(b"HTTP/1.1 504 ") and b"x-monoize-error: target_timeout" in head


async def test_a_client_that_takes_nothing_of_its_answer_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async def sends_without_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % 2**40)
        while True:
            writer.write(bytes(2**20))
            await writer.drain()

    monkeypatch.setattr(forward, "IDLE_S", 0.3)
    async with (
        counting_server(sends_without_end) as target,
        running_proxy(tmp_path, ports=[target.port]) as proxy,
    ):
        line = await proxy.connect()
        await line.ask(get(f"http://127.0.0.1:{target.port}/", proxy.desk.agent()))

        await until(lambda: proxy.proxy.figures.clients == 0)


async def test_a_request_that_came_through_before_is_refused(proxy: Running, target: CountingServer):
    line, credential = await proxy.connect(), proxy.desk.agent()
    url = f"http://127.0.0.1:{target.port}/"
    await line.answer(get(url, credential))
    via = target.requests[0].decode().partition("via: ")[2].partition("\r\n")[0]

    assert 508 == (await line.answer(get(url, credential, f"Via: {via}")))[0]


async def test_what_comes_behind_a_refused_connect_is_no_request(proxy: Running, target: CountingServer):
    line, credential = await proxy.connect(), proxy.desk.agent()
    smuggled = get(f"http://127.0.0.1:{target.port}/", credential)

    line.writer.write(connect("127.0.0.1:1", credential) + smuggled)
    answer = await line.read()

    assert 1 == answer.count(b"HTTP/1.1 ")
    assert [] == target.requests


async def test_half_a_body_does_not_arrive_as_a_whole_one(proxy: Running, target: CountingServer):
    line, url = await proxy.connect(), f"http://127.0.0.1:{target.port}/"
    line.writer.write(
        get(url, proxy.desk.agent(), "Transfer-Encoding: chunked", method="POST") + b"3\r\nabc\r\nzz\r\n"
    )

    status, _, _ = await line.answer(b"")

    assert 502 == status
    # Its last chunk has not come.
    assert b"0\r\n" not in target.requests


async def test_its_own_figures_are_shown_to_this_computer(proxy: Running, target: CountingServer):
    await proxy.tunnel(target.port, proxy.desk.agent())
    line = await proxy.connect()

    _, _, figures = await line.answer(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")

    assert b"monoize_egress_tunnels 1\n" in figures
    _, _, health = await (await proxy.connect()).answer(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b'{"status":"ok"}' == health


async def test_curl_goes_through_as_well(proxy: Running, target: CountingServer):
    credential = proxy.desk.agent()
    command = ("curl", "-sS", "--max-time", "10", "-x", f"http://{credential}@127.0.0.1:{proxy.port}")
    url = f"http://127.0.0.1:{target.port}/"
    for options in ((), ("--proxytunnel",), ("-d", "hello")):
        process = await asyncio.create_subprocess_exec(
            *command, *options, url, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, err = await process.communicate()
        assert b"hello" == out, err
