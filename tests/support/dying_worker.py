"""A worker of deployments, killed where it is told to be: `python -m support.dying_worker DSN FOLDER DOCKER`.

It reads a line for each worker: `write STATUS` dies before that status is written down, `call METHOD PATH` after
the engine has answered the first such call. A worker is a fork, so that what takes long to load is loaded once.
It prints how each ended.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.engine import Engine as SqlEngine

from monoize.control.projects.actions.deploy_steps import Means
from monoize.control.projects.actions.deploying import Deployer
from monoize.control.projects.actions.leases import Lease
from monoize.control.projects.actions.proxy import make_proxy
from monoize.control.projects.drivers.engine import Engine
from monoize.control.projects.model.ownership import Ours
from monoize.infra.docker import Docker
from monoize.main import house as opening
from support.house import test_settings

SOON: Final = Lease(lasts_s=0.4, renewed_every_s=0.1)
"""Who takes over from the dead does not wait long."""


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DyingDocker(Docker):
    last_call = ""

    async def _ask(self, method: str, path: str, *more: Any, **options: Any) -> Any:
        answer = await super()._ask(method, path, *more, **options)
        wanted, _, part = self.last_call.partition(" ")
        if self.last_call and method == wanted and part in path:
            die()
        return answer


def die_before_writing(status: str) -> None:
    def look(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if statement.startswith("UPDATE deployments") and status in tuple(parameters):
            die()

    event.listen(SqlEngine, "before_cursor_execute", look)


async def work(dsn: str, folder: str, docker_url: str, kind: str, what: str) -> None:
    settings = test_settings(dsn, Path(folder), docker_url=docker_url)
    async with opening.open_house(settings) as (house, _), DyingDocker(docker_url) as docker:
        if kind == "write":
            die_before_writing(what)
        else:
            docker.last_call = what
        engine = Engine(docker, Ours(house.installation))
        await Deployer(Means(house, engine, make_proxy(house), 10), SOON).drain()


def main(dsn: str, folder: str, docker_url: str) -> None:
    print("ready", flush=True)
    for line in sys.stdin:
        kind, _, what = line.strip().partition(" ")
        child = os.fork()
        if child == 0:
            asyncio.run(work(dsn, folder, docker_url, kind, what))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print("killed" if os.WIFSIGNALED(status) else "survived", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
