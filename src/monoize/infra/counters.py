"""Counters that forget: how often something happened in the last window.

`MemoryCounters` serves one process; `RedisCounters`, in a file of its own, is shared by several.
"""

import math
import time
from collections import OrderedDict
from typing import Final, Protocol

MAX_KEYS: Final = 100_000


class Counters(Protocol):
    async def add(self, key: str, window_s: int) -> int:
        """Count one event and return how many there were since the key's window began."""
        ...

    async def peek(self, key: str) -> tuple[int, int]:
        """(count, seconds until it is forgotten) without counting."""
        ...

    async def forget(self, key: str) -> None: ...

    async def close(self) -> None: ...


class MemoryCounters:
    """A window starts with its first event. At capacity the oldest window is dropped."""

    def __init__(self) -> None:
        self._windows: OrderedDict[str, tuple[int, float]] = OrderedDict()

    async def add(self, key: str, window_s: int) -> int:
        now = time.monotonic()
        count, ends = self._windows.get(key, (0, 0.0))
        if ends <= now:
            count, ends = 0, now + window_s
            self._windows.pop(key, None)
        self._windows[key] = (count + 1, ends)
        if len(self._windows) > MAX_KEYS:
            self._windows.popitem(last=False)
        return count + 1

    async def peek(self, key: str) -> tuple[int, int]:
        count, ends = self._windows.get(key, (0, 0.0))
        left = ends - time.monotonic()
        return (count, math.ceil(left)) if left > 0 else (0, 0)

    async def forget(self, key: str) -> None:
        self._windows.pop(key, None)

    async def close(self) -> None:
        self._windows.clear()
