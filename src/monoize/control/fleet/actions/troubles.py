"""Looks for trouble that nobody reports: hosts that have fallen silent, and accounts whose allowance runs out."""

import datetime as dt
from collections.abc import Sequence
from typing import Final

from monoize.control.fleet.actions import alerts, quota
from monoize.control.fleet.model.alerts import STALE_AFTER, AlertKind, Trouble
from monoize.control.fleet.store import alerts as alert_store
from monoize.control.fleet.store import hosts
from monoize.infra.db import Database, Tx

STALE_HOSTS_MOST: Final = 1000
SETTLED_KEPT_FOR: Final = dt.timedelta(days=90)
_KINDS: Final[Sequence[AlertKind]] = ("stale_host", "quota_near")


async def look(database: Database, now: dt.datetime) -> None:
    """What the clock calls: alerts of these kinds are open as long as their trouble lasts."""
    async with database.read() as tx:
        found = [*await _silent_hosts(tx, now), *await _accounts_near_their_limit(tx, now)]
    async with database.write() as tx:
        await alerts.keep_open(tx, _KINDS, found, now)
        await alert_store.purge(tx, now - SETTLED_KEPT_FOR)


async def _silent_hosts(tx: Tx, now: dt.datetime) -> Sequence[Trouble]:
    return [
        Trouble(
            kind="stale_host",
            subject=host.fqdn,
            host_id=host.id,
            pool_id=host.pool_id,
            details={"last_seen_at": host.last_seen_at.isoformat() if host.last_seen_at else None},
        )
        for host in await hosts.silent_since(tx, now - STALE_AFTER, most=STALE_HOSTS_MOST)
    ]


async def _accounts_near_their_limit(tx: Tx, now: dt.datetime) -> Sequence[Trouble]:
    return [
        Trouble(
            kind="quota_near",
            subject=each.pool,
            pool_id=each.pool_id,
            details={"verdict": each.standing.quota_verdict, "reasons": list(each.standing.quota_reasons)},
        )
        for each in await quota.all_quotas(tx, now)
        if each.standing.quota_verdict != "ok"
    ]
