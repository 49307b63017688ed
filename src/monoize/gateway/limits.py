"""How fast a key may ask: requests and tokens a minute, and how many at once. In memory, for one process.

Each is a bucket that fills evenly over a minute, so that nobody waits for a clock to strike.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from monoize.contract.grant import Grant
from monoize.gateway.errors import KeyTooFast

KEYS_MOST: Final = 20_000
_MINUTE_S: Final = 60.0

Header = tuple[bytes, bytes]


class _Bucket:
    __slots__ = ("at_s", "left")

    def __init__(self, size: float, now_s: float) -> None:
        self.left = size
        self.at_s = now_s

    def fill(self, size: int, now_s: float) -> None:
        self.left = min(float(size), self.left + (now_s - self.at_s) * size / _MINUTE_S)
        self.at_s = now_s


class _Pace:
    __slots__ = ("requests", "tokens", "under_way")

    def __init__(self) -> None:
        self.requests: _Bucket | None = None
        self.tokens: _Bucket | None = None
        self.under_way = 0


class Limits:
    def __init__(self) -> None:
        self._paces: OrderedDict[str, _Pace] = OrderedDict()

    @contextmanager
    def admitted(self, grant: Grant, tokens: int) -> Iterator[list[Header]]:
        """Counts a request of about so many tokens while it lasts; the headers that tell what is left."""
        if grant.requests_per_minute is None and grant.tokens_per_minute is None and grant.concurrent_most is None:
            yield []
            return
        pace = self._pace(grant.key_id)
        headers = _take(pace, grant, tokens, time.monotonic())
        pace.under_way += 1
        try:
            yield headers
        finally:
            pace.under_way -= 1

    def _pace(self, key_id: str) -> _Pace:
        pace = self._paces.setdefault(key_id, _Pace())
        self._paces.move_to_end(key_id)
        if len(self._paces) > KEYS_MOST:
            self._forget_one()
        return pace

    def _forget_one(self) -> None:
        for key_id, pace in self._paces.items():
            if not pace.under_way:
                del self._paces[key_id]
                return


def _take(pace: _Pace, grant: Grant, tokens: int, now_s: float) -> list[Header]:
    """All or nothing: what refuses takes nothing from the others."""
    if grant.concurrent_most is not None and pace.under_way >= grant.concurrent_most:
        raise KeyTooFast("This API key has as many requests under way as it may.", retry_after_s=1)
    pace.requests = _filled(pace.requests, grant.requests_per_minute, now_s)
    pace.tokens = _filled(pace.tokens, grant.tokens_per_minute, now_s)
    # A request that is larger than a whole minute's worth may go once the bucket is full.
    wanted_tokens = min(tokens, grant.tokens_per_minute or 0)
    wait_s = max(
        _wait_s(pace.requests, 1, grant.requests_per_minute),
        _wait_s(pace.tokens, wanted_tokens, grant.tokens_per_minute),
    )
    if wait_s > 0:
        raise KeyTooFast(retry_after_s=math.ceil(wait_s))
    headers: list[Header] = []
    for name, bucket, most, taken in (
        (b"requests", pace.requests, grant.requests_per_minute, 1),
        (b"tokens", pace.tokens, grant.tokens_per_minute, tokens),
    ):
        if bucket is not None and most is not None:
            bucket.left -= taken
            left = max(0, math.floor(bucket.left))
            reset_s = math.ceil((most - bucket.left) * _MINUTE_S / most)
            headers += (
                (b"x-ratelimit-limit-" + name, b"%d" % most),
                (b"x-ratelimit-remaining-" + name, b"%d" % left),
                (b"x-ratelimit-reset-" + name, b"%ds" % reset_s),
            )
    return headers


def _filled(bucket: _Bucket | None, most: int | None, now_s: float) -> _Bucket | None:
    if most is None:
        return None
    if bucket is None:
        return _Bucket(most, now_s)
    bucket.fill(most, now_s)
    return bucket


def _wait_s(bucket: _Bucket | None, wanted: int, most: int | None) -> float:
    if bucket is None or most is None or bucket.left >= wanted:
        return 0.0
    return (wanted - bucket.left) * _MINUTE_S / most
