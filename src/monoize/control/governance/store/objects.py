"""SQL of the objects that buckets were seen to hold."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, delete, func, or_, select, update

from monoize.control.governance.model.inventory import (
    LIKE_ESCAPE,
    STALE_FOR,
    Bucket,
    Listed,
    ObjectFilter,
    ObjectSeen,
    escaped,
)
from monoize.control.governance.tables import r2_object_inventory as objects
from monoize.infra.bulk import insert_many, is_one_of
from monoize.infra.db import Tx

_columns = objects.c
_SEEN: Final = (_columns.size_bytes, _columns.etag, _columns.last_modified_iso)


def _object(row: Row[Any]) -> ObjectSeen:
    return ObjectSeen(
        bucket_name=row.bucket_name,
        object_key=row.object_key,
        size_bytes=row.size_bytes,
        etag=row.etag,
        last_modified=row.last_modified_iso,
        status=row.status,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        stale_since=row.stale_since,
    )


async def seen(tx: Tx, bucket: Bucket, generation: int, listed: Sequence[Listed], now: dt.datetime) -> None:
    """One page of a listing. What is as it was before is only marked as seen."""
    by_hash = {one.key_hash: one for one in listed}
    known = {
        row.key_hash: (row.size_bytes, row.etag, row.last_modified_iso)
        for row in await tx.execute(
            select(_columns.key_hash, *_SEEN).where(*_of(bucket), is_one_of(tx, _columns.key_hash, by_hash))
        )
    }
    marks = {"generation": generation, "status": "active", "last_seen": now, "stale_since": None}
    if known:
        here = *_of(bucket), is_one_of(tx, _columns.key_hash, known)
        await tx.execute(update(objects).where(*here).values(**marks))
    for hash, before in known.items():
        after = by_hash[hash]
        if before != (after.size, after.etag, after.last_modified):
            await tx.execute(
                update(objects).where(*_of(bucket), _columns.key_hash == hash).values(**_values(after))
            )
    new = [
        {
            "tenant_id": bucket.tenant_id,
            "bucket_name": bucket.name,
            "key_hash": hash,
            "object_key": one.key,
            **_values(one),
            **marks,
            "first_seen": now,
        }
        for hash, one in by_hash.items()
        if hash not in known
    ]
    await insert_many(tx, objects, new)


async def finish(tx: Tx, bucket: Bucket, generation: int, now: dt.datetime) -> tuple[int, int]:
    """What this whole listing did not see has vanished. How many objects there are, and of how many bytes."""
    vanished = *_of(bucket), _columns.generation < generation, _columns.status == "active"
    await tx.execute(update(objects).where(*vanished).values(status="stale", stale_since=now))
    long_gone = *_of(bucket), _columns.status == "stale", _columns.stale_since <= now - STALE_FOR
    await tx.execute(update(objects).where(*long_gone).values(status="orphaned"))
    here = *_of(bucket), _columns.status == "active"
    count = await tx.scalar(select(func.count()).where(*here))
    size = await tx.scalar(select(func.coalesce(func.sum(_columns.size_bytes), 0)).where(*here))
    return int(count), int(size)


async def page(
    tx: Tx, tenant_id: str, wanted: ObjectFilter, *, after: tuple[str, str] | None, most: int
) -> Sequence[ObjectSeen]:
    """By bucket and key; `after` is the last one of the page before."""
    query = select(objects).where(_columns.tenant_id == tenant_id, *_wanted(wanted))
    if after is not None:
        bucket, key = after
        same = and_(_columns.bucket_name == bucket, _columns.object_key > key)
        query = query.where(or_(_columns.bucket_name > bucket, same))
    query = query.order_by(_columns.bucket_name, _columns.object_key).limit(most)
    return [_object(row) for row in await tx.execute(query)]


async def forget(tx: Tx, bucket: Bucket) -> None:
    await tx.execute(delete(objects).where(*_of(bucket)))


def _wanted(wanted: ObjectFilter) -> list[ColumnElement[bool]]:
    key, conditions = _columns.object_key, []
    if wanted.bucket is not None:
        conditions.append(_columns.bucket_name == wanted.bucket)
    if wanted.status is not None:
        conditions.append(_columns.status == wanted.status)
    patterns = (
        wanted.prefix and f"{escaped(wanted.prefix)}%",
        wanted.contains and f"%{escaped(wanted.contains)}%",
        wanted.suffix and f"%{escaped(wanted.suffix)}",
    )
    conditions.extend(key.like(pattern, escape=LIKE_ESCAPE) for pattern in patterns if pattern)
    return conditions


def _values(one: Listed) -> dict[str, Any]:
    return {"size_bytes": one.size, "etag": one.etag, "last_modified_iso": one.last_modified}


def _of(bucket: Bucket) -> tuple[ColumnElement[bool], ...]:
    return _columns.tenant_id == bucket.tenant_id, _columns.bucket_name == bucket.name
