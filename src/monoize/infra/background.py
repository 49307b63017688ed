"""Background work with an owner: periodic tasks that stop when the process stops.

The one place that may create tasks. A periodic task takes no input and does all there is to do: it is woken by
its clock, runs once at a time, and a failed run is logged and tried again at the next tick.
"""

import asyncio
from collections.abc import Awaitable, Callable

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
