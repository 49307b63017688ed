"""TLS: verified or not at all, and every byte that was sent before the end arrives."""

import asyncio
import contextlib
import datetime
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from gateway.upstream.asking import PATIENT, ask, problem, send
from support.raw_server import Peer, always, ok, raw_server

from monoize.contract.snapshot import Timeouts
from monoize.gateway.upstream.client import Client
from monoize.gateway.upstream.connection import BUFFERED_MOST
from monoize.gateway.upstream.errors import Truncated, UpstreamProblem
from monoize.gateway.upstream.target import Target

BLOCK = bytes(range(256)) * 256


class Authority:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A test's authority")])
        self._certificate = self._sign(self._name, self._key, x509.BasicConstraints(ca=True, path_length=0), [])

    def _sign(self, name, key, constraints, names, days: int = 1):
        today = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(today - datetime.timedelta(days=5))
            .not_valid_after(today + datetime.timedelta(days=days))
            .add_extension(constraints, critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def server(self, *names: str, days: int = 1) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]),
            key,
            x509.BasicConstraints(ca=False, path_length=None),
            [x509.DNSName(name) for name in names],
            days,
        )
        file = self._folder / f"{names[0]}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        context.set_alpn_protocols(["h2", "http/1.1"])
        return context

    def client(self) -> ssl.SSLContext:
        pem = self._certificate.public_bytes(serialization.Encoding.PEM).decode()
        context = ssl.create_default_context(cadata=pem)
        context.set_alpn_protocols(["http/1.1"])
        return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
async def trusting(authority: Authority, nothing_is_left: None):
    client = Client(ssl_context=authority.client())
    yield client
    await client.close()


async def test_a_server_with_its_name_is_spoken_to_on_one_connection(authority: Authority, trusting: Client):
    async def script(peer: Peer) -> None:
        assert "http/1.1" == peer.alpn
        await always(ok(b"x"))(peer)

    async with raw_server(script, tls=authority.server("localhost")) as server:
        for _ in range(5):
            assert b"x" == await ask(trusting, server, b"body")

    assert 1 == len(server.peers)


async def test_another_name_an_old_certificate_or_a_stranger_is_refused(authority: Authority, trusting: Client):
    for tls in (authority.server("elsewhere"), authority.server("localhost", days=-1)):
        async with raw_server(always(ok()), tls=tls) as server:
            assert ("connect", False) == await problem(trusting, server)
        assert [] == server.requests
    strict = Client()
    async with raw_server(always(ok()), tls=authority.server("localhost")) as server:
        assert ("connect", False) == await problem(strict, server)
        await strict.close()
    assert [] == server.requests


async def test_a_server_that_speaks_no_tls_is_refused(trusting: Client):
    async def script(peer: Peer) -> None:
        await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with raw_server(script) as server:
        server.target = Target.of(server.address.replace("http:", "https:"))[0]
        assert ("connect", False) == await problem(trusting, server)


async def test_a_handshake_that_hangs_is_a_connection_that_takes_too_long(trusting: Client):
    async def script(peer: Peer) -> None:
        await peer.wait_until_closed()

    timeouts = Timeouts(connect_ms=200, first_byte_ms=5000, idle_ms=5000, total_ms=5000)
    began = time.monotonic()
    async with raw_server(script) as server:
        server.target = Target.of(server.address.replace("http:", "https:"))[0]
        assert ("timeout_connect", False) == await problem(trusting, server, timeouts=timeouts)
        await asyncio.sleep(0.05)
        assert 0 == server.open
    assert time.monotonic() - began < 1


async def test_leaving_in_the_middle_of_a_handshake_closes(authority: Authority, trusting: Client):
    async with raw_server(always(ok(b"x")), tls=authority.server("localhost")) as server:
        for turns in range(40):
            asked = asyncio.create_task(ask(trusting, server))
            for _ in range(turns):
                await asyncio.sleep(0)
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
        assert b"x" == await ask(trusting, server)


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n"])
@pytest.mark.parametrize("nap_s", [0, 0.2])
async def test_what_was_sent_before_the_server_closed_arrives(
    authority: Authority, trusting: Client, head: bytes, nap_s: float
):
    body = BLOCK * 40

    async def script(peer: Peer) -> None:
        await peer.answer(head.replace(b"%d", b"%d" % len(body)) + body)

    async with raw_server(script, tls=authority.server("localhost")) as server:
        for _ in range(5):
            answer = await send(trusting, server)
            await asyncio.sleep(nap_s)
            assert body == await answer.read(len(body))


