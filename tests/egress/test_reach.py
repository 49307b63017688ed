"""Where agents may go: the table of addresses, names and ports, rebinding, and what is ours."""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from support.egress import connect, counting_server, running_proxy

from monoize.contract.egress import EgressGrant
from monoize.egress import dial
from monoize.egress.addresses import is_reachable, kind
from monoize.egress.dial import is_own
from monoize.egress.errors import TargetDenied
from monoize.egress.places import OwnPlaces
from monoize.egress.reach import Rules, check_name, in_turn
from monoize.egress.targets import Target

EVERYWHERE = tuple(map(ipaddress.ip_network, ("0.0.0.0/0", "::/0")))
NEVER = [
    "0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.0.1", "192.0.0.8", "192.0.2.1", "192.88.99.1", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::2", "::7f00:1",
    "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1",
    "2002:7f00:1::", "3fff::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1",
]  # fmt: skip
PRIVATE = [
    "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254", "172.16.0.1", "172.31.255.255",
    "192.168.1.1", "198.18.0.1", "198.19.255.255", "::1", "fc00::1", "fdaa::3",
]  # fmt: skip
PUBLIC = ["1.1.1.1", "8.8.8.8", "100.63.255.255", "172.32.0.1", "192.0.1.1", "198.20.0.1", "2606:4700::1111"]


@pytest.mark.parametrize("written", NEVER)
def test_some_addresses_stay_shut_whatever_is_opened(written: str):
    assert not is_reachable(ipaddress.ip_address(written), EVERYWHERE)


@pytest.mark.parametrize("written", PRIVATE)
def test_private_addresses_are_shut_unless_the_operator_opens_their_network(written: str):
    address = ipaddress.ip_address(written)
    assert not is_reachable(address, ())
    assert is_reachable(address, [ipaddress.ip_network(written)])


@pytest.mark.parametrize("written", PUBLIC)
def test_public_addresses_are_open(written: str):
    assert "public" == kind(ipaddress.ip_address(written))


def grant(**fields: object) -> EgressGrant:
    return EgressGrant(agent_id="a", user_id="u", machine_id="m", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "host", "port", "is_open"),
    [
        ({}, "example.com", 443, True),
        ({}, "example.com", 80, True),
        ({}, "example.com", 22, False),
        ({}, "example.com", 25, False),
        ({"hosts_allow": ("*.example.com",)}, "api.example.com", 443, True),
        ({"hosts_allow": ("*.example.com",)}, "example.com", 443, False),
        ({"hosts_allow": ("*.example.com",)}, "api.example.com.evil.org", 443, False),
        ({"hosts_allow": ()}, "example.com", 443, False),
        ({"hosts_deny": ("*.evil.org",)}, "x.evil.org", 443, False),
        ({"hosts_allow": ("*",), "hosts_deny": ("x.org",)}, "x.org", 443, False),
    ],
)
def test_an_agents_lists_and_the_ports(fields: dict[str, object], host: str, port: int, is_open: bool):
    rules = Rules(frozenset({80, 443, 25}))
    if is_open:
        check_name(rules, grant(**fields), Target(host, port))
    else:
        with pytest.raises(TargetDenied):
            check_name(rules, grant(**fields), Target(host, port))


def test_versions_take_turns():
    found = [ipaddress.ip_address(written) for written in ("::1", "::2", "1.1.1.1", "::3")]
    assert ["::1", "1.1.1.1", "::2", "::3"] == list(map(str, in_turn(found)))


