"""How a pool's account stands: asked in the background, remembered, and told to every host of the pool.

The account's owner is asked no more often than every five minutes, and less often while no host is at work.
"""

import datetime as dt
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog

from monoize.base.clock import utc_now
from monoize.control.edge.house import House
from monoize.control.fleet.actions import payloads
from monoize.control.fleet.drivers.account_usage import AccountUsage, NotTold
from monoize.control.fleet.errors import CanonicalInvalid, NoAllowance
from monoize.control.fleet.model import windows
from monoize.control.fleet.model.payloads import Held
from monoize.control.fleet.model.pools import Pool
from monoize.control.fleet.model.quota import (
    HistoryPoint,
    Known,
    Policy,
    PoolQuota,
    Snapshot,
    Standing,
    reading_of,
    standing_of,
)
from monoize.control.fleet.store import hosts, pools, usage_snapshots
from monoize.infra.audit_log import Change, Entry
from monoize.infra.db import Database, Tx

log = structlog.get_logger(__name__)

COOL_DOWN: Final = dt.timedelta(minutes=5)
ASK_AT_LEAST_EVERY: Final = dt.timedelta(hours=1)
KEPT_FOR: Final = dt.timedelta(days=400)
REMEMBERED_S: Final = 1.0
HISTORY_POINTS_MOST: Final = 20_000
_POLLERS_S: Final = 60


def has_allowance(pool: Pool) -> bool:
    """Whether its hosts use an account whose allowance somebody can be asked about."""
    return pool.tool == "codex" and pool.mode in ("shared", "hub")


async def standing(tx: Tx, pool: Pool, now: dt.datetime) -> Standing:
    known = await _known(tx, pool, now) if has_allowance(pool) else Known()
    return standing_of(_policy(pool), known, now)


class Standings:
    """The same for every host of a pool: read once a second, and anew when this process asked the account."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, Known]] = {}

    async def of(self, tx: Tx, pool: Pool, now: dt.datetime) -> Standing:
        if not has_allowance(pool):
            return standing_of(_policy(pool), Known(), now)
        read_s, known = self._known.get(pool.id, (0.0, Known()))
        if not read_s or time.monotonic() - read_s >= REMEMBERED_S:
            read_s, known = time.monotonic(), await _known(tx, pool, now)
            self._known[pool.id] = read_s, known
        return standing_of(_policy(pool), known, now)

    async def changed(self, entry: Entry) -> None:
        if entry.target_type == "pool":
            self._known.pop(entry.target_id, None)


async def pool_quota(tx: Tx, named: str, now: dt.datetime) -> PoolQuota:
    pool = await pools.find(tx, named)
    return PoolQuota(pool_id=pool.id, pool=pool.name, standing=await standing(tx, pool, now))


async def all_quotas(tx: Tx, now: dt.datetime) -> Sequence[PoolQuota]:
    return [
        PoolQuota(pool_id=pool.id, pool=pool.name, standing=await standing(tx, pool, now))
        for pool in await pools.every(tx)
        if has_allowance(pool)
    ]


async def history(tx: Tx, named: str, since: dt.datetime) -> Sequence[HistoryPoint]:
    pool = await pools.find(tx, named)
    return await usage_snapshots.history(tx, pool.id, since, most=HISTORY_POINTS_MOST)


async def week_began_at(tx: Tx, pool: Pool, now: dt.datetime) -> dt.datetime | None:
    """When the week of the pool's account began, as far as it said."""
    working = (await _known(tx, pool, now)).working
    if working is None or working.reading is None:
        return None
    return working.reading.secondary.began_at(working.fetched_at)


async def asked(house: House, meter: AccountUsage, pool: Pool) -> Snapshot:
    """One attempt, however it ends."""
    now = utc_now()
    try:
        told = await _told(house, meter, pool)
    except NotTold as problem:
        log.warning("account_usage_unknown", pool=pool.name, problem=problem.code)
        return Snapshot(fetched_at=now, next_eligible_at=now + COOL_DOWN, error=problem.code)
    return Snapshot(fetched_at=now, next_eligible_at=now + COOL_DOWN, reading=reading_of(told))


async def keep(change: Change, pool: Pool, snapshot: Snapshot | None) -> PoolQuota:
    """What an operator asked for; None: it was too early to ask again."""
    if snapshot is not None:
        await usage_snapshots.add(change.tx, pool.id, snapshot)
    told = {"status": snapshot.status, "error": snapshot.error} if snapshot else {"status": "cached"}
    change.record("quota.refresh", "pool", pool.id, name=pool.name, **told)
    return await pool_quota(change.tx, pool.id, utc_now())


async def to_ask(database: Database, named: str, now: dt.datetime) -> tuple[Pool, bool]:
    """The pool, and whether its account may be asked at this moment."""
    async with database.read() as tx:
        pool = await pools.find(tx, named)
        if not has_allowance(pool):
            raise NoAllowance
        last = await usage_snapshots.newest(tx, pool.id)
    return pool, last is None or last.next_eligible_at <= now


class QuotaWatch:
    """Asks about every pool whose turn it is. Of several processes with shared counters one does."""

    def __init__(self, house: House, meter: AccountUsage) -> None:
        self._house = house
        self._meter = meter

    async def run(self) -> None:
        """What the clock calls."""
        now = utc_now()
        async with self._house.database.read() as tx:
            due = [pool for pool in await pools.every(tx) if has_allowance(pool) and await _is_due(tx, pool, now)]
        for pool in due:
            if await self._house.counters.add(f"fleet:quota:{pool.id}", _POLLERS_S) == 1:
                snapshot = await asked(self._house, self._meter, pool)
                async with self._house.database.write() as tx:
                    await usage_snapshots.add(tx, pool.id, snapshot)

    async def forget(self) -> None:
        async with self._house.database.write() as tx:
            await usage_snapshots.purge(tx, utc_now() - KEPT_FOR)


async def _is_due(tx: Tx, pool: Pool, now: dt.datetime) -> bool:
    last = await usage_snapshots.newest(tx, pool.id)
    if last is None:
        return True
    if now < last.next_eligible_at:
        return False
    return now - last.fetched_at >= ASK_AT_LEAST_EVERY or await hosts.any_seen_since(tx, pool.id, last.fetched_at)


async def _told(house: House, meter: AccountUsage, pool: Pool) -> Mapping[str, Any]:
    try:
        async with house.database.read() as tx:
            held = await payloads.canonical(tx, house.seal, pool)
    except CanonicalInvalid:
        raise NotTold("canonical_invalid") from None
    if held is None:
        raise NotTold("no_credential")
    access_token = _token(held, "access_token")
    if access_token is None:
        raise NotTold("no_access_token")
    return await meter.ask(access_token, _token(held, "account_id"))


def _token(held: Held, name: str) -> str | None:
    """As far as it can stand in a header."""
    tokens = held.credential.document.get("tokens")
    value = tokens.get(name) if isinstance(tokens, Mapping) else None
    return value if isinstance(value, str) and value and value.isascii() and value.isprintable() else None


async def _known(tx: Tx, pool: Pool, now: dt.datetime) -> Known:
    return await usage_snapshots.known(tx, pool.id, windows.day_of(now).since)


def _policy(pool: Pool) -> Policy:
    return Policy(
        hard_fail=pool.quota_hard_fail,
        limit_percent=pool.quota_limit_percent,
        week_partition=pool.quota_week_partition,
    )
