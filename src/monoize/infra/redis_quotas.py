"""Quotas that several processes share through Redis or Valkey: one script for each verb, one round trip.

Fails open to counting per process: when Redis is away, each process admits as much as all together might, and says
so in the log; it is asked again after a while, so that a slow one holds nobody up.
"""

import contextlib
import time
from collections.abc import Awaitable, Sequence
from typing import Any, Final

import redis.asyncio
import structlog
from redis.exceptions import RedisError

from monoize.base.quotas import CLOCK_MS, MINUTE_MS, Quota
from monoize.infra.quotas import Admitted, ClockMs, MemoryQuotas, Reached

log = structlog.get_logger(__name__)

TIMEOUT_S: Final = 1.0
REST_S: Final = 2.0
MOST_CONNECTIONS: Final = 10

# Of each quota: KEYS[2n-1] are the milliseconds at which something was taken, by score; KEYS[2n] is a hash of how
# much that was, and of the `sum`. A window of the clock has only the hash, of the `sum` and of the `day` it is for:
# the number of the window, as it was called when there were only days.
# ARGV: the time, when it is not Redis' own, then what the verb wants, then of each quota how many milliseconds of
# the clock its window has (0: it is the last minute), most and wanted.
# A negated 0 is "-0", which Redis takes for no integer: hence the differences.
_COUNTERS: Final = f"""
local now = tonumber(ARGV[1])
if not now then
  local clock = redis.call('TIME')
  now = clock[1] * 1000 + math.floor(clock[2] / 1000)
end
local function used(at)
  local moments, amounts = KEYS[2 * at - 1], KEYS[2 * at]
  local length = tonumber(ARGV[3 * at])
  if length > 0 then
    if tonumber(redis.call('HGET', amounts, 'day')) ~= math.floor(now / length) then return 0 end
  else
    local gone = redis.call('ZRANGEBYSCORE', moments, '-inf', now - {MINUTE_MS})
    for _, moment in ipairs(gone) do
      redis.call('HINCRBY', amounts, 'sum', 0 - redis.call('HGET', amounts, moment))
      redis.call('HDEL', amounts, moment)
    end
    redis.call('ZREMRANGEBYSCORE', moments, '-inf', now - {MINUTE_MS})
  end
  return tonumber(redis.call('HGET', amounts, 'sum') or 0)
end
local quotas = (#ARGV - 2) / 3
"""

_TAKE: Final = f"""{_COUNTERS}
local function room_at(at, missing)
  local length = tonumber(ARGV[3 * at])
  if length > 0 then return (math.floor(now / length) + 1) * length end
  for first = 0, redis.call('ZCARD', KEYS[2 * at - 1]) - 1, 100 do
    for _, moment in ipairs(redis.call('ZRANGE', KEYS[2 * at - 1], first, first + 99)) do
      missing = missing - redis.call('HGET', KEYS[2 * at], moment)
      if missing <= 0 then return moment + {MINUTE_MS} end
    end
  end
  return now + {MINUTE_MS}
end
local found = {{}}
for at = 1, quotas do
  local most, wanted = tonumber(ARGV[3 * at + 1]), tonumber(ARGV[3 * at + 2])
  found[at] = used(at)
  if ARGV[2] == 'take' and found[at] + wanted > most then
    return {{'reached', now, at, found[at], room_at(at, found[at] + wanted - most)}}
  end
end
if ARGV[2] ~= 'take' then return {{'admitted', now, unpack(found)}} end
for at = 1, quotas do
  local moments, amounts, wanted = KEYS[2 * at - 1], KEYS[2 * at], tonumber(ARGV[3 * at + 2])
  local length = tonumber(ARGV[3 * at])
  found[at] = found[at] + wanted
  if length > 0 then
    redis.call('HSET', amounts, 'day', math.floor(now / length), 'sum', found[at])
    redis.call('PEXPIRE', amounts, 2 * length)
  else
    redis.call('ZADD', moments, now, string.format('%.0f', now))
    redis.call('HINCRBY', amounts, string.format('%.0f', now), wanted)
    redis.call('HINCRBY', amounts, 'sum', wanted)
    redis.call('PEXPIRE', moments, {2 * MINUTE_MS})
    redis.call('PEXPIRE', amounts, {2 * MINUTE_MS})
  end
end
return {{'admitted', now, unpack(found)}}
"""