async def refused(folder: Path, authority: str, *, found: Sequence[str] | None = None, **options: object) -> str:
    """The code with which the proxy refuses, or nothing."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        return found or []

    async with running_proxy(
        folder,
        ports=[int(authority.rpartition(":")[2])],
        resolve=resolve if found is not None else None,
        **options,  # type: ignore[arg-type]
    ) as proxy:
        line = await proxy.connect()
        head = (await line.ask(connect(authority, proxy.desk.agent()))).decode()
        return head.partition("x-monoize-error: ")[2].partition("\r\n")[0]


@pytest.mark.parametrize("written", ["127.1", "2130706433", "0x7f.1", "0177.0.0.1", "localhost", "127.0.0.1"])
async def test_no_spelling_of_loopback_is_let_through(written: str, tmp_path: Path):
    async with counting_server() as target:
        assert "target_denied" == await refused(tmp_path, f"{written}:{target.port}", opened=())
        assert 0 == target.received


@pytest.mark.parametrize("found", [["127.0.0.1"], ["1.1.1.1", "127.0.0.1"], ["::ffff:127.0.0.1"], ["fe80::1%eth0"]])
async def test_a_name_with_one_denied_address_is_denied(found: Sequence[str], tmp_path: Path):
    assert "target_denied" == await refused(tmp_path, "rebinds.example:443", found=found, opened=())


async def test_a_name_is_resolved_once_and_the_address_that_was_judged_is_dialled(tmp_path: Path):
    answers = [["127.0.0.1"], ["127.0.0.2"], ["127.0.0.3"]]

    async def rebinds(host: str, port: int) -> Sequence[str]:
        return answers.pop(0)

    async with (
        counting_server() as target,
        running_proxy(tmp_path, ports=[target.port], resolve=rebinds) as proxy,
    ):
        await proxy.tunnel(target.port, proxy.desk.agent(), host="rebinds.example")
        assert 2 == len(answers)


async def test_the_next_address_is_tried_while_the_first_keeps_silent(tmp_path: Path):
    async def two(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1", "127.0.0.2"]

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read(10))
        await writer.drain()
        writer.close()

    with silent_port() as port:
        answering = await asyncio.start_server(echo, "127.0.0.2", port)
        async with running_proxy(tmp_path, ports=[port], resolve=two) as proxy:
            line = await proxy.tunnel(port, proxy.desk.agent(), host="two.example")
            line.writer.write(b"x")
            assert b"x" == await line.read(1)
        answering.close()


async def test_a_target_and_a_resolver_that_keep_silent_are_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async def never(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(dial, "CONNECT_S", 0.1)
    monkeypatch.setattr(dial, "RESOLVE_S", 0.1)
    with silent_port() as port:
        assert "target_timeout" == await refused(tmp_path, f"127.0.0.1:{port}")
    async with running_proxy(tmp_path, ports=[443], resolve=never) as proxy:
        line = await proxy.connect()
        assert (await line.ask(connect("silent.example:443", proxy.desk.agent()))).startswith(b"HTTP/1.1 504 ")


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    """Of 127.0.0.1, where nobody is let in or turned away: its queue is full."""
    with contextlib.ExitStack() as stack:
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port: int = silent.getsockname()[1]
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        yield port


async def test_what_is_ours_stays_shut_in_an_opened_network(tmp_path: Path):
    async with counting_server() as target:
        place = ("127.0.0.1", target.port)
        assert "target_denied" == await refused(tmp_path, f"127.0.0.1:{target.port}", protected=[place])
        assert "" == await refused(tmp_path, f"127.0.0.1:{target.port}")


async def test_a_refused_connection_and_an_unknown_name_are_told_apart_from_silence(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]
    assert "target_unreachable" == await refused(tmp_path, f"127.0.0.1:{port}")

    async def unknown(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror

    async with running_proxy(tmp_path, ports=[443], resolve=unknown) as proxy:
        line = await proxy.connect()
        assert (await line.ask(connect("nobody.example:443", proxy.desk.agent()))).startswith(b"HTTP/1.1 502 ")


def test_places_of_ours_are_known_by_address_and_by_port():
    places = OwnPlaces([("localhost", 5432)], [3128])
    places.look_up()
    loopback, elsewhere = ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("1.1.1.1")
    assert (loopback, 5432) in places
    assert (loopback, 3128) in places
    assert (loopback, 80) not in places
    assert (elsewhere, 3128) not in places
    assert is_own(loopback)
