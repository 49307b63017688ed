"""Whether anything was written to the database lately: whoever looks by the clock need not look when nothing was.

What this process commits counts at once; what others commit is found by `look`, as cheaply as the engine allows.
Nobody may rely on it alone: work that is due at a time, and a commit that was missed, are found by looking all the
same after a while.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Final

LOOK_EVERY_S: Final = 0.25
RESTS_S: Final = 2.0


class Changes:
    def __init__(self, mark: Callable[[], Awaitable[object]]) -> None:
        """`mark` tells a state of the database from another; None where that cannot be told."""
        self._mark = mark
        self._last_mark: object = None
        self._count = 0

    def made(self) -> None:
        """Something was committed."""
        self._count += 1

    async def look(self) -> None:
        """What the clock calls: find what other processes have committed."""
        mark = await self._mark()
        if mark is None or mark != self._last_mark:
            self._last_mark = mark
            self.made()

    def awaited(self, rests_s: float = RESTS_S) -> Callable[[], bool]:
        """For one task: whether to run now, since something changed or it has rested for long enough."""
        seen, ran_at_s = -1, 0.0

        def is_time() -> bool:
            nonlocal seen, ran_at_s
            now_s = time.monotonic()
            if seen == self._count and now_s < ran_at_s + rests_s:
                return False
            seen, ran_at_s = self._count, now_s
            return True

        return is_time
