"""Background work with an owner: periodic tasks, and crews for what takes its time. Both stop with the process.

The one place that may create tasks. A periodic task takes no input and does all there is to do: it is woken by
its clock, or by a `Bell`, runs once at a time, and a failed run is logged and tried again at the next tick. What
takes longer than a tick is sent out with a `Crew`, which does one thing at a time for each key and takes on no more
than it can do.
"""

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Awaitable, Callable, Collection

import structlog

log = structlog.get_logger(__name__)


@dataclasses.dataclass(slots=True)
class Runs:
    """How it went with one periodic task. `succeeded_at_s`: since 1970; 0 before the first time."""

    succeeded_at_s: float = 0.0
    failures: int = 0


class Bell:
    """Wakes a periodic task before its clock does: rung by whoever knows that there is something to do."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    def ring_in(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self.ring)

    async def heard(self, within_s: float) -> None:
        """Until it is rung, or so long. What is rung from now on counts for the next time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._rung.wait()
        self.hush()

    def hush(self) -> None:
        """What has rung so far is about to be seen to."""
        self._rung.clear()


class Background:
    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        self.runs: dict[str, Runs] = {}

    def every(
        self,
        seconds: float,
        name: str,
        work: Callable[[], Awaitable[None]],
        *,
        when: Callable[[], bool] = lambda: True,
        bell: Bell | None = None,
    ) -> None:
        """`when` says at a tick whether there can be anything to do; after a failed run it is not asked."""
        runs = self.runs.setdefault(name, Runs())
        repeated = _repeat(bell or Bell(), seconds, name, work, when, runs)
        self._tasks.append(asyncio.create_task(repeated, name=name))  # noqa: TID251

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()


async def _repeat(
    bell: Bell,
    seconds: float,
    name: str,
    work: Callable[[], Awaitable[None]],
    when: Callable[[], bool],
    runs: Runs,
) -> None:
    has_failed = False
    while True:
        await bell.heard(seconds)
        try:
            if when() or has_failed:
                has_failed = True
                await work()
                has_failed = False
            runs.succeeded_at_s = time.time()
        except Exception:  # The last rung: a task that dies silently is worse than one that fails loudly.
            runs.failures += 1
            log.exception("task_failed", task=name)


class Crew:
    """So much work at once and no more, one piece for each key. What fails is logged; its sender may try again."""

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def busy(self) -> Collection[str]:
        return self._tasks.keys()

    @property
    def free(self) -> int:
        return self._most - len(self._tasks)

    def send(self, key: str, work: Callable[[], Awaitable[None]]) -> bool:
        """Whether it was taken on."""
        if key in self._tasks or not self.free:
            return False
        task = asyncio.create_task(_once(self._name, key, work), name=f"{self._name} {key}")  # noqa: TID251
        self._tasks[key] = task
        task.add_done_callback(lambda _: self._tasks.pop(key))
        return True

    async def stop(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _once(name: str, key: str, work: Callable[[], Awaitable[None]]) -> None:
    try:
        await work()
    except Exception:  # As above.
        log.exception("task_failed", task=name, key=key)