_GIVE_BACK: Final = f"""{_COUNTERS}
local taken_at = tonumber(ARGV[2])
for at = 1, quotas do
  local amounts, left, back = KEYS[2 * at], used(at), tonumber(ARGV[3 * at + 2])
  local length = tonumber(ARGV[3 * at])
  if length > 0 then
    if math.floor(taken_at / length) == math.floor(now / length) and left > 0 then
      redis.call('HINCRBY', amounts, 'sum', 0 - math.min(left, back))
    end
  else
    local taken = tonumber(redis.call('HGET', amounts, ARGV[2]) or 0)
    if taken > 0 then
      redis.call('HINCRBY', amounts, ARGV[2], 0 - math.min(taken, back))
      redis.call('HINCRBY', amounts, 'sum', 0 - math.min(taken, back))
    end
  end
end
"""


class RedisQuotas:
    def __init__(self, url: str, *, namespace: str = "monoize:quota:", clock_ms: ClockMs | None = None) -> None:
        # One that waits: with all connections in use, a pool that refuses would have us count for ourselves.
        pool = redis.asyncio.BlockingConnectionPool.from_url(
            url,
            max_connections=MOST_CONNECTIONS,
            timeout=TIMEOUT_S,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
        )
        self._redis: Any = redis.asyncio.Redis.from_pool(pool)
        self._namespace = namespace
        # Redis' own clock, unless somebody brings another: processes on several machines then agree on the time.
        self._clock_ms = clock_ms
        self._take = self._redis.register_script(_TAKE)
        self._give_back = self._redis.register_script(_GIVE_BACK)
        self._fallback = MemoryQuotas() if clock_ms is None else MemoryQuotas(clock_ms=clock_ms)
        self._away = False
        self._rests_until_s = 0.0

    async def take(self, key: str, quotas: Sequence[Quota]) -> Admitted | Reached:
        if self._rests:
            return await self._fallback.take(key, quotas)
        try:
            outcome, at_ms, *told = await self._ask(self._take, "take", key, quotas)
        except RedisError:
            return await self._fallback.take(key, quotas)
        if outcome == b"admitted":
            return _admitted(at_ms, quotas, told)
        at, used, resets_at_ms = told
        return Reached(quotas[at - 1], used, at_ms, resets_at_ms)

    async def give_back(self, key: str, quotas: Sequence[Quota], at_ms: int) -> None:
        # What was taken here while Redis was away is not known there, and the other way round.
        await self._fallback.give_back(key, quotas, at_ms)
        if not self._rests:
            with contextlib.suppress(RedisError):
                await self._ask(self._give_back, at_ms, key, quotas)

    async def used(self, key: str, quotas: Sequence[Quota]) -> Admitted:
        if self._rests:
            return await self._fallback.used(key, quotas)
        try:
            _, at_ms, *told = await self._ask(self._take, "look", key, quotas)
        except RedisError:
            return await self._fallback.used(key, quotas)
        return _admitted(at_ms, quotas, told)

    async def close(self) -> None:
        await self._redis.aclose()

    @property
    def _rests(self) -> bool:
        return time.monotonic() < self._rests_until_s

    async def _ask(self, script: Any, wants: str | int, key: str, quotas: Sequence[Quota]) -> Any:
        """What Redis answers. That it is away, and that it is back, is logged once."""
        told = [each for quota in quotas for each in (CLOCK_MS.get(quota.window, 0), quota.most, quota.wanted)]
        now_ms = "" if self._clock_ms is None else self._clock_ms()
        question: Awaitable[Any] = script(keys=self._places(key, quotas), args=[now_ms, wants, *told])
        try:
            answer = await question
        except RedisError as problem:
            if not self._away:
                log.warning("quotas_away", problem=type(problem).__name__)
            self._away = True
            self._rests_until_s = time.monotonic() + REST_S
            raise
        if self._away:
            log.info("quotas_back")
        self._away = False
        return answer

    def _places(self, key: str, quotas: Sequence[Quota]) -> list[str]:
        """Under one hash tag, so that a cluster keeps them together."""
        return [
            f"{self._namespace}{{{key}}}:{quota.window}:{quota.counter}:{kind}"
            for quota in quotas
            for kind in ("moments", "amounts")
        ]


def _admitted(at_ms: int, quotas: Sequence[Quota], used: Sequence[int]) -> Admitted:
    return Admitted(at_ms, {quota.counter: each for quota, each in zip(quotas, used, strict=True)})
