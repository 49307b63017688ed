"""What is too old goes, a little at a time, so that nobody waits for it."""

from collections.abc import Awaitable, Callable
from typing import Final

from monoize.infra.db import Database

BATCH: Final = 500
BATCHES_MOST: Final = 400
"""In one run; the rest waits for the next."""


async def forget(database: Database, delete_oldest: Callable[..., Awaitable[int]]) -> int:
    """How many rows went: `delete_oldest(tx, most=…)` says how many it found."""
    gone = 0
    for _ in range(BATCHES_MOST):
        async with database.write() as tx:
            found = await delete_oldest(tx, most=BATCH)
        gone += found
        if found < BATCH:
            break
    return gone
