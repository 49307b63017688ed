"""Each provider as a place for tests: its driver, machines for it, and what is there when one looks oneself.

`ClassName(...)` of the real driver against the real thing or, for other people's clouds, a fake of it.
"""

import asyncio
import base64
import contextlib
import json
import secrets
import shlex
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import httpx2
from fakes import fly as fake_fly
from fakes import hetzner as fake_hetzner

from monoize.base.ids import new_id
from monoize.control.compute.drivers.docker.driver import DockerDriver
from monoize.control.compute.drivers.docker.host_wall import HostWall
from monoize.control.compute.drivers.fly.driver import FlyDriver
from monoize.control.compute.drivers.hetzner.driver import HetznerDriver
from monoize.control.compute.drivers.process.driver import ProcessDriver
from monoize.control.compute.model.machines import (
    Access,
    Driver,
    MachineRef,
    MachineSpec,
    Observed,
    Power,
    Ways,
    WaysOut,
)
from support import host_walls
from support.docker_engine import DockerEngine

SETTLED_S: Final = 30
# It ends when it is asked to, which the first process of a container does not do by itself.
IDLE: Final = 'trap "exit 0" TERM; env > env 2>/dev/null; while :; do sleep 1 & wait $!; done'
BUSY: Final = 'trap "exit 0" TERM; while :; do :; done'


class Place(Protocol):
    """`opened` is another driver each time, as after a restart of the control plane."""

    name: str
    image: str

    def opened(self) -> Driver: ...

    def spec(self, machine_id: str | None = None, *, token: str = "token-1", **other: Any) -> MachineSpec: ...

    def there(self, machine_id: str) -> int:
        """How many machines of that name the provider has."""
        ...

    def environment(self, machine_id: str) -> Mapping[str, str]:
        """What the machine was told."""
        ...


def spec(image: str, machine_id: str | None, token: str, **other: Any) -> MachineSpec:
    given: dict[str, Any] = {"cpu_millicores": 500, "memory_mb": 64, "disk_gb": 1, **other}
    return MachineSpec(
        machine_id=machine_id or new_id(),
        operation_id=new_id(),
        image=image,
        access=Access("agent-1", token, WAYS),
        **given,
    )


WAYS: Final = WaysOut(
    here=Ways("0.0.0.0:3128", "http://0.0.0.0:8080"),
    outside=Ways("proxy.example.com:3128", "https://ai.example.com"),
)
# Another for each run, as the walls of all of them stand on this computer.
INSTALLATION: Final = secrets.token_hex(6)


class ProcessPlace:
    name = "process"
    image = f"sh -c {shlex.quote(IDLE)}"

    def __init__(self, root: Path) -> None:
        self.root = root

    def opened(self) -> ProcessDriver:
        return ProcessDriver(self.root, grace_s=2)

    def spec(self, machine_id: str | None = None, *, token: str = "token-1", **other: Any) -> MachineSpec:
        return spec(other.pop("image", self.image), machine_id, token, **other)

    def there(self, machine_id: str) -> int:
        return sum(machine_id in path.name for path in self.root.iterdir())

    def environment(self, machine_id: str) -> Mapping[str, str]:
        file = self.root / machine_id / "work/env"
        until = time.monotonic() + SETTLED_S
        while not file.exists() or not file.read_text().endswith("\n"):
            assert time.monotonic() < until
            time.sleep(0.02)
        return _variables(file.read_text().splitlines())


