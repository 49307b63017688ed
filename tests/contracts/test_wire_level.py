"""What no HTTP client would send, sent to a real server over a bare connection: it answers or it hangs up."""

import contextlib
import json
import socket
import urllib.request
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import httpx2
import pytest
from support.house import MASTER_KEY, PASSWORD
from support.patience import PATIENCE_S
from support.server import Server, forked_server

MOST_BYTES: Final = 65_536


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    options = {"MONOIZE_MASTER_KEY": MASTER_KEY, "MONOIZE_MAX_BODY_BYTES": str(MOST_BYTES)}
    with forked_server(tmp_path_factory.mktemp("wire"), **options) as running:
        yield running
        assert "Traceback" not in running.logged()


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    first = {"username": "root", "password": PASSWORD, "link": server.read_link()}
    answer = httpx2.post(f"{server.address}/api/auth/first-account", json=first, timeout=PATIENCE_S)
    return answer.json()["token"]


def sent(server: Server, *parts: bytes, half_closed: bool = False) -> bytes:
    """What the server says to these bytes until it hangs up or has nothing more to say."""
    address = urlsplit(server.address)
    said = b""
    with socket.create_connection((address.hostname, address.port), PATIENCE_S) as connection:
        with contextlib.suppress(ConnectionError):
            for part in parts:
                connection.sendall(part)
            if half_closed:
                connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError, TimeoutError):
            while chunk := connection.recv(65_536):
                said += chunk
                connection.settimeout(0.5)
    return said


def head(token: str, *lines: str) -> bytes:
    fixed = ("POST /api/tenants HTTP/1.1", "host: x", f"authorization: Bearer {token}")
    lines = ("content-type: application/json", *lines)
    return "\r\n".join([*fixed, *lines, "", ""]).encode("latin-1")


def problem(said: bytes) -> tuple[int, str]:
    top, _, body = said.partition(b"\r\n\r\n")
    return int(top.split()[1]), json.loads(body)["code"]


def tenants(server: Server, token: str) -> list[str]:
    headers = {"authorization": f"Bearer {token}"}
    listed = httpx2.get(f"{server.address}/api/tenants", headers=headers).json()
    return [tenant["name"] for tenant in listed["items"]]


def test_a_declared_body_above_the_limit_is_refused_before_it_is_sent(server: Server, token: str):
    said = sent(server, head(token, f"content-length: {MOST_BYTES + 1}"))

    assert (413, "body_too_large") == problem(said)


def test_a_chunked_body_is_refused_when_it_passes_the_limit(server: Server, token: str):
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"

    said = sent(server, head(token, "transfer-encoding: chunked"), *[chunk] * 8)

    assert (413, "body_too_large") == problem(said)


def test_a_chunked_body_within_the_limit_is_read_whole(server: Server, token: str):
    chunks = [b"8\r\n" + part + b"\r\n" for part in (b'{"name":', b'"chunky"', b"       }")]

    said = sent(server, head(token, "transfer-encoding: chunked", "connection: close"), *chunks, b"0\r\n\r\n")

    assert said.startswith(b"HTTP/1.1 201 ")
    assert "chunky" in tenants(server, token)


def test_half_a_request_changes_nothing(server: Server, token: str):
    body = b'{"name": "half"}'
    sent(server, head(token, f"content-length: {len(body) + 10}"), body, half_closed=True)
    sent(server, head(token, "transfer-encoding: chunked"), b"10\r\n" + body + b"\r\n", half_closed=True)

    assert "half" not in tenants(server, token)


def test_a_request_that_is_framed_in_two_ways_makes_at_most_one_thing(server: Server, token: str):
    smuggled = head(token, "content-length: 20") + b'{"name": "smuggled"}'
    sent(server, head(token, "content-length: 5", "transfer-encoding: chunked"), b"0\r\n\r\n" + smuggled)
    sent(server, head(token, "content-length: 5", "content-length: 25"), b"     " + smuggled)

    assert "smuggled" not in tenants(server, token)


@pytest.mark.parametrize(
    "request_",
    [
        b"\x00\x01\x02\x03",
        b"GET\r\n\r\n",
        b"GET /healthz\r\n\r\n",
        b"GET /healthz HTTP/9.9\r\nhost: x\r\n\r\n",
        b"GET /api/me\x00 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /api/me%00 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET /api/me?a=%00 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET //evil.example.com/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET http://evil.example.com/api/me HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET /api/me HTTP/1.1\r\nhost: x\r\nx-request-id: a\x00b\r\n\r\n",
        b"GET /api/me HTTP/1.1\r\nhost: x\r\nauthorization: Bearer \xff\xfe\r\nconnection: close\r\n\r\n",
        b"GET /api/me HTTP/1.1\r\nhost: x\r\ncookie: monoize_session=\xff; \x80=; =;;\r\nconnection: close\r\n\r\n",
        b"GET /api/me HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 200_000 + b"\r\nconnection: close\r\n\r\n",
        b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET /api/me HTTP/1.1\r\n" + b"x: y\r\n" * 5_000 + b"connection: close\r\n\r\n",
        b"POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: x\r\n\r\n{}",
        b"POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n{}",
        b"POST /api/auth/login HTTP/1.1\r\nhost: x\r\ntransfer-encoding: nonsense\r\n\r\n{}",
        b"POST /api/auth/login HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /api/me HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    ],
    ids=lambda request_: repr(request_[:40]),
)
def test_nonsense_is_refused_or_hung_up_on_and_the_server_lives(server: Server, request_: bytes):
    said = sent(server, request_)

    status = int(said.split()[1]) if said else None
    assert status is None or 200 <= status < 500, said[:500]
    with urllib.request.urlopen(f"{server.address}/healthz", timeout=PATIENCE_S) as answer:
        assert 200 == answer.status
