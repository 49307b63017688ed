"""Every provider of machines, started once for this folder's tests."""

from collections.abc import AsyncIterator, Iterator

import pytest
from fakes.fly import Fly
from fakes.hetzner import Hetzner
from support import docker_engine
from support.machines import DockerPlace, FlyPlace, HetznerPlace, Place, ProcessPlace

from monoize.control.compute.model.machines import Driver, MachineRef


@pytest.fixture(scope="package")
def process_place(tmp_path_factory: pytest.TempPathFactory) -> ProcessPlace:
    return ProcessPlace(tmp_path_factory.mktemp("process") / "machines")


@pytest.fixture(scope="package")
def docker_place() -> Iterator[DockerPlace]:
    with docker_engine.started() as engine:
        place = DockerPlace(engine)
        yield place
        place.take_down_walls()


@pytest.fixture(scope="package")
def fly_place() -> Iterator[FlyPlace]:
    with Fly() as fake:
        yield FlyPlace(fake)


@pytest.fixture(scope="package")
def hetzner_place() -> Iterator[HetznerPlace]:
    with Hetzner() as fake:
        yield HetznerPlace(fake)


@pytest.fixture(params=["process", "docker", "fly", "hetzner"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(f"{request.param}_place")
    return found


@pytest.fixture
async def driver(place: Place) -> AsyncIterator[Driver]:
    """What it makes is taken away again."""
    opened = place.opened()
    yield opened
    for machine in await opened.list():
        if machine.machine_id is not None:
            await opened.destroy(MachineRef(machine.machine_id, machine.provider_id or None))
    await opened.close()
