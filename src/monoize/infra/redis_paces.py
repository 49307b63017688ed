"""Paces that several processes share through Redis or Valkey: one script for each verb, one round trip.

Fails open: when Redis is away, each process counts for itself and says so in the log; it is asked again after a
while, so that a slow one holds nobody up. What is under way in a process that dies counts until its lease is over.
"""

import contextlib
import time
from collections.abc import Awaitable, Mapping
from typing import Any, Final

import redis.asyncio
import structlog
from redis.exceptions import RedisError

from monoize.infra.paces import MemoryPaces, Share, Taken, TooFast, TooMany

log = structlog.get_logger(__name__)

TIMEOUT_S: Final = 0.5
REST_S: Final = 2.0
MOST_CONNECTIONS: Final = 50
LEASE_S: Final = 60
_RENEWED_AT_ONCE: Final = 500

_CLOCK: Final = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
"""

# KEYS: the buckets, a hash of what is left of each and when it was; and what is under way, by its last renewal.
_TAKE: Final = f"""{_CLOCK}
local id, at_once, lease_ms = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
if at_once then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - lease_ms)
  if redis.call('ZCARD', KEYS[2]) >= at_once then return {{'many'}} end
end
local wait, full_ms, left = 0, 0, {{'taken'}}
for at = 4, #ARGV, 3 do
  local name, most, wanted = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local bucket = redis.call('HMGET', KEYS[1], name, name .. '_at')
  local filled = most
  if bucket[1] then filled = math.min(most, bucket[1] + (now - bucket[2]) * most / 60000) end
  wait = math.max(wait, (math.min(wanted, most) - filled) * 60000 / most)
  full_ms = math.max(full_ms, (most - filled + wanted) * 60000 / most)
  table.insert(left, string.format('%.6f', filled - wanted))
end
if wait > 0 then return {{'wait', string.format('%.3f', wait)}} end
for at = 4, #ARGV, 3 do
  redis.call('HSET', KEYS[1], ARGV[at], left[(at - 4) / 3 + 2], ARGV[at] .. '_at', now)
end
if #ARGV > 3 then redis.call('PEXPIRE', KEYS[1], math.ceil(full_ms) + 1000) end
if at_once then
  redis.call('ZADD', KEYS[2], now, id)
  redis.call('PEXPIRE', KEYS[2], lease_ms)
end
return left
"""

_RENEW: Final = f"""{_CLOCK}
for at = 2, #ARGV do redis.call('ZADD', KEYS[1], 'XX', now, ARGV[at]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
"""


class RedisPaces:
    def __init__(self, url: str, *, namespace: str = "monoize:pace:", lease_s: float = LEASE_S) -> None:
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
        self._lease_ms = round(lease_s * 1000)
        self._take = self._redis.register_script(_TAKE)
        self._renew = self._redis.register_script(_RENEW)
        # What is under way here, by key.
        self._under_way: dict[str, set[str]] = {}
        self._fallback = MemoryPaces()
        self._away = False
        self._rests_until_s = 0.0

    async def take(
        self, key: str, id: str, shares: Mapping[str, Share], *, at_once: int | None
    ) -> Taken | TooFast | TooMany:
        wanted = [each for name, share in shares.items() for each in (name, share.per_minute, share.wanted)]
        args = [id, "" if at_once is None else at_once, self._lease_ms, *wanted]
        if time.monotonic() < self._rests_until_s:
            return await self._fallback.take(key, id, shares, at_once=at_once)
        try:
            outcome, *told = await self._answer(self._take(keys=self._places(key), args=args))
        except RedisError:
            return await self._fallback.take(key, id, shares, at_once=at_once)
        match outcome:
            case b"many":
                return TooMany()
            case b"wait":
                return TooFast(float(told[0]) / 1000)
        if at_once is not None:
            self._under_way.setdefault(key, set()).add(id)
        return Taken(dict(zip(shares, map(float, told), strict=True)))

    async def give_back(self, key: str, id: str) -> None:
        await self._fallback.give_back(key, id)
        ours = self._under_way.get(key, set())
        if id not in ours:
            return
        ours.discard(id)
        if not ours:
            del self._under_way[key]
        with contextlib.suppress(RedisError):
            await self._answer(self._redis.zrem(self._places(key)[1], id))

    async def renew(self) -> None:
        for key, ids in list(self._under_way.items()):
            listed = sorted(ids)
            for at in range(0, len(listed), _RENEWED_AT_ONCE):
                some = listed[at : at + _RENEWED_AT_ONCE]
                with contextlib.suppress(RedisError):
                    await self._answer(self._renew(keys=self._places(key)[1:], args=[self._lease_ms, *some]))

    async def close(self) -> None:
        await self._redis.aclose()

    def _places(self, key: str) -> list[str]:
        """Under one hash tag, so that a cluster keeps them together."""
        return [f"{self._namespace}{{{key}}}:{kind}" for kind in ("buckets", "under_way")]

    async def _answer(self, question: Awaitable[Any]) -> Any:
        """What Redis answers. That it is away, and that it is back, is logged once."""
        try:
            answer = await question
        except RedisError as problem:
            if not self._away:
                log.warning("paces_away", problem=type(problem).__name__)
            self._away = True
            self._rests_until_s = time.monotonic() + REST_S
            raise
        if self._away:
            log.info("paces_back")
        self._away = False
        return answer
