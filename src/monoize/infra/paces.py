"""How fast somebody may go: so much of each thing a minute, and so many things at once.

What may be had in a minute is a bucket that fills evenly, so that nobody waits for a clock to strike. `MemoryPaces`
serves one process; `RedisPaces`, in a file of its own, is shared by several.
"""

import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

KEYS_MOST: Final = 20_000
MINUTE_S: Final = 60.0


class Share(NamedTuple):
    """What is wanted of what may be had in a minute. More than all of it may go once the bucket is full."""

    per_minute: int
    wanted: int


class Taken(NamedTuple):
    """What is left in each bucket; below nothing after more was taken than there was."""

    left: Mapping[str, float]


class TooFast(NamedTuple):
    wait_s: float


class TooMany(NamedTuple):
    """There are as many under way as there may be."""


class Paces(Protocol):
    async def take(
        self, key: str, id: str, shares: Mapping[str, Share], *, at_once: int | None
    ) -> Taken | TooFast | TooMany:
        """All of it or nothing. Where `at_once` is given, `id` is under way until it is given back."""
        ...

    async def give_back(self, key: str, id: str) -> None: ...

    async def renew(self) -> None:
        """To be called every `RENEW_EVERY_S`: what is under way in this process still is."""
        ...

    async def close(self) -> None: ...


RENEW_EVERY_S: Final = 20.0


class _Pace:
    __slots__ = ("buckets", "under_way")

    def __init__(self) -> None:
        # What is left, and when it was.
        self.buckets: dict[str, tuple[float, float]] = {}
        self.under_way: set[str] = set()


class MemoryPaces:
    """At capacity whoever has not come for the longest time, and has nothing under way, begins anew."""

    def __init__(self) -> None:
        self._paces: OrderedDict[str, _Pace] = OrderedDict()

    async def take(
        self, key: str, id: str, shares: Mapping[str, Share], *, at_once: int | None
    ) -> Taken | TooFast | TooMany:
        pace, now_s = self._pace(key), time.monotonic()
        if at_once is not None and len(pace.under_way) >= at_once:
            return TooMany()
        filled = {name: _filled(pace.buckets.get(name), share, now_s) for name, share in shares.items()}
        wait_s = max((_wait_s(filled[name], share) for name, share in shares.items()), default=0.0)
        if wait_s > 0:
            return TooFast(wait_s)
        left = {name: filled[name] - share.wanted for name, share in shares.items()}
        pace.buckets = {name: (each, now_s) for name, each in left.items()}
        if at_once is not None:
            pace.under_way.add(id)
        return Taken(left)

    async def give_back(self, key: str, id: str) -> None:
        pace = self._paces.get(key)
        if pace is not None:
            pace.under_way.discard(id)

    async def renew(self) -> None:
        """Nobody else counts."""

    async def close(self) -> None:
        self._paces.clear()

    def _pace(self, key: str) -> _Pace:
        pace = self._paces.setdefault(key, _Pace())
        self._paces.move_to_end(key)
        if len(self._paces) > KEYS_MOST:
            idle = next((each for each, pace in self._paces.items() if not pace.under_way), None)
            if idle is not None:
                del self._paces[idle]
        return pace


def _filled(bucket: tuple[float, float] | None, share: Share, now_s: float) -> float:
    if bucket is None:
        return share.per_minute
    left, at_s = bucket
    return min(float(share.per_minute), left + (now_s - at_s) * share.per_minute / MINUTE_S)


def _wait_s(filled: float, share: Share) -> float:
    missing = min(share.wanted, share.per_minute) - filled
    return missing * MINUTE_S / share.per_minute if missing > 0 else 0.0
