"""Who a host is that calls. Fails closed, and asks the database each time: what is revoked is refused at once.

Wrong keys are counted per address; after too many of them an address has to wait half an hour from its last one.
A valid key is served all the same, so that nobody can lock a host out from its own network. Calls are paced by key,
and those without one by address, since many hosts may share an address.
"""

import dataclasses
import hmac
from typing import Final

from monoize.base.clock import utc_now
from monoize.base.ids import fingerprint
from monoize.contract.refusals import RateLimited
from monoize.control.fleet.actions.published import PublishedFacts
from monoize.control.fleet.errors import HostApiDisabled, HostKeyInvalid, HostKeyMissing
from monoize.control.fleet.model.hosts import Host, check_may_call
from monoize.control.fleet.model.pools import Pool
from monoize.control.fleet.store import hosts
from monoize.infra.counters import Counters
from monoize.infra.db import Database

CALLS_MOST: Final = 120
CALLS_WINDOW_S: Final = 60
FAILURES_MOST: Final = 20
FAILURES_WINDOW_S: Final = 600
BLOCKED_S: Final = 1800
_KEY_CHARS: Final = (32, 128)


@dataclasses.dataclass(frozen=True, slots=True)
class KnownHost:
    host: Host
    pool: Pool


class HostAuthenticator:
    def __init__(self, database: Database, counters: Counters, published: PublishedFacts) -> None:
        self._database = database
        self._counters = counters
        self._published = published

    async def knock(self, key: str | None, ip: str | None) -> None:
        """Whether anybody is served now, and this one not too often."""
        await self._pace(f"key:{fingerprint(key)}" if key else f"ip:{ip or 'unknown'}")
        if (await self._published.current()).api_disabled:
            raise HostApiDisabled

    async def authenticate(self, key: str | None, ip: str | None) -> KnownHost:
        known = await self._holder_of(key) if key else None
        if known is None:
            await self._failed(ip)
            raise HostKeyInvalid if key else HostKeyMissing
        check_may_call(known.host, utc_now())
        return known

    async def _holder_of(self, key: str) -> KnownHost | None:
        least, most = _KEY_CHARS
        if not (least <= len(key) <= most and key.isascii() and key.isalnum()):
            return None
        digest = fingerprint(key)
        async with self._database.read() as tx:
            found = await hosts.with_digest(tx, digest)
        if found is None or not hmac.compare_digest(found[2], digest):
            return None
        return KnownHost(found[0], found[1])

    async def _pace(self, who: str) -> None:
        counter = f"fleet:calls:{who}"
        if await self._counters.add(counter, CALLS_WINDOW_S) > CALLS_MOST:
            _, left_s = await self._counters.peek(counter)
            raise RateLimited(retry_after_s=max(left_s, 1))

    async def _failed(self, ip: str | None) -> None:
        blocked = f"fleet:blocked:{ip or 'unknown'}"
        is_blocked = (await self._counters.peek(blocked))[0] > 0
        if not is_blocked:
            failures = await self._counters.add(f"fleet:failures:{ip or 'unknown'}", FAILURES_WINDOW_S)
            is_blocked = failures > FAILURES_MOST
        if is_blocked:
            await self._counters.forget(blocked)
            await self._counters.add(blocked, BLOCKED_S)
            raise RateLimited(retry_after_s=BLOCKED_S)
