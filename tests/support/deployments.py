"""A house with a real engine in which services are deployed by workers of ours, a step at a time or all at once."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import httpx2

from monoize.base.ids import new_id
from monoize.base.principal import SYSTEM, Call
from monoize.control.edge.house import House
from monoize.control.projects.actions import deployments as verbs
from monoize.control.projects.actions import projects as project_verbs
from monoize.control.projects.actions import services as service_verbs
from monoize.control.projects.actions.deploy_steps import Means
from monoize.control.projects.actions.deploying import Deployer
from monoize.control.projects.actions.leases import LEASE, Lease
from monoize.control.projects.actions.proxy import make_proxy
from monoize.control.projects.drivers.engine import Engine
from monoize.control.projects.model.config import Health, Port, ServiceConfig
from monoize.control.projects.model.deployments import Deployment
from monoize.control.projects.model.instances import Instance
from monoize.control.projects.model.ownership import Ours
from monoize.control.projects.model.terms import DeployTerms
from monoize.control.projects.store import deployments, operation_lines, services
from monoize.infra.audit_log import Change
from monoize.infra.docker import Docker
from monoize.main import house as opening
from support.house import test_settings
from support.patience import PATIENCE_S

SERVES: Final = ("httpd", "-f", "-p", "80", "-h", "/www")


def config(image: str, **changes: Any) -> ServiceConfig:
    """A service of one container that answers on port 80, with no time lost between its releases."""
    usual: dict[str, Any] = {
        "image": image,
        "command": SERVES,
        "ports": (Port(80),),
        "health": Health(kind="http", path="/", within_s=PATIENCE_S, timeout_s=2),
        "stop_grace_s": 1,
        "deploy": DeployTerms(drain_s=0),
    }
    return ServiceConfig(**{**usual, **changes})


@dataclasses.dataclass
class Yard:
    house: House
    engine: Engine
    lease: Lease = LEASE

    def means(self, *, kept: int = 10, proxy: Any = None) -> Means:
        return Means(self.house, self.engine, proxy or make_proxy(self.house), kept)

    def worker(self, **means: Any) -> Deployer:
        return Deployer(self.means(**means), self.lease)

    async def service(self, wanted: ServiceConfig, **values: Any) -> int:
        """With its first deployment asked for."""
        async with self.change() as change:
            project = await project_verbs.create_project(change, name=f"p-{new_id()[-12:]}", description=None)
        async with self.change() as change:
            made = await service_verbs.create_service(
                change, project.id, wanted, {"name": f"s-{new_id()[-12:]}", **values}, start=True
            )
        return made.service.id

    async def asks(self, service_id: int, image: str | None = None) -> Deployment:
        async with self.change() as change:
            return await verbs.deploy(change, service_id, image=image, reason=None)

    async def rolls_back(self, service_id: int, number: int | None = None) -> Deployment:
        async with self.change() as change:
            return await verbs.roll_back(change, service_id, number=number, reason=None)

    async def cancels(self, deployment_id: int) -> Deployment:
        async with self.change() as change:
            return await verbs.cancel(change, deployment_id)

    async def configures(self, service_id: int, wanted: ServiceConfig) -> None:
        async with self.house.database.write() as tx:
            await services.change(tx, service_id, {}, wanted)

    async def finished(self, service_id: int, **means: Any) -> Deployment:
        """The newest deployment of a service, once a worker has done all there is to do."""
        worker = self.worker(**means)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                await worker.drain()
                found = await self.newest(service_id)
                if found.is_over:
                    return found
                await asyncio.sleep(0.05)

    async def live(self, service_id: int, **means: Any) -> Deployment:
        """The newest deployment of a service, which went well."""
        found = await self.finished(service_id, **means)
        assert ("live", None) == (found.status, found.error)
        return found

    async def newest(self, service_id: int) -> Deployment:
        async with self.house.database.read() as tx:
            from monoize.control.edge.wire import Window

            return (await deployments.page(tx, Window(1, None), service_id=service_id, visible=None))[0]

    async def get(self, deployment_id: int) -> Deployment:
        async with self.house.database.read() as tx:
            return await deployments.get(tx, deployment_id)

    async def lines(self, deployment_id: int) -> list[str]:
        async with self.house.database.read() as tx:
            return [one.line for one in await operation_lines.after(tx, "deployment_id", deployment_id, 0, 1000)]

    async def containers(self, service_id: int) -> list[Instance]:
        return list(await self.engine.instances(service_id))

    async def serves(self, service_id: int) -> set[str]:
        """What each running replica of the release that serves answers."""
        async with self.house.database.read() as tx:
            service = await services.get(tx, service_id)
        if service.release_id is None:
            return set()
        found = await self.engine.release_instances(service_id, service.release_id)
        ports = [host for one in found if one.running for host in one.ports.values()]
        async with httpx2.AsyncClient(timeout=5, trust_env=False, verify=False) as client:
            return {(await client.get(f"http://127.0.0.1:{port}/")).text.strip() for port in ports}

    async def until(self, holds: Callable[[], Any], what: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not await holds():
                await asyncio.sleep(0.02)

    @contextlib.asynccontextmanager
    async def change(self) -> AsyncIterator[Change]:
        async with self.house.audit_log.change(Call(SYSTEM, new_id())) as change:
            yield change


@contextlib.asynccontextmanager
async def open_yard(dsn: str, folder: Path, docker_url: str, **settings: Any) -> AsyncIterator[Yard]:
    made = test_settings(dsn, folder, docker_url=docker_url, **settings)
    async with opening.open_house(made) as (house, _), Docker(docker_url) as docker:
        engine = Engine(docker, Ours(house.installation))
        yield Yard(house, engine)
        await emptied(engine)


async def emptied(engine: Engine) -> None:
    """Everything of this installation is gone: the engine is everybody's, and lasts as long as the session."""
    docker, ours = engine.docker, {"label": engine.ours.bearing()}
    await asyncio.gather(*(engine.remove(one.container_id) for one in await engine.instances()))
    for network in await docker.networks(ours):
        await docker.remove_network(str(network["Id"]))
    for volume in await docker.volumes(ours):
        await docker.remove_volume(str(volume["Name"]))
    for pin in await docker.images({"reference": [f"monoize/{engine.ours.installation}/*"]}):
        for name in pin["RepoTags"]:
            await engine.unpin(*name.split(":"))
