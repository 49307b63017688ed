"""Counters that admit: so much of each thing within a window of time, all of what is wanted or nothing.

`MemoryQuotas` serves one process and begins anew with it; `RedisQuotas`, in a file of its own, is shared by several
and outlives them. A pace (`infra/paces`) refills evenly; a quota counts exactly, and says when there is more.
"""

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from monoize.base.quotas import CLOCK_MS, MINUTE_MS, Quota, next_ms

KEYS_MOST: Final = 20_000

ClockMs = Callable[[], int]


class Admitted(NamedTuple):
    """What has been used of each counter, this included, and when it was counted."""

    at_ms: int
    used: Mapping[str, int]


class Reached(NamedTuple):
    """Nothing was counted: so much of this quota is used, and at `resets_at_ms` there is room again."""

    quota: Quota
    used: int
    at_ms: int
    resets_at_ms: int


class Quotas(Protocol):
    async def take(self, key: str, quotas: Sequence[Quota]) -> Admitted | Reached:
        """The first quota that has no room for what is wanted answers, and then no other is touched."""
        ...

    async def give_back(self, key: str, quotas: Sequence[Quota], at_ms: int) -> None:
        """What was taken at this moment was not needed after all."""
        ...

    async def used(self, key: str, quotas: Sequence[Quota]) -> Admitted:
        """What has been used so far, without taking anything."""
        ...

    async def close(self) -> None: ...


class _OfClock:
    __slots__ = ("length_ms", "number", "used")

    def __init__(self, length_ms: int) -> None:
        self.length_ms = length_ms
        self.number = 0
        self.used = 0

    def at(self, now_ms: int) -> "_OfClock":
        if self.number != now_ms // self.length_ms:
            self.number, self.used = now_ms // self.length_ms, 0
        return self

    def count(self, amount: int, at_ms: int) -> None:
        if self.number == at_ms // self.length_ms:
            self.used = max(0, self.used + amount)

    def room_at_ms(self, quota: Quota, now_ms: int) -> int:
        return next_ms(now_ms, self.length_ms)


class _Minute:
    """What was taken within the last minute, by the millisecond."""

    __slots__ = ("taken", "used")

    def __init__(self) -> None:
        self.taken: deque[list[int]] = deque()
        self.used = 0

    def at(self, now_ms: int) -> "_Minute":
        while self.taken and self.taken[0][0] <= now_ms - MINUTE_MS:
            self.used -= self.taken.popleft()[1]
        return self

    def count(self, amount: int, at_ms: int) -> None:
        for moment in reversed(self.taken):
            if moment[0] == at_ms:
                amount = max(-moment[1], amount)
                moment[1] += amount
                self.used += amount
                return
        if amount > 0:
            self.taken.append([at_ms, amount])
            self.used += amount

    def room_at_ms(self, quota: Quota, now_ms: int) -> int:
        missing = self.used + quota.wanted - quota.most
        for at_ms, amount in self.taken:
            missing -= amount
            if missing <= 0:
                return at_ms + MINUTE_MS
        # More is wanted than a whole minute holds.
        return now_ms + MINUTE_MS


_Counters = dict[tuple[str, str], _OfClock | _Minute]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class MemoryQuotas:
    """At capacity whoever has not come for the longest time begins anew."""

    def __init__(self, *, clock_ms: ClockMs = _now_ms) -> None:
        self._clock_ms = clock_ms
        self._keys: OrderedDict[str, _Counters] = OrderedDict()

    async def take(self, key: str, quotas: Sequence[Quota]) -> Admitted | Reached:
        return self.take_at_once(key, quotas)

    def take_at_once(self, key: str, quotas: Sequence[Quota]) -> Admitted | Reached:
        """For whoever is no task of an event loop."""
        now_ms = self._clock_ms()
        counters = [self._counter(key, quota).at(now_ms) for quota in quotas]
        for counter, quota in zip(counters, quotas, strict=True):
            if counter.used + quota.wanted > quota.most:
                return Reached(quota, counter.used, now_ms, counter.room_at_ms(quota, now_ms))
        for counter, quota in zip(counters, quotas, strict=True):
            counter.count(quota.wanted, now_ms)
        return Admitted(now_ms, {quota.counter: at.used for at, quota in zip(counters, quotas, strict=True)})

    async def give_back(self, key: str, quotas: Sequence[Quota], at_ms: int) -> None:
        now_ms = self._clock_ms()
        for quota in quotas:
            self._counter(key, quota).at(now_ms).count(-quota.wanted, at_ms)

    async def used(self, key: str, quotas: Sequence[Quota]) -> Admitted:
        now_ms = self._clock_ms()
        return Admitted(now_ms, {quota.counter: self._counter(key, quota).at(now_ms).used for quota in quotas})

    async def close(self) -> None:
        self._keys.clear()

    def _counter(self, key: str, quota: Quota) -> _OfClock | _Minute:
        counters = self._keys.setdefault(key, {})
        self._keys.move_to_end(key)
        if len(self._keys) > KEYS_MOST:
            self._keys.popitem(last=False)
        name = (quota.counter, quota.window)
        if name not in counters:
            length_ms = CLOCK_MS.get(quota.window)
            counters[name] = _Minute() if length_ms is None else _OfClock(length_ms)
        return counters[name]
