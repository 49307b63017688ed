"""Counters that several processes share through Redis or Valkey.

Fails open: when Redis is away, each process counts for itself and says so in the log.
"""

import contextlib
import math
from collections.abc import Awaitable
from typing import Any, Final

import redis.asyncio
import structlog
from redis.exceptions import RedisError

from monoize.infra.counters import MemoryCounters

log = structlog.get_logger(__name__)

TIMEOUT_S: Final = 1.0
# Few: under load, making many at once takes as long as we would wait for an answer.
MOST_CONNECTIONS: Final = 10

_ADD: Final = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return count
"""


class RedisCounters:
    def __init__(self, url: str, *, namespace: str = "monoize:count:") -> None:
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
        self._add = self._redis.register_script(_ADD)
        self._fallback = MemoryCounters()
        self._away = False

    async def add(self, key: str, window_s: int) -> int:
        try:
            return int(await self._answer(self._add(keys=[self._namespace + key], args=[window_s * 1000])))
        except RedisError:
            return await self._fallback.add(key, window_s)

    async def peek(self, key: str) -> tuple[int, int]:
        pipe = self._redis.pipeline(transaction=True).get(self._namespace + key).pttl(self._namespace + key)
        try:
            count, left_ms = await self._answer(pipe.execute())
        except RedisError:
            return await self._fallback.peek(key)
        return (int(count), math.ceil(left_ms / 1000)) if count and left_ms > 0 else (0, 0)

    async def forget(self, key: str) -> None:
        await self._fallback.forget(key)
        with contextlib.suppress(RedisError):
            await self._answer(self._redis.delete(self._namespace + key))

    async def close(self) -> None:
        await self._redis.aclose()

    async def _answer(self, question: Awaitable[Any]) -> Any:
        """What Redis answers. That it is away, and that it is back, is logged once."""
        try:
            answer = await question
        except RedisError as problem:
            if not self._away:
                log.warning("counters_away", problem=type(problem).__name__)
            self._away = True
            raise
        if self._away:
            log.info("counters_back")
        self._away = False
        return answer