class DockerPlace:
    name = "docker"
    image = "machine:test"

    def __init__(self, engine: DockerEngine) -> None:
        self.engine = engine
        self.walls: set[str] = set()
        engine.import_image(self.image, changes=(f"CMD {json.dumps(['sh', '-c', IDLE])}",))

    def opened(self, installation: str = INSTALLATION, ports: Collection[int] = (3128, 8080)) -> DockerDriver:
        self.walls.add(installation)
        return DockerDriver(self.engine.url, installation, HostWall(installation, ports))

    def take_down_walls(self) -> None:
        for installation in self.walls:
            host_walls.take_down(installation)

    def spec(self, machine_id: str | None = None, *, token: str = "token-1", **other: Any) -> MachineSpec:
        return spec(other.pop("image", self.image), machine_id, token, **other)

    def there(self, machine_id: str) -> int:
        return len(self.engine.containers(f"monoize.machine={machine_id}"))

    def environment(self, machine_id: str) -> Mapping[str, str]:
        return _variables(self.inspect("containers", machine_id)["Config"]["Env"])

    def inspect(self, kind: str, machine_id: str) -> dict[str, Any]:
        transport = httpx2.HTTPTransport(uds=str(self.engine.socket))
        path = f"/{kind}/monoize-{machine_id}" + ("/json" if kind == "containers" else "")
        with httpx2.Client(transport=transport, base_url="http://engine/v1.41") as client:
            answer = client.get(path)
            if answer.status_code == 404:
                return {}
            told: dict[str, Any] = answer.raise_for_status().json()
            return told


class FlyPlace:
    name = "fly"
    image = "registry.example.com/agent:1"

    def __init__(self, fake: fake_fly.Fly) -> None:
        self.fake = fake

    def opened(self, token: str = fake_fly.TOKEN, calls_per_s: float = 1000) -> FlyDriver:
        return FlyDriver(
            token=token,
            app=fake_fly.APP,
            region="iad",
            organization="personal",
            api_url=self.fake.api_url,
            metrics_url=self.fake.metrics_url,
            calls_per_s=calls_per_s,
            first_backoff_s=0.01,
        )

    def spec(self, machine_id: str | None = None, *, token: str = "token-1", **other: Any) -> MachineSpec:
        return spec(other.pop("image", self.image), machine_id, token, **other)

    def there(self, machine_id: str) -> int:
        return len(self.fake.named(f"monoize-{machine_id}"))

    def environment(self, machine_id: str) -> Mapping[str, str]:
        told: Mapping[str, str] = self.fake.named(f"monoize-{machine_id}")[0]["config"]["env"]
        return told


class HetznerPlace:
    name = "hetzner"
    image = "debian-12"

    def __init__(self, fake: fake_hetzner.Hetzner) -> None:
        self.fake = fake

    def opened(self, token: str = fake_hetzner.TOKEN, **other: Any) -> HetznerDriver:
        given: dict[str, Any] = {"network_id": None, "firewall_id": None, "ssh_keys": (), "stop_grace_s": 0.2}
        return HetznerDriver(
            token=token,
            location="fsn1",
            types=("cx22", "cx32", "cx42", "cx52"),
            api_url=self.fake.api_url,
            first_backoff_s=0.01,
            **{**given, **other},
        )

    def spec(self, machine_id: str | None = None, *, token: str = "token-1", **other: Any) -> MachineSpec:
        return spec(other.pop("image", self.image), machine_id, token, **other)

    def there(self, machine_id: str) -> int:
        return len(self.fake.named(f"monoize-{machine_id}"))

    def environment(self, machine_id: str) -> Mapping[str, str]:
        server = self.fake.named(f"monoize-{machine_id}")[0]
        _, _, document = self.fake.user_data[server["id"]].partition("\n")
        first = json.loads(document)["write_files"][0]
        assert first["path"] == "/etc/monoize/env"
        lines = base64.b64decode(first["content"]).decode().splitlines()
        return {name: value.strip('"') for name, value in _variables(lines).items()}


async def until_power(driver: Driver, ref: MachineRef, *powers: Power) -> Observed:
    """What the provider says, once it says one of these."""
    return await until(lambda: driver.get(ref), lambda seen: seen.power in powers)


async def until(ask: Callable[[], Any], good: Callable[[Any], bool]) -> Any:
    deadline = time.monotonic() + SETTLED_S
    while not good(said := await ask()):
        assert time.monotonic() < deadline, said
        await asyncio.sleep(0.02)
    return said


@contextlib.asynccontextmanager
async def closing(driver: Driver) -> Any:
    try:
        yield driver
    finally:
        await driver.close()


def _variables(lines: Any) -> Mapping[str, str]:
    return dict(line.split("=", 1) for line in lines)
