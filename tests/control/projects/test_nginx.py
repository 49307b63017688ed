"""A real nginx with the generator's text: how it answers, what it refuses, and what it serves then."""

import asyncio
import contextlib
import http.client
import os
import random
import signal
import socket
import ssl
import string
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from support.injections import INJECTED
from support.nginx import Behind, Served, ask, behind, facts, own_nginx, route, spare_ports, stop_nginx
from support.patience import PATIENCE_S
from support.tls import authority_pem, issue

from monoize.control.projects.drivers.nginx import Nginx, NginxTrouble
from monoize.control.projects.model.addresses import domain_name, header_value, route_path
from monoize.control.projects.model.nginx_config import Facts, Rendered, render

WIDE = issue("*.wild.example.com")
SECURE = issue("tls.example.com")
THUMBPRINT = "aB-_" * 10 + "abc"
CSP = "default-src 'self'; img-src * #x {y}"


@pytest.fixture(scope="module")
def back() -> Iterator[Behind]:
    with behind() as server:
        yield server


def everything(back: Behind) -> Facts:
    prints = {"*.wild.example.com": WIDE.fingerprint, "tls.example.com": SECURE.fingerprint}
    routes = [
        route(1),
        route(2, path="/api", upstream="service_2_80"),
        route(3, "cut.example.com", path="/v1", options={"strip_path": True, "headers": {"X-Policy": CSP}}),
        route(4, "tls.example.com", tls=True, options={"hsts": True}),
        route(5, "*.wild.example.com", tls=True),
        route(6, "waits.example.com", tls=True),
        route(7, "nobody.example.com", upstream="service_9_80"),
        route(8, "unproven.example.com", gate="challenge_only"),
        route(9, "plain.example.com", options={"websocket": False, "buffering": True, "body_mb": 1}),
        route(10, "mixed.example.com"),
        route(11, f"{'a' * 63}.{'b' * 63}.{'c' * 63}.{'d' * 61}"),
    ]
    members = {"service_1_80": [back.address], "service_2_80": [back.address]}
    return Facts(routes, members, prints, THUMBPRINT)


KEYS = {pair.fingerprint: (pair.chain, pair.key) for pair in (WIDE, SECURE)}


async def serve(served: Served, told: Facts, keys: Mapping[str, tuple[str, str]] = KEYS) -> Rendered:
    rendered = render(told, served.listening, await served.nginx.flavour())
    await served.nginx.check(rendered, keys)
    await served.nginx.enforce(rendered.generation)
    return rendered


