"""What a deployment or a build says, on its way into the database: bundled, bounded, never in the way of the work.

Whoever works on one opens a `Voice` and says lines to it; it writes them down a few times a second.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Final

from monoize.control.projects.store import operation_lines
from monoize.control.projects.store.operation_lines import Of
from monoize.infra.db import Database

FLUSH_EVERY_S: Final = 0.5
_BUNDLE_MOST: Final = 200


class Voice:
    def __init__(self, database: Database, of: Of, id: int, *, already: int, most: int) -> None:
        self._database = database
        self._of = of
        self._id = id
        self._room = max(0, most - already)
        self._dropped = 0
        self._waiting: list[str] = []
        self._lock = asyncio.Lock()
        self._flushed_s = 0.0

    async def say(self, line: str) -> None:
        if len(self._waiting) >= self._room:
            self._dropped += 1
            return
        self._waiting.append(line)
        if len(self._waiting) >= _BUNDLE_MOST or time.monotonic() - self._flushed_s >= FLUSH_EVERY_S:
            await self.flush()

    async def flush(self) -> None:
        # One at a time, so that lines stay in order.
        async with self._lock:
            lines, self._waiting = self._waiting, []
            self._flushed_s = time.monotonic()
            if not lines:
                return
            self._room -= len(lines)
            async with self._database.write() as tx:
                await operation_lines.add(tx, self._of, self._id, "said", lines)

    async def close(self) -> None:
        if self._dropped:
            self._room += 1
            self._waiting.append(f"… {self._dropped} more lines are not kept")
        await self.flush()


@contextlib.asynccontextmanager
async def voice(database: Database, of: Of, id: int, *, most: int) -> AsyncIterator[Voice]:
    async with database.read() as tx:
        already = await operation_lines.count(tx, of, id)
    opened = Voice(database, of, id, already=already, most=most)
    try:
        yield opened
    finally:
        await opened.close()
