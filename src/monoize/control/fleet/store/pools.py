"""SQL of pools."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, delete, exc, func, insert, select, update

from monoize.control.edge.wire import Window
from monoize.control.fleet.errors import NoSuchPool, PoolExists, PoolInUse
from monoize.control.fleet.model import renewal, validations
from monoize.control.fleet.model.pools import Pool, is_pool_id, pointer_of
from monoize.control.fleet.tables import auth_payloads, fleet_pools
from monoize.control.identity.store import versions
from monoize.infra.bulk import is_one_of
from monoize.infra.db import Tx

_columns = fleet_pools.c
_FIELDS = tuple(Pool.__dataclass_fields__)


def pool_of(row: Row[Any], *, prefix: str = "") -> Pool:
    """Of a row that has every column of `fleet_pools`, each behind the prefix."""
    return Pool(**{name: getattr(row, prefix + name) for name in _FIELDS})


async def add(tx: Tx, *, id: str, values: Mapping[str, Any]) -> Pool:
    try:
        await tx.execute(insert(fleet_pools).values(**values, id=id))
    except exc.IntegrityError as problem:
        raise PoolExists from problem
    await versions.put(tx, pointer_of(id), "")
    return await get(tx, id)


async def change(tx: Tx, id: str, values: Mapping[str, Any]) -> Pool:
    try:
        if values:
            await tx.execute(update(fleet_pools).where(_columns.id == id).values(**values))
    except exc.IntegrityError as problem:
        raise PoolExists from problem
    return await get(tx, id)


async def get(tx: Tx, id: str, *, lock: bool = False) -> Pool:
    query = select(fleet_pools).where(_columns.id == id)
    row = (await tx.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise NoSuchPool
    return pool_of(row)


async def find(tx: Tx, named: str, *, lock: bool = False) -> Pool:
    """By id or by name."""
    query = select(fleet_pools).where((_columns.id if is_pool_id(named) else _columns.name) == named)
    row = (await tx.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise NoSuchPool
    return pool_of(row)


async def many(tx: Tx, ids: Collection[str]) -> Mapping[str, Pool]:
    found = await tx.execute(select(fleet_pools).where(is_one_of(tx, _columns.id, ids)))
    return {row.id: pool_of(row) for row in found}


async def page(tx: Tx, window: Window) -> Sequence[Pool]:
    query = select(fleet_pools).order_by(_columns.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(_columns.id < window.after)
    return [pool_of(row) for row in await tx.execute(query)]


async def every(tx: Tx) -> Sequence[Pool]:
    return [pool_of(row) for row in await tx.execute(select(fleet_pools).order_by(_columns.id))]


async def validated(tx: Tx) -> Sequence[Pool]:
    """Those whose credentials are tried out."""
    query = select(fleet_pools).where(_columns.validation != "off").order_by(_columns.id)
    return [pool_of(row) for row in await tx.execute(query)]


async def remove(tx: Tx, id: str) -> None:
    try:
        await tx.execute(delete(fleet_pools).where(_columns.id == id))
    except exc.IntegrityError as problem:
        raise PoolInUse from problem
    for name in (pointer_of(id), validations.name_of(id), renewal.wanted_name(id)):
        await versions.remove(tx, name)


async def count_payloads(tx: Tx, id: str) -> int:
    return int(
        await tx.scalar(select(func.count()).select_from(auth_payloads).where(auth_payloads.c.pool_id == id))
    )
