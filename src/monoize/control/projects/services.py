"""What the room keeps running between requests: the engine, the proxy, and those who work on both."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator

from starlette.requests import HTTPConnection

from monoize.control.edge.house import House
from monoize.control.projects.actions.followers import Followers
from monoize.control.projects.actions.proxy import Proxy, make_proxy
from monoize.control.projects.actions.upkeep import Upkeep, make_upkeep
from monoize.control.projects.actions.workers import Workers, make_workers
from monoize.control.projects.drivers.engine import Engine
from monoize.control.projects.model.ownership import Ours
from monoize.infra.docker import Docker


@dataclasses.dataclass(frozen=True, slots=True)
class Projects:
    proxy: Proxy
    engine: Engine
    followers: Followers
    upkeep: Upkeep
    workers: Workers


@contextlib.asynccontextmanager
async def open_projects(house: House) -> AsyncIterator[Projects]:
    settings = house.settings
    async with Docker(settings.docker_url) as docker:
        ours = Ours(house.installation)
        engine = Engine(docker, ours, settings.bind_mounts, kept_from=(settings.data_dir,))
        proxy = make_proxy(house)
        workers = make_workers(house, engine, proxy)
        upkeep = make_upkeep(house, engine, proxy)
        yield Projects(proxy=proxy, engine=engine, followers=Followers(), upkeep=upkeep, workers=workers)


def projects_of(connection: HTTPConnection) -> Projects:
    projects: Projects = connection.app.state.projects
    return projects