async def test_a_reader_that_sleeps_stops_the_server(authority: Authority, trusting: Client):
    sent = 0

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.answer(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (len(BLOCK) * 300))
        for _ in range(300):
            await peer.send(BLOCK)
            sent += len(BLOCK)

    async with raw_server(script, tls=authority.server("localhost")) as server:
        answer = await send(trusting, server)
        await asyncio.sleep(0.4)
        assert 0 < answer.size <= BUFFERED_MOST
        assert sent < 15_000_000
        assert BLOCK * 300 == await answer.read(len(BLOCK) * 300)


@contextlib.contextmanager
def hasty_server(tls: ssl.SSLContext, answer: bytes, *, says_goodbye: bool) -> Iterator[Target]:
    """Closes its socket right after the last byte, as no server over asyncio can."""

    def serve() -> None:
        while True:
            try:
                accepted, _ = listening.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), tls.wrap_socket(accepted, server_side=True) as peer:
                peer.recv(65536)
                peer.sendall(answer)
                if says_goodbye:
                    peer.settimeout(0)
                    peer.unwrap()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield Target.of(f"https://localhost:{listening.getsockname()[1]}")[0]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize("says_goodbye", [True, False])
@pytest.mark.parametrize("has_length", [True, False])
async def test_of_what_a_hasty_server_sent_nothing_is_lost(
    authority: Authority, trusting: Client, has_length: bool, says_goodbye: bool
):
    body = BLOCK * 40
    length = b"content-length: %d\r\n" % len(body) if has_length else b""
    recorded = b"HTTP/1.1 200 OK\r\n" + length + b"connection: close\r\n\r\n" + body
    with hasty_server(authority.server("localhost"), recorded, says_goodbye=says_goodbye) as target:
        for nap_s in (0, 0.1):
            for pause_s in (0, 0.002):
                answer = await trusting.send(target, "GET", "/", [], b"", PATIENT)
                await asyncio.sleep(nap_s)
                arrived = b""
                while len(arrived) < len(body):
                    arrived += await answer.next_chunk()
                    await asyncio.sleep(pause_s)
                assert body == arrived
                if has_length or says_goodbye:
                    assert b"" == await answer.next_chunk()
                else:
                    # Anybody could have made this end.
                    with pytest.raises(Truncated):
                        await answer.next_chunk()


async def test_a_cut_is_a_cut(authority: Authority, trusting: Client):
    async def script(peer: Peer) -> None:
        await peer.answer(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx")

    async with raw_server(script, tls=authority.server("localhost")) as server:
        answer = await send(trusting, server)
        assert b"x" == await answer.next_chunk()
        with pytest.raises(Truncated):
            await answer.next_chunk()


async def test_a_stale_connection_is_replaced(authority: Authority, trusting: Client):
    async def script(peer: Peer) -> None:
        await peer.answer(ok(b"x"))
        await peer.request()

    async with raw_server(script, tls=authority.server("localhost")) as server:
        assert [b"x"] * 4 == [await ask(trusting, server) for _ in range(4)]

    assert 4 == len(server.peers)


async def test_closing_ends_handshakes(authority: Authority):
    client = Client(ssl_context=authority.client())

    async def script(peer: Peer) -> None:
        await peer.wait_until_closed()

    async with raw_server(script) as server:
        target = Target.of(server.address.replace("http:", "https:"))[0]
        asked = asyncio.create_task(client.send(target, "POST", "/", [], b"", Timeouts()))
        await asyncio.sleep(0.05)
        await client.close()
        with pytest.raises(UpstreamProblem, match="connect"):
            await asked
