"""Hosts that are gone are forgotten: each in a change of its own, decided with its row locked."""

import datetime as dt
from collections.abc import Sequence

from monoize.base.errors import Conflict
from monoize.base.ids import new_id
from monoize.base.principal import SYSTEM, Call
from monoize.control.fleet.actions.hosts import forget
from monoize.control.fleet.errors import NoSuchHost
from monoize.control.fleet.model.hosts import PROVISION_WITHIN, Host, prune_reason
from monoize.control.fleet.model.pools import Pool
from monoize.control.fleet.store import hosts, pools
from monoize.control.identity.actions import lent_keys
from monoize.infra.audit_log import AuditLog, Change
from monoize.infra.db import Database, Tx


class StillThere(Exception):
    """It called, was changed or was deleted while we looked."""


async def prune(database: Database, audit_log: AuditLog, now: dt.datetime) -> int:
    """How many were forgotten. One whose key still holds money stays, for its owner to settle."""
    pruned = 0
    for host_id, pool in await _candidates(database, now):
        try:
            async with audit_log.change(Call(SYSTEM, new_id())) as change:
                await _prune_one(change, host_id, pool, now)
        except (StillThere, NoSuchHost, Conflict):
            continue
        pruned += 1
    return pruned


async def _candidates(database: Database, now: dt.datetime) -> Sequence[tuple[int, Pool]]:
    found: list[tuple[int, Pool]] = []
    async with database.read() as tx:
        for pool in await pools.every(tx):
            ids = await hosts.perhaps_due(
                tx,
                pool.id,
                now=now,
                unprovisioned_before=now - PROVISION_WITHIN,
                silent_before=now - dt.timedelta(days=pool.inactivity_days) if pool.inactivity_days else None,
            )
            found += [(id, pool) for id in ids]
    return found


async def _prune_one(change: Change, host_id: int, pool: Pool, now: dt.datetime) -> None:
    host = await hosts.get(change.tx, host_id, lock=True)
    last_active = await _last_active(change.tx, host)
    reason = prune_reason(host, now, inactivity_days=pool.inactivity_days, last_active=last_active)
    if reason is None or host.pool_id != pool.id:
        raise StillThere
    await forget(change.tx, host)
    change.record("host.prune", "host", host.id, fqdn=host.fqdn, reason=reason)


async def _last_active(tx: Tx, host: Host) -> dt.datetime | None:
    """A host may use the gateway for weeks without asking for anything else."""
    used = await lent_keys.last_used(tx, host.gateway_key_id) if host.gateway_key_id else None
    return max((at for at in (host.last_seen_at, used) if at is not None), default=None)
