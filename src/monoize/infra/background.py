"""Background work with an owner: periodic tasks, and crews for what takes its time. Both stop with the process.

The one place that may create tasks. A periodic task takes no input and does all there is to do: it is woken by
its clock, runs once at a time, and a failed run is logged and tried again at the next tick. What takes longer than
a tick is sent out with a `Crew`, which does one thing at a time for each key and takes on no more than it can do.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection

import structlog

log = structlog.get_logger(__name__)


class Background:
    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def every(self, seconds: float, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self._tasks.append(asyncio.create_task(_repeat(seconds, name, work), name=name))  # noqa: TID251

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()


async def _repeat(seconds: float, name: str, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except Exception:  # The last rung: a task that dies silently is worse than one that fails loudly.
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
