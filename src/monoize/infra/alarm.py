"""One timer for many connections: it rings when the earliest deadline of any connection may have passed.

A deadline that moves into the future moves nothing here: it is found out when the timer rings. So a request that
goes well costs a comparison, and a loop full of them one timer. It is never early, and late by GRAIN_S at most.
"""

import asyncio
import math
from typing import Final, Protocol

GRAIN_S: Final = 0.02


class Watched(Protocol):
    def check(self, now: float) -> float:
        """Act on a deadline that has passed; when the next one is."""
        ...


class Alarm:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watched: set[Watched] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = math.inf

    def watch(self, one: Watched) -> None:
        self._watched.add(one)

    def forget(self, one: Watched) -> None:
        self._watched.discard(one)
        if not self._watched:
            self._stop()

    def not_after(self, deadline: float) -> None:
        """Somebody watched has a deadline as early as this."""
        if deadline < self._rings_at - GRAIN_S:
            self._stop()
            self._rings_at = deadline + GRAIN_S
            self._timer = self._loop.call_at(self._rings_at, self._ring)

    def _ring(self) -> None:
        self._stop()
        now = self._loop.time()
        # Whoever closes is forgotten, so the set changes under way.
        earliest = min([one.check(now) for one in tuple(self._watched)], default=math.inf)
        if earliest < math.inf:
            self.not_after(max(earliest, now))

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._rings_at = math.inf
