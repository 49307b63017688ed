"""What the room keeps running between requests: the engine, the proxy, and those who work on both."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator
from typing import Final

from starlette.requests import HTTPConnection

from monoize.control.edge.audience import Audience
from monoize.control.edge.house import House
from monoize.control.projects.actions.backups import Backups
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
    audience: Audience
    upkeep: Upkeep
    workers: Workers
    backups: Backups


# Whoever follows logs holds a connection to the engine.
FOLLOWERS_MOST: Final = 100
OF_ONE_CALLER_MOST: Final = 20


@contextlib.asynccontextmanager
async def open_projects(house: House) -> AsyncIterator[Projects]:
    settings = house.settings
    async with Docker(settings.docker_url) as docker:
        ours = Ours(house.installation)
        engine = Engine(docker, ours, settings.bind_mounts, kept_from=(settings.data_dir,))
        proxy = make_proxy(house)
        workers = make_workers(house, engine, proxy)
        upkeep = make_upkeep(house, engine, proxy)
        audience = Audience(of_one_most=OF_ONE_CALLER_MOST, most=FOLLOWERS_MOST)
        yield Projects(proxy, engine, audience, upkeep, workers, Backups(house))


def projects_of(connection: HTTPConnection) -> Projects:
    projects: Projects = connection.app.state.projects
    return projects
