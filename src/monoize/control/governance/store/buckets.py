"""SQL of buckets."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row, delete, exc, insert, or_, select, update

from monoize.control.edge.wire import Window
from monoize.control.governance.errors import BucketExists, NoSuchBucket
from monoize.control.governance.model.inventory import Bucket
from monoize.control.governance.tables import object_buckets as buckets
from monoize.infra.db import Tx

_columns = buckets.c
_FIELDS: Final = tuple(Bucket.__dataclass_fields__)


def _bucket(row: Row[Any]) -> Bucket:
    return Bucket(**{name: getattr(row, name) for name in _FIELDS})


async def add(tx: Tx, id: str, values: Mapping[str, Any]) -> Bucket:
    try:
        await tx.execute(insert(buckets).values(id=id, **values))
    except exc.IntegrityError as problem:
        raise BucketExists from problem
    return await get(tx, id)


async def get(tx: Tx, id: str) -> Bucket:
    row = (await tx.execute(select(buckets).where(_columns.id == id))).one_or_none()
    if row is None:
        raise NoSuchBucket
    return _bucket(row)


async def page(tx: Tx, window: Window, *, name: str | None) -> Sequence[Bucket]:
    query = select(buckets).order_by(_columns.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(_columns.id < window.after)
    if name is not None:
        query = query.where(_columns.name == name)
    return [_bucket(row) for row in await tx.execute(query)]


async def of_tenant(tx: Tx, tenant_id: str) -> Sequence[Bucket]:
    query = select(buckets).where(_columns.tenant_id == tenant_id).order_by(_columns.name)
    return [_bucket(row) for row in await tx.execute(query)]


async def change(tx: Tx, id: str, values: Mapping[str, Any]) -> Bucket:
    if values:
        await tx.execute(update(buckets).where(_columns.id == id).values(**values))
    return await get(tx, id)


async def remove(tx: Tx, id: str) -> None:
    await tx.execute(delete(buckets).where(_columns.id == id))


async def sealed_secret(tx: Tx, id: str) -> str:
    found: str = await tx.scalar(select(_columns.secret_sealed).where(_columns.id == id))
    return found


async def due(tx: Tx, now: dt.datetime, most: int) -> Sequence[Bucket]:
    is_due = (
        _columns.enabled,
        _columns.next_at <= now,
        or_(_columns.lease_until.is_(None), _columns.lease_until < now),
    )
    query = select(buckets).where(*is_due).order_by(_columns.next_at).limit(most)
    return [_bucket(row) for row in await tx.execute(query)]


async def claim(tx: Tx, id: str, now: dt.datetime, until: dt.datetime) -> int | None:
    """The generation that this process lists now; None where another one is at it."""
    free = _columns.id == id, or_(_columns.lease_until.is_(None), _columns.lease_until < now)
    claimed = update(buckets).where(*free).values(lease_until=until, generation=_columns.generation + 1)
    if (await tx.execute(claimed)).rowcount == 0:
        return None
    found: int = await tx.scalar(select(_columns.generation).where(_columns.id == id))
    return found


async def still_lists(tx: Tx, id: str, generation: int, until: dt.datetime) -> bool:
    """Whether nobody has taken over meanwhile, nor the bucket away."""
    ours = _columns.id == id, _columns.generation == generation
    return (await tx.execute(update(buckets).where(*ours).values(lease_until=until))).rowcount == 1