@pytest.fixture(scope="module")
def site(back: Behind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One nginx that serves everything above; tests only ask it."""
    with own_nginx(tmp_path_factory.mktemp("site of all")) as served:
        asyncio.run(serve(served, everything(back)))
        yield served


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Served]:
    with own_nginx(tmp_path / "nginx") as served:
        yield served


def tls() -> ssl.SSLContext:
    return ssl.create_default_context(cadata=authority_pem())


def test_the_one_behind_learns_who_asks_and_not_what_they_say_of_themselves(site: Served):
    spoofed = {
        "X-Forwarded-For": "6.6.6.6",
        "X-Real-IP": "6.6.6.6",
        "X-Forwarded-Proto": "https",
        "X-Request-ID": "a",
    }
    heard = ask(site.listening.http_port, "app.example.com", "/x?y=%20z", headers=spoofed).heard

    assert "/x?y=%20z" == heard["path"]
    told = heard["headers"]
    assert ("app.example.com", "127.0.0.1", "127.0.0.1", "http", "app.example.com") == tuple(
        told[name] for name in ("host", "x-real-ip", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host")
    )
    assert 32 == len(told["x-request-id"])
    assert str(site.listening.http_port) == told["x-forwarded-port"]
    assert "upgrade" not in told and "connection" not in told


def test_a_path_belongs_to_its_route_and_what_merely_begins_alike_does_not(site: Served):
    port = site.listening.http_port
    assert ["/api", "/api/", "/api/x", "/apix"] == [
        ask(port, "app.example.com", path).heard["path"] for path in ("/api", "/api/", "/api/x", "/apix")
    ]
    assert [("/", 200), ("/deep", 200), (None, 404), (None, 404)] == [
        (said.heard["path"] if said.status == 200 else None, said.status)
        for said in (ask(port, "cut.example.com", path) for path in ("/v1", "/v1/deep", "/v1x", "/"))
    ]
    assert "/v1" == ask(port, "cut.example.com", "/v1/deep").heard["headers"]["x-forwarded-prefix"]


def test_headers_of_a_route_arrive_as_they_were_written(site: Served):
    assert CSP == ask(site.listening.http_port, "cut.example.com", "/v1").headers["x-policy"]


def test_websockets_pass_and_no_other_protocol_does(site: Served):
    port, asked = site.listening.http_port, {"Connection": "Upgrade", "Sec-WebSocket-Key": "x"}
    assert 101 == ask(port, "app.example.com", headers=asked | {"Upgrade": "websocket"}).status
    smuggled = ask(port, "app.example.com", headers=asked | {"Upgrade": "h2c"}).heard["headers"]
    assert "upgrade" not in smuggled and "connection" not in smuggled
    assert 200 == ask(port, "plain.example.com", headers=asked | {"Upgrade": "websocket"}).status


def test_events_arrive_one_by_one(site: Served, back: Behind):
    back.read_first.clear()
    with socket.create_connection(("127.0.0.1", site.listening.http_port), timeout=PATIENCE_S) as raw:
        raw.sendall(b"GET /drip HTTP/1.1\r\nHost: app.example.com\r\nConnection: close\r\n\r\n")
        text = b""
        while b"data: first" not in text:
            text += raw.recv(4096)
        assert b"second" not in text
        back.read_first.set()
        while piece := raw.recv(4096):
            text += piece
        assert b"data: second" in text


def test_a_body_has_its_bound(site: Served):
    port = site.listening.http_port
    assert 413 == ask(port, "plain.example.com", method="POST", body=b"x" * 1_100_000).status
    assert 200 == ask(port, "app.example.com", method="POST", body=b"x" * 1_100_000).status


def test_strangers_are_hung_up_on(site: Served):
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        ask(site.listening.http_port, "stranger.example.com")
    with pytest.raises(ssl.SSLError):
        ask(site.listening.https_port, "stranger.example.com", tls=tls())
    # It has a route, and no certificate.
    with pytest.raises(ssl.SSLError):
        ask(site.listening.https_port, "waits.example.com", tls=tls())


def test_tls_is_served_and_plain_http_is_sent_there_with_all_that_was_asked(site: Served):
    said = ask(site.listening.https_port, "tls.example.com", "/x", tls=tls())
    assert "https" == said.heard["headers"]["x-forwarded-proto"]
    assert "max-age=63072000" == said.headers["strict-transport-security"]

    moved = ask(site.listening.http_port, "a.wild.example.com", "/x?y=1", method="POST")
    assert (308, f"https://a.wild.example.com:{site.listening.https_port}/x?y=1") == (
        moved.status,
        moved.headers["location"],
    )
    assert 200 == ask(site.listening.https_port, "a.wild.example.com", tls=tls()).status


def test_the_newest_protocols_are_spoken(site: Served):
    context = tls()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", site.listening.https_port), timeout=PATIENCE_S) as raw,
        context.wrap_socket(raw, server_hostname="tls.example.com") as secured,
    ):
        assert ("TLSv1.3", "h2") == (secured.version(), secured.selected_alpn_protocol())


@pytest.mark.parametrize("host", ["waits.example.com", "nobody.example.com"])
def test_what_cannot_be_answered_yet_says_so(site: Served, host: str):
    said = ask(site.listening.http_port, host)

    assert (503, "5") == (said.status, said.headers["retry-after"])


@pytest.mark.parametrize(
    "host", ["app.example.com", "tls.example.com", "unproven.example.com", "new.example.com", "waits.example.com"]
)
def test_authorities_are_answered_at_every_name(site: Served, host: str):
    path = "/.well-known/acme-challenge/"
    said = ask(site.listening.http_port, host, f"{path}tok-en_1")
    assert (200, f"tok-en_1.{THUMBPRINT}", "text/plain") == (said.status, said.body, said.headers["content-type"])
    for other in ("", "a/b", "a.b", "a%20b", "a" * 129):
        assert 404 == ask(site.listening.http_port, host, path + other).status


def test_an_unproven_domain_serves_nothing_else(site: Served):
    assert 404 == ask(site.listening.http_port, "unproven.example.com").status


def test_we_reach_a_service_through_nginx_whatever_its_routes_are(site: Served):
    heard = ask(site.listening.probe_port, "127.0.0.1", "/upstream/service_1_80/health?deep=1").heard

    assert "/health?deep=1" == heard["path"]


def test_keys_are_for_nobody_else(site: Served):
    keys = list((site.folder / "certs").glob("*.key"))

    assert {0o600} == {key.stat().st_mode & 0o777 for key in keys} and len(keys) == 2


async def test_whatever_was_let_in_nginx_reads_and_whatever_was_not_is_nowhere(fresh: Served, back: Behind):
    rng = random.Random(7)
    letters = string.ascii_lowercase + string.digits

    def taken(check: Callable[[str], str], alphabet: str, most: int) -> Iterator[str]:
        while True:
            with contextlib.suppress(ValueError):
                yield check("".join(rng.choices(alphabet, k=rng.randint(1, most))))

    domains = taken(domain_name, letters[:6] + ".-*", 40)
    paths = taken(lambda text: route_path(f"/{text}"), f"{string.ascii_letters}/._~-", 60)
    values = taken(header_value, "".join(map(chr, range(32, 127))), 100)
    sound = [
        route(number, next(domains), path=next(paths), options={"headers": {"X-A": next(values)}})
        for number in range(100, 300)
    ]
    hostile = [route(n, text) for n, text in enumerate(INJECTED, 300)]
    hostile += [
        route(500, "h.example.com", path="/a; return 200"),
        route(501, "h.example.com", path="/a}"),
        route(502, "h.example.com", options={"headers": {"X-A": 'a"; evil'}}),
        route(503, "h.example.com", options={"headers": {"X-A": "$evil"}}),
    ]
    told = facts(route(1), *sound, *hostile, members={"service_1_80": [back.address]})

    rendered = await serve(fresh, told, {})
    assert "evil" not in rendered.files["sites.conf"]
    assert {"served"} == {rendered.states[one.id] for one in sound}
    assert {"invalid"} == {rendered.states[one.id] for one in hostile}
    assert 200 == ask(fresh.listening.http_port, "app.example.com").status


async def test_who_failed_a_moment_ago_is_asked_again_at_once(fresh: Served):
    first, second = spare_ports(2)
    members = {"service_1_80": [f"127.0.0.1:{first}", f"127.0.0.1:{second}"]}
    await serve(fresh, Facts([route()], members, {}))
    port = fresh.listening.http_port
    assert {502} == {ask(port, "app.example.com").status for _ in range(4)}

    with behind(port=second):
        assert {200} == {ask(port, "app.example.com").status for _ in range(4)}


async def test_once_it_is_proven_nobody_meets_the_generation_before(fresh: Served, back: Behind):
    with behind("other") as other:
        for number in range(8):
            wanted = (back, other)[number % 2]
            await serve(fresh, facts(route(), members={"service_1_80": [wanted.address]}), {})
            answers = [ask(fresh.listening.http_port, "app.example.com").heard["name"] for _ in range(4)]
            assert [wanted.server_name_told] * 4 == answers


async def test_a_port_that_somebody_else_has_leaves_the_old_one_in_force(fresh: Served, back: Behind):
    members = {"service_1_80": [back.address]}
    before = await serve(fresh, facts(route(), members=members))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        elsewhere = type(fresh.listening)(
            ("127.0.0.1",), fresh.listening.http_port, taken.getsockname()[1], fresh.listening.probe_port
        )
        after = render(facts(route(), members=members), elsewhere, await fresh.nginx.flavour())
        await fresh.nginx.check(after, {})
        with pytest.raises(NginxTrouble, match="Address already in use"):
            await fresh.nginx.enforce(after.generation)

    assert before.generation == await fresh.nginx.served()
    assert fresh.nginx.points_at(before.generation)
    assert 200 == ask(fresh.listening.http_port, "app.example.com").status


async def test_what_nginx_refuses_is_told_in_its_words_and_changes_nothing(fresh: Served, back: Behind):
    members = {"service_1_80": [back.address]}
    before = await serve(fresh, facts(route(), members=members), {})
    mixed = {WIDE.fingerprint: (WIDE.chain, SECURE.key)}
    told = facts(route(1, "a.wild.example.com", tls=True), certificates={"a.wild.example.com": WIDE.fingerprint})
    rendered = render(told, fresh.listening, await fresh.nginx.flavour())

    with pytest.raises(NginxTrouble, match="key values mismatch") as refused:
        await fresh.nginx.check(rendered, mixed)
    assert str(fresh.folder) not in str(refused.value)
    assert before.generation == await fresh.nginx.served()


async def test_an_nginx_that_died_is_started_and_one_that_lives_is_found_again(fresh: Served, back: Behind):
    rendered = await serve(fresh, facts(route(), members={"service_1_80": [back.address]}))
    pid = int((fresh.folder / "nginx.pid").read_text())

    # As after a restart of ours.
    again = Nginx("nginx", fresh.folder, fresh.listening.probe_port)
    await again.enforce(rendered.generation)
    assert pid == int((fresh.folder / "nginx.pid").read_text())

    # Its workers outlive it and hold the ports.
    os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + 5
    while again.is_running() and time.monotonic() < until:
        await asyncio.sleep(0.01)
    await again.enforce(rendered.generation)
    assert again.is_running() and pid != int((fresh.folder / "nginx.pid").read_text())
    assert 200 == ask(fresh.listening.http_port, "app.example.com").status


async def test_a_stranger_with_the_number_of_our_nginx_is_left_alone(fresh: Served):
    fresh.folder.mkdir(parents=True)
    (fresh.folder / "nginx.pid").write_text(f"{os.getpid()}\n")

    assert not fresh.nginx.is_running()


@pytest.mark.parametrize(
    "said", ["nginx version: nginx/1.18.0\n--with-http_ssl_module", "nginx version: nginx/1.25.0", "ls"]
)
async def test_a_program_that_cannot_do_it_is_not_used(fresh: Served, tmp_path: Path, said: str):
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\nprintf '%s' '{said}' >&2\n")
    program.chmod(0o755)
    fresh.folder.mkdir(parents=True)

    with pytest.raises(NginxTrouble):
        await Nginx(str(program), fresh.folder, spare_ports(1)[0]).flavour()
    with pytest.raises(NginxTrouble, match="cannot run"):
        await Nginx(str(tmp_path / "missing"), fresh.folder, spare_ports(1)[0]).flavour()


async def test_generations_that_nobody_returns_to_go_with_their_keys(fresh: Served, back: Behind):
    secure = Facts([route(1, "tls.example.com", tls=True)], {}, {"tls.example.com": SECURE.fingerprint})
    first = await serve(fresh, secure)
    second = await serve(fresh, facts(route(), members={"service_1_80": [back.address]}))
    await fresh.nginx.prune([first.generation])
    assert (fresh.folder / "certs" / f"{SECURE.fingerprint}.key").exists()

    await fresh.nginx.prune([])
    assert [second.generation] == [folder.name for folder in (fresh.folder / "generations").iterdir()]
    assert [] == list((fresh.folder / "certs").iterdir())
    stop_nginx(fresh.folder)
