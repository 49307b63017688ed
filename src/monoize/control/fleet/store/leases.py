"""SQL of the right to refresh a pool's login: one holder at a time, and how the last attempt ended."""

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import or_, select, update

from monoize.control.fleet.model.pools import Pool
from monoize.control.fleet.store.pools import pool_of
from monoize.control.fleet.tables import fleet_pools
from monoize.infra.db import Tx

_columns = fleet_pools.c


async def refreshing_pools(tx: Tx) -> Sequence[Pool]:
    query = select(fleet_pools).where(_columns.mode == "hub", _columns.tool == "codex").order_by(_columns.id)
    return [pool_of(row) for row in await tx.execute(query)]


async def take(tx: Tx, pool_id: str, owner: str, *, now: dt.datetime, until: dt.datetime) -> bool:
    """Of several that try at once, the database lets one through; an expired lease is nobody's."""
    free = or_(_columns.refresh_lease_until.is_(None), _columns.refresh_lease_until < now)
    taken = update(fleet_pools).where(_columns.id == pool_id, free)
    return (await tx.execute(taken.values(refresh_lease_owner=owner, refresh_lease_until=until))).rowcount > 0


async def give_back(tx: Tx, pool_id: str, owner: str) -> None:
    mine = update(fleet_pools).where(_columns.id == pool_id, _columns.refresh_lease_owner == owner)
    await tx.execute(mine.values(refresh_lease_owner=None, refresh_lease_until=None))


async def failed(tx: Tx, pool_id: str, error: str, at: dt.datetime) -> None:
    changed = update(fleet_pools).where(_columns.id == pool_id)
    await tx.execute(changed.values(refresh_error=error, refresh_failed_at=at))


async def succeeded(tx: Tx, pool_id: str) -> None:
    changed = update(fleet_pools).where(_columns.id == pool_id)
    generation = _columns.refresh_generation + 1
    await tx.execute(changed.values(refresh_error=None, refresh_failed_at=None, refresh_generation=generation))


async def forget_failure(tx: Tx, pool_id: str) -> None:
    """A new login is as good as none that ever failed."""
    changed = update(fleet_pools).where(_columns.id == pool_id)
    await tx.execute(changed.values(refresh_error=None, refresh_failed_at=None))
