"""Machines that are containers of a real engine: their limits, their only way out, and engines that go wrong."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Any

import httpx2
import pytest
from support.docker_engine import started
from support.engines import absent
from support.host_walls import take_down
from support.machines import INSTALLATION, DockerPlace, closing, until, until_power

from monoize.control.compute.drivers.docker.container import reading
from monoize.control.compute.drivers.docker.driver import DockerDriver
from monoize.control.compute.drivers.docker.host_wall import BRIDGE_OPTION, HostWall
from monoize.control.compute.model.machines import (
    MachineRef,
    ProviderAway,
    ProviderRefused,
    Reading,
    ToRead,
    Ways,
)
from monoize.infra.docker import Docker


@pytest.fixture(scope="module")
def walled() -> Iterator[DockerPlace]:
    """Here the firewall of the engine is part of what keeps containers in."""
    with started(has_firewall=True) as engine:
        place = DockerPlace(engine)
        yield place
        place.take_down_walls()


@pytest.fixture
def place(walled: DockerPlace) -> DockerPlace:
    return walled


@pytest.fixture
async def driver(place: DockerPlace) -> AsyncIterator[DockerDriver]:
    opened = place.opened()
    yield opened
    for machine in await opened.list():
        assert machine.machine_id is not None
        await opened.destroy(MachineRef(machine.machine_id))
    await opened.close()


@pytest.fixture
async def engine(place: DockerPlace) -> AsyncIterator[Docker]:
    async with Docker(place.engine.url) as opened:
        yield opened


class _Proxy(BaseRequestHandler):
    def handle(self) -> None:
        self.request.sendall(b"proxy\n")


class _Host(BaseRequestHandler):
    def handle(self) -> None:
        self.request.sendall(b"host\n")


@pytest.fixture
def proxy_port() -> Iterator[int]:
    with listening_everywhere(_Proxy) as port:
        yield port


@pytest.fixture
def host_port() -> Iterator[int]:
    """Something else that listens on this computer."""
    with listening_everywhere(_Host) as port:
        yield port


@contextlib.contextmanager
def listening_everywhere(handler: type[BaseRequestHandler]) -> Iterator[int]:
    with ThreadingTCPServer(("0.0.0.0", 0), handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def proxy_of(place: DockerPlace, machine_id: str) -> str:
    return place.environment(machine_id)["HTTP_PROXY"].rpartition("@")[2].partition(":")[0]


async def said_in(engine: Docker, name: str, *command: str) -> str:
    exec_id = await engine.create_exec(name, command)
    return "".join([f"{line.text}\n" async for line in engine.run_exec(exec_id)])


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Another computer, to which this one leads whom it lets: a network namespace with a server in it."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        absent("docker", "network namespaces take root and iproute2")
    name = f"moz{os.getpid() % 100_000}"
    here, there = "203.0.113.1", "203.0.113.2"
    inside = ("ip", "netns", "exec", name)
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        for command in (
            ("ip", "link", "add", name, "type", "veth", "peer", "name", "out", "netns", name),
            ("ip", "address", "add", f"{here}/30", "dev", name),
            ("ip", "link", "set", name, "up"),
            (*inside, "ip", "address", "add", f"{there}/30", "dev", "out"),
            (*inside, "ip", "link", "set", "out", "up"),
        ):
            subprocess.run(command, check=True)
        pages = tmp_path_factory.mktemp("outside")
        (pages / "index.html").write_text("outside\n")
        with subprocess.Popen([*inside, "busybox", "httpd", "-f", "-p", "80", "-h", str(pages)]) as server:
            yield there
            server.kill()
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


@pytest.fixture
async def gated(place: DockerPlace, driver: DockerDriver, proxy_port: int) -> AsyncIterator[DockerDriver]:
    """Lets its machines through to one port of this computer; `driver` takes them away again."""
    async with closing(place.opened(ports=[proxy_port])) as opened:
        yield opened


async def test_the_proxy_is_the_only_way_out(
    place: DockerPlace, gated: DockerDriver, engine: Docker, proxy_port: int, host_port: int, outside: str
) -> None:
    first, second = place.spec(), place.spec()
    await asyncio.gather(gated.create(first), gated.create(second))
    neighbour = (await gated.get(second.ref)).address
    assert neighbour is not None
    await said_in(engine, second.ref.name, "httpd", "-p", "18789", "-h", "/www")

    async def reached(host: str, port: str) -> str:
        return await said_in(engine, first.ref.name, "nc", "-w", "1", host, port)

    gateway = proxy_of(place, first.machine_id)
    assert "proxy\n" == await reached(gateway, str(proxy_port))
    # Both answer, but not to the agent.
    assert "outside\n" == await page_of(outside)
    assert "timed out" in await reached(outside, "80")
    assert "ok\n" == await page_of(neighbour)
    assert "timed out" in await reached(*neighbour.split(":"))
    assert b"host\n" == await said_to_us(gateway, host_port)
    assert "timed out" in await reached(gateway, str(host_port))

    # Nor does the engine ask anybody for a name on behalf of an agent.
    assert ["127.0.0.1"] == (await engine.inspect_container(first.ref.name))["HostConfig"]["Dns"]
    assert "no servers could be reached" in await said_in(
        engine, first.ref.name, "busybox", "nslookup", "www.example.com"
    )

    # Whoever flushes the tables of this computer opens nothing for long.
    take_down(INSTALLATION)
    assert "host\n" == await reached(gateway, str(host_port))
    await gated.list()
    assert "timed out" in await reached(gateway, str(host_port))


async def page_of(address: str) -> str:
    async def ask() -> str:
        try:
            return (await client.get(f"http://{address}/")).text
        except httpx2.HTTPError as problem:
            return f"{type(problem).__name__}: {problem}"

    async with httpx2.AsyncClient(trust_env=False) as client:
        said: str = await until(ask, lambda text: text.endswith("\n"))
    return said


async def said_to_us(host: str, port: int) -> bytes:
    async def ask() -> bytes:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(host, port)
            said = await reader.read(100)
            writer.close()
            return said
        return b""

    said: bytes = await until(ask, bool)
    return said


async def test_it_has_the_limits_of_its_preset_and_no_rights(place: DockerPlace, driver: DockerDriver) -> None:
    spec = place.spec(cpu_millicores=750, memory_mb=96)
    await driver.create(spec)

    host = place.inspect("containers", spec.machine_id)["HostConfig"]

    assert (750_000_000, 96 << 20, 96 << 20) == (host["NanoCpus"], host["Memory"], host["MemorySwap"])
    assert (["ALL"], ["no-new-privileges"]) == (host["CapDrop"], host["SecurityOpt"])
    assert not host["Privileged"]
    assert not host["PortBindings"]


async def test_what_it_uses_is_read_and_memory_adds_up(place: DockerPlace, driver: DockerDriver) -> None:
    spec = place.spec(image=place.image)
    await driver.create(spec)
    await until_power(driver, spec.ref, "running")

    first = (await driver.read([ToRead(spec.ref, 64)]))[spec.machine_id]
    an_hour_ago = Reading(first.epoch, first.at - dt.timedelta(hours=1), 0, 1000)
    second = (await driver.read([ToRead(spec.ref, 64, an_hour_ago)]))[spec.machine_id]

    assert first.cpu_ms is not None
    assert second.cpu_ms is not None
    assert second.cpu_ms >= first.cpu_ms > 0
    # An idle shell needs less than 8 MB, and more than a hundredth of one.
    assert second.memory_mb_seconds is not None
    assert 1000 + 36 < second.memory_mb_seconds < 1000 + 3600 * 8
    await driver.stop(spec.ref)
    assert {} == await driver.read([ToRead(spec.ref, 64, first)])


async def test_a_proxy_that_containers_do_not_reach_is_refused_with_the_cure(
    place: DockerPlace, driver: DockerDriver
) -> None:
    spec = place.spec()
    reachable = spec.access.ways.here
    for here, cure in (
        (Ways("127.0.0.1:3128", reachable.control_url), "egress_listen"),
        (Ways(reachable.proxy, "http://127.0.0.1:8080"), "set host"),
    ):
        access = dataclasses.replace(spec.access, ways=dataclasses.replace(spec.access.ways, here=here))
        unreachable = dataclasses.replace(spec, access=access)
        for call in (driver.create(unreachable), driver.update(spec.ref, unreachable)):
            with pytest.raises(ProviderRefused, match=cure):
                await call


async def test_without_a_wall_before_this_computer_no_container_is_started(place: DockerPlace) -> None:
    """As where this process may set no rules, or the engine is that of another computer."""
    wall = HostWall("0", [])
    driver, spec = DockerDriver(place.engine.url, INSTALLATION, wall), place.spec()
    with pytest.raises(ProviderRefused, match="docker_host_open"):
        await driver.create(spec)
    assert "created" == (await driver.get(spec.ref)).said
    await driver.destroy(spec.ref)
    await driver.close()

    with pytest.raises(ProviderRefused, match="not one of this computer's"):
        await wall.stands_before(wall.bridge("elsewhere"))


async def test_data_stays_over_an_update(place: DockerPlace, driver: DockerDriver, engine: Docker) -> None:
    spec = place.spec()
    made = await driver.create(spec)
    await said_in(engine, spec.ref.name, "sh", "-c", "echo kept > /data/notes")

    renewed = await driver.update(spec.ref, place.spec(spec.machine_id, token="token-2"))

    assert made.provider_id != renewed.provider_id
    assert "kept\n" == await said_in(engine, spec.ref.name, "cat", "/data/notes")


async def test_its_files_are_there_before_its_agent(place: DockerPlace, driver: DockerDriver) -> None:
    spec = place.spec(files={"/etc/agent/soul.md": "be kind"})
    await driver.create(spec)

    async with Docker(place.engine.url) as engine:
        assert "be kind\n" == await said_in(engine, spec.ref.name, "cat", "/etc/agent/soul.md")


async def test_a_machine_is_finished_where_its_maker_died(
    place: DockerPlace, driver: DockerDriver, engine: Docker
) -> None:
    spec = place.spec()
    labels = {"monoize.machine": spec.machine_id, "monoize.installation": INSTALLATION}
    options = {BRIDGE_OPTION: HostWall(INSTALLATION, []).bridge("0badcafe")}
    network = {"Internal": True, "Labels": labels, "Options": options}
    await engine.create_network(f"{spec.ref.name}-dead", network)
    await engine.create_volume(spec.ref.name, labels)

    (left,) = await driver.list()
    assert (spec.machine_id, "stopped", "without a container") == (left.machine_id, left.power, left.said)
    assert "gone" == (await driver.get(spec.ref)).power
    await driver.create(spec)

    assert "running" == (await driver.get(spec.ref)).power
    assert 1 == len(await engine.networks({"label": ["monoize.machine"]}))


async def test_destroying_leaves_neither_network_nor_volume(
    place: DockerPlace, driver: DockerDriver, engine: Docker
) -> None:
    spec = place.spec()
    await driver.create(spec)
    await engine.remove_container(spec.ref.name, force=True)

    await driver.destroy(spec.ref)

    assert [] == await engine.networks({"label": ["monoize.machine"]})
    assert [] == await engine.volumes({"label": ["monoize.machine"]})


async def test_what_is_not_ours_is_not_touched(place: DockerPlace, driver: DockerDriver, engine: Docker) -> None:
    spec = place.spec()
    await engine.create_container(spec.ref.name, {"Image": place.image})

    for verb in (driver.create(spec), driver.get(spec.ref), driver.destroy(spec.ref)):
        with pytest.raises(ProviderRefused, match="not ours"):
            await verb
    assert [] == await driver.list()
    await engine.remove_container(spec.ref.name)


async def test_machines_of_another_installation_are_none_of_ours(place: DockerPlace, driver: DockerDriver) -> None:
    spec = place.spec()
    other = place.opened("ba9876543210")
    try:
        await other.create(spec)
        assert [] == await driver.list()
        async with Docker(place.engine.url) as engine:
            await engine.remove_container(spec.ref.name, force=True)
        # What is left of it, a network and a volume, is not ours either.
        assert ([], [spec.machine_id]) == (
            await driver.list(),
            [one.machine_id for one in await other.list()],
        )
    finally:
        await other.destroy(spec.ref)
        await other.close()


async def test_a_preset_that_the_engine_cannot_give_is_refused(place: DockerPlace, driver: DockerDriver) -> None:
    with pytest.raises(ProviderRefused, match="CPUs") as refused:
        await driver.create(place.spec(cpu_millicores=640_000))
    assert "invalid" == refused.value.reason


async def test_an_image_that_cannot_be_fetched_is_said(place: DockerPlace, driver: DockerDriver) -> None:
    with pytest.raises(ProviderAway, match=re.escape("127.0.0.1:9/agent:1 cannot be fetched")):
        await driver.create(place.spec(image="127.0.0.1:9/agent:1"))


async def test_an_engine_that_is_away_says_nothing_about_machines(tmp_path: Path, place: DockerPlace) -> None:
    spec = place.spec()
    driver = DockerDriver(f"unix://{tmp_path}/docker.sock", INSTALLATION, None)

    calls: list[Any] = [
        *(driver.create(spec), driver.update(spec.ref, spec)),
        *(verb(spec.ref) for verb in (driver.start, driver.stop, driver.restart, driver.destroy, driver.get)),
        driver.list(),
    ]
    for call in calls:
        with pytest.raises(ProviderAway):
            await call
    assert {} == await driver.read([ToRead(spec.ref, 64)])
    await driver.close()


def test_a_sample_is_read_on_both_versions_of_cgroups() -> None:
    at = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
    there = {"Id": "ab" * 32, "State": {"StartedAt": "2026-01-01T11:59:50.123456789Z"}}

    def sample(cached: str) -> dict[str, Any]:
        return {
            "cpu_stats": {"cpu_usage": {"total_usage": 1_999_999_999}},
            "memory_stats": {"usage": 30 << 20, "stats": {cached: 10 << 20}},
            "networks": {"eth0": {"rx_bytes": 5, "tx_bytes": 7}},
        }

    for cached in ("inactive_file", "total_inactive_file"):
        told = reading(there, sample(cached), None, at)
        assert told == Reading(f"{'ab' * 6} 2026-01-01T11:59:50.123456789Z", at, 1999, 20 * 10, 12)
    assert reading(there, {"memory_stats": {}, "cpu_stats": {}}, None, at) is None


async def test_a_machine_may_come_up_with_another_address(place: DockerPlace, driver: DockerDriver) -> None:
    spec = place.spec()
    await driver.create(spec)
    await driver.stop(spec.ref)
    assert (await driver.get(spec.ref)).address is None

    await driver.start(spec.ref)

    seen = await until(lambda: driver.get(spec.ref), lambda seen: seen.address is not None)
    assert seen.address.endswith(":18789")
