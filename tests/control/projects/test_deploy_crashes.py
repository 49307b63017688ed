"""kill -9 in every step of a deployment, an engine that goes away, a full disk: what serves goes on serving."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from support.deployments import Yard, config, open_yard
from support.docker_engine import DockerEngine, started
from support.dying_worker import SOON
from support.engines import absent
from support.patience import PATIENCE_S

from monoize.base.clock import utc_now
from monoize.base.errors import Unavailable
from monoize.control.projects.drivers.engine import Engine
from monoize.control.projects.model.config import Health, Volume
from monoize.control.projects.model.deployments import PAUSE_LEAST
from monoize.control.projects.tables import deployments
from monoize.infra.docker import Docker, EngineGone

TESTS = Path(__file__).parents[2]
STEPS = ("pulling", "starting", "probing", "switching", "draining", "retiring", "live")
CALLS = (
    "POST /tag",
    "POST /containers/create",
    "POST /start",
    "POST /stop",
    "DELETE /containers/",
)


@pytest.fixture
async def yard(sqlite: str, tmp_path: Path, docker_engine: DockerEngine) -> AsyncIterator[Yard]:
    async with open_yard(sqlite, tmp_path, docker_engine.url) as opened:
        opened.lease = SOON
        yield opened


class DyingWorkers:
    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "support.dying_worker", *arguments]
        self._process = subprocess.Popen(
            command, cwd=TESTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert self._process.stdout is not None and self._process.stdin is not None
        self._said, self._told = self._process.stdout, self._process.stdin
        assert self._said.readline() == "ready\n"

    def one_works_until(self, point: str) -> str:
        self._told.write(point + "\n")
        return self._said.readline().strip()

    def end(self) -> None:
        self._told.close()
        self._process.wait(PATIENCE_S)
        self._said.close()


@pytest.fixture
def dying(sqlite: str, tmp_path: Path, docker_engine: DockerEngine, yard: Yard) -> Iterator[DyingWorkers]:
    workers = DyingWorkers(sqlite, str(tmp_path), docker_engine.url)
    yield workers
    workers.end()


async def test_a_worker_killed_in_any_step_leaves_a_service_that_serves_and_a_deployment_that_succeeds(
    yard: Yard, dying: DyingWorkers
):
    service = await yard.service(config("app:1"))
    await yard.live(service)
    points = [*(f"write {status}" for status in STEPS), *(f"call {call}" for call in CALLS)]
    for number, point in enumerate(points):
        new = str(2 - number % 2)
        old = str(1 + number % 2)
        await yard.asks(service, f"app:{new}")

        assert "killed" == await asyncio.to_thread(dying.one_works_until, point), point
        assert await yard.serves(service) in ({old}, {new}), point

        done = await yard.finished(service)
        assert ("live", None, 1) == (done.status, done.error, done.takeovers), point
        assert {new} == await yard.serves(service), point
        left = [(one.release_id, one.running) for one in await yard.containers(service)]
        assert [(done.release_id, True)] == left, point


async def test_a_worker_killed_while_it_cleans_up_leaves_the_release_before_and_nothing_else(
    yard: Yard, dying: DyingWorkers
):
    data = (Volume("data", "/data"),)
    service = await yard.service(config("app:1", volumes=data))
    first = await yard.finished(service)
    sick = config("app:2", volumes=data, command=("sleep", "60"), health=Health(within_s=1))
    await yard.configures(service, sick)
    for point in ("write probe_failed", "call POST /stop", "call DELETE /containers/", "write failed"):
        await yard.asks(service)

        assert "killed" == await asyncio.to_thread(dying.one_works_until, point), point
        done = await yard.finished(service)

        assert ("failed", "probe_failed") == (done.status, done.error_code), point
        assert {"1"} == await yard.serves(service), point
        left = [(one.release_id, one.running) for one in await yard.containers(service)]
        assert [(first.release_id, True)] == left, point


async def test_a_deployment_waits_for_an_engine_that_is_away_and_ends_when_its_time_is_over(
    sqlite: str, tmp_path: Path
):
    with started() as engine:
        engine.import_image("app:1")
        async with open_yard(sqlite, tmp_path, engine.url) as yard:
            service = await yard.service(config("app:1"))
            await yard.live(service)
            asked = await yard.asks(service)
            engine.kill()

            await yard.worker().drain()
            waiting = await yard.get(asked.id)
            assert ("pulling", 1, None) == (waiting.status, waiting.attempts, waiting.error)

            engine.start()
            await asyncio.sleep(PAUSE_LEAST.total_seconds())
            over = await yard.live(service)

            late = await yard.asks(service)
            engine.kill()
            await yard.worker().drain()
            async with yard.house.database.write() as tx:
                over = update(deployments).where(deployments.c.id == late.id)
                await tx.execute(over.values(deadline_at=utc_now(), lease_until=None))
            await yard.worker().drain()
            engine.start()
            await yard.until(lambda: is_over(yard, late.id), "it ends")
            ended = await yard.get(late.id)
            assert ("failed", "deadline") == (ended.status, ended.error_code)


class CutOff(Docker):
    """An engine whose answer to one call is lost, once: what it was asked for is done, and nobody knows."""

    call = ""

    async def _ask(self, method: str, path: str, *more: Any, **options: Any) -> Any:
        answer = await super()._ask(method, path, *more, **options)
        wanted, _, part = self.call.partition(" ")
        if self.call and method == wanted and part in path:
            self.call = ""
            raise EngineGone("the connection broke off")
        return answer


async def test_an_answer_of_the_engine_that_is_lost_in_any_step_leaves_nothing_twice_and_nothing_out(
    yard: Yard, docker_engine: DockerEngine
):
    async with CutOff(docker_engine.url) as docker:
        yard.engine = Engine(docker, yard.engine.ours)
        service = await yard.service(config("app:1"))
        await yard.live(service)
        for number, call in enumerate(CALLS):
            new = str(2 - number % 2)
            docker.call = call
            await yard.asks(service, f"app:{new}")

            done = await yard.finished(service)

            assert ("live", None, "") == (done.status, done.error, docker.call), call
            assert {new} == await yard.serves(service), call
            left = [(one.release_id, one.running) for one in await yard.containers(service)]
            assert [(done.release_id, True)] == left, call


async def test_a_full_disk_stops_no_release_and_ends_no_deployment(tmp_path: Path, docker_engine: DockerEngine):
    with small_disk(tmp_path / "disk") as disk:
        async with open_yard(f"sqlite://{disk}/monoize.db", disk, docker_engine.url) as yard:
            yard.lease = SOON
            service = await yard.service(config("app:1"))
            await yard.live(service)
            slow = ("sh", "-c", "sleep 3; exec httpd -f -p 80 -h /www")
            await yard.configures(service, config("app:2", command=slow))
            asked = await yard.asks(service)

            worker = asyncio.create_task(yard.worker().drain())
            await yard.until(lambda: is_in(yard, asked.id, "probing"), "it is being probed")
            filling = disk / "filling"
            await asyncio.to_thread(fill, filling)
            with pytest.raises(Unavailable):
                await use_up(yard)
            with pytest.raises(Unavailable):
                await worker
            assert not (await yard.get(asked.id)).is_over
            assert {"1"} == await yard.serves(service)

            filling.unlink()
            await yard.live(service)
            assert {"2"} == await yard.serves(service)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", folder], check=False)
    if mounted.returncode:
        absent("docker", "this machine lets nobody mount anything")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(file: Path) -> None:
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as opened:
        while opened.write(bytes(65_536)):
            pass


async def use_up(yard: Yard) -> None:
    """The room that the database still has in its own files."""
    for _ in range(1_000):
        async with yard.change() as change:
            change.record("test.fill", "project", 1, text="x" * 50_000)


async def is_in(yard: Yard, deployment_id: int, status: str) -> bool:
    return (await yard.get(deployment_id)).status == status


async def is_over(yard: Yard, deployment_id: int) -> bool:
    await yard.worker().drain()
    return (await yard.get(deployment_id)).is_over
