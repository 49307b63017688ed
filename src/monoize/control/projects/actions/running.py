"""What runs of a service, listened to: lines of its logs, readings of its counters, commands run beside it.

Lines of several replicas come together in a bounded queue; who reads too slowly is told how many were dropped, and
holds up nobody. It fails as the engine does.
"""

import asyncio
import contextlib
import dataclasses
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from monoize.control.projects.drivers.engine import Engine
from monoize.control.projects.errors import NoSuchReplica, NotRunning
from monoize.control.projects.model.instances import Instance
from monoize.control.projects.model.readings import Reading, reading_of
from monoize.control.projects.store import services
from monoize.infra.audit_log import Change
from monoize.infra.db import Database
from monoize.infra.docker import DockerError, NotThere
from monoize.infra.docker_streams import Line

TAIL_MOST: Final = 1_000
EXEC_LINES_MOST: Final = 10_000
RUNS_WITHIN_S: Final = 15.0
_QUEUE_MOST: Final = 1_000
_LOOKS_EVERY_S: Final = 0.25


@dataclasses.dataclass(frozen=True, slots=True)
class LogLine:
    ts: str
    stream: str
    line: str
    replica: int | None


@dataclasses.dataclass(frozen=True, slots=True)
class Dropped:
    """Lines that came faster than they were read."""

    dropped: int


@dataclasses.dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended; null when nobody knows, with what the engine said where that is why."""

    exit_code: int | None
    error: str | None = None


Told = LogLine | Reading | Dropped | Ended
Tell = Callable[[Told], None]


class Buffer:
    """What was told and not yet sent on."""

    def __init__(self, most: int = _QUEUE_MOST) -> None:
        self._waiting: deque[Told] = deque()
        self._most, self._dropped = most, 0
        self._filled = asyncio.Event()
        self._over = False

    def tell(self, one: Told) -> None:
        if len(self._waiting) >= self._most:
            self._dropped += 1
        else:
            self._waiting.append(one)
        self._filled.set()

    def end(self) -> None:
        """Nothing more will be told."""
        self._over = True
        self._filled.set()

    async def taken(self, within_s: float) -> Sequence[Told] | None:
        """What there is, as soon as there is something, nothing after a while; None when all was taken and told."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._filled.wait()
        self._filled.clear()
        told, dropped = list(self._waiting), self._dropped
        self._waiting.clear()
        self._dropped = 0
        if dropped:
            told.append(Dropped(dropped))
        if self._over:
            self._filled.set()
            return told or None
        return told


async def instances_of(
    database: Database, engine: Engine, service_id: int, *, replica: int | None, running: bool = False
) -> Sequence[Instance]:
    """The replicas of the release that serves, or of the newest one while none does."""
    async with database.read() as tx:
        await services.get(tx, service_id)
        serving = (await services.serving(tx, service_id)).get(service_id)
    found = [one for one in await engine.instances(service_id) if one.task is None]
    newest = max((one.release_id or 0 for one in found), default=0)
    shown = serving.release_id if serving else newest
    mine = [one for one in found if one.release_id == shown]
    if replica is not None:
        mine = [one for one in mine if one.replica == replica]
        if not mine:
            raise NoSuchReplica
    if running:
        mine = [one for one in mine if one.running]
        if not mine:
            raise NotRunning
    return mine


async def one_that_runs(database: Database, engine: Engine, service_id: int, replica: int | None) -> Instance:
    """Where one ought to run it gets a moment: after the engine was restarted, services are started again."""
    until = time.monotonic() + RUNS_WITHIN_S
    while True:
        async with database.read() as tx:
            service = await services.get(tx, service_id)
        ought_to = service.desired_state == "running" and service.release_id is not None
        found = await instances_of(database, engine, service_id, replica=replica)
        for one in found:
            if one.running:
                return one
        if not ought_to or time.monotonic() > until:
            raise NotRunning
        await asyncio.sleep(_LOOKS_EVERY_S)


async def tail(engine: Engine, instances: Sequence[Instance], lines: int, since: float | None) -> Sequence[LogLine]:
    """The last lines of all of them, in the order of time."""
    found: list[LogLine] = []
    for one in instances:
        with contextlib.suppress(NotThere):
            async for line in engine.docker.logs(one.container_id, tail=lines, since=since):
                found.append(_shown(one, line))
    found.sort(key=lambda line: line.ts)
    return found[-lines:]


async def follow(engine: Engine, instances: Sequence[Instance], lines: int, tell: Tell) -> None:
    """Tell the last lines and then what follows, until all of them have ended."""
    async with asyncio.TaskGroup() as together:
        for one in instances:
            together.create_task(_listen(engine, one, lines, tell))


async def readings(engine: Engine, instances: Sequence[Instance]) -> Sequence[Reading]:
    """One reading of each, now."""
    told = await asyncio.gather(*(engine.docker.stats(one.container_id) for one in instances))
    return [reading_of(one.replica, sample, None) for one, sample in zip(instances, told, strict=True)]


async def follow_readings(engine: Engine, instances: Sequence[Instance], tell: Tell) -> None:
    """Tell about one reading a second of each, until all of them have ended."""
    async with asyncio.TaskGroup() as together:
        for one in instances:
            together.create_task(_measure(engine, one, tell))


def tell_command(change: Change, service_id: int, instance: Instance, argv: Sequence[str]) -> None:
    """Before it is run. Its words may hold secrets: which program it was is enough to know."""
    change.record("service.exec", "service", service_id, program=argv[0][:200], replica=instance.replica)


async def run_command(engine: Engine, instance: Instance, argv: Sequence[str], within_s: float, tell: Tell) -> None:
    """Tell what a command says in a container that runs, and how it ended. After its time it is left to itself."""
    command = engine.exec(instance.container_id, argv)
    said = 0
    try:
        async with asyncio.timeout(within_s), contextlib.aclosing(command.lines()) as lines:
            async for line in lines:
                said += 1
                if said <= EXEC_LINES_MOST:
                    tell(_shown(instance, line))
        ended = Ended(await command.exit_code())
    except TimeoutError:
        ended = Ended(None)
    except DockerError as problem:
        ended = Ended(None, str(problem)[:500])
    if said > EXEC_LINES_MOST:
        tell(Dropped(said - EXEC_LINES_MOST))
    tell(ended)


async def _listen(engine: Engine, one: Instance, lines: int, tell: Tell) -> None:
    with contextlib.suppress(NotThere):
        async with contextlib.aclosing(engine.docker.logs(one.container_id, tail=lines, follow=True)) as log:
            async for line in log:
                tell(_shown(one, line))


async def _measure(engine: Engine, one: Instance, tell: Tell) -> None:
    before = None
    with contextlib.suppress(NotThere):
        async with contextlib.aclosing(engine.docker.follow_stats(one.container_id)) as samples:
            async for sample in samples:
                tell(reading_of(one.replica, sample, before))
                before = sample


def _shown(one: Instance, line: Line) -> LogLine:
    return LogLine(line.at, line.stream, line.text, one.replica)
