"""Working on something that must have one worker at a time, and that others may take back.

A lease is renewed as long as the work goes on; who has lost it stops at once, since somebody else is at work. A
worker that dies says nothing, and its lease runs out.
"""

import asyncio
import contextlib
import dataclasses
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from monoize.base.clock import utc_now


@dataclasses.dataclass(frozen=True, slots=True)
class Lease:
    """For how long a worker is believed without a sign of life, and how often it gives one."""

    lasts_s: float = 15.0
    renewed_every_s: float = 2.0

    def until(self) -> dt.datetime:
        return utc_now() + dt.timedelta(seconds=self.lasts_s)


LEASE: Final = Lease()


class LeaseLost(Exception):
    """Somebody else works on it by now."""


@contextlib.asynccontextmanager
async def kept_alive(lease: Lease, beat: Callable[[dt.datetime], Awaitable[None]]) -> AsyncIterator[None]:
    """Renew by `beat` while the block runs. What `beat` raises ends the block, and is raised in its place."""
    try:
        async with asyncio.TaskGroup() as together:
            beating = together.create_task(_beat(lease, beat))
            yield
            beating.cancel()
    except BaseExceptionGroup as several:
        # One failed and the other was only told to stop.
        raise several.exceptions[0] from several.exceptions[0].__cause__


async def _beat(lease: Lease, beat: Callable[[dt.datetime], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(lease.renewed_every_s)
        await beat(lease.until())
