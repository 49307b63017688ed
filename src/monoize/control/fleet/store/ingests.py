"""SQL of what came in together from one host."""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import Row, delete, exc, insert, select

from monoize.control.edge.wire import Window
from monoize.control.fleet.model.usage import Ingest
from monoize.control.fleet.tables import token_usage_ingests
from monoize.control.telemetry.errors import UsageReportedAtOnce
from monoize.infra.bulk import is_one_of
from monoize.infra.db import Tx

_columns = token_usage_ingests.c
_FIELDS: Final = tuple(name for name in Ingest.__dataclass_fields__ if name != "cost_nano_usd")


def _ingest(row: Row[Any]) -> Ingest:
    return Ingest(**{name: getattr(row, name) for name in _FIELDS}, cost_nano_usd=row.cost_nano)


async def add(tx: Tx, *, host_id: int, idempotency_key: str | None, values: dict[str, Any]) -> int:
    row = {**values, "host_id": host_id, "idempotency_key": idempotency_key}
    try:
        key = (await tx.execute(insert(token_usage_ingests).values(**row))).inserted_primary_key
    except exc.IntegrityError as problem:
        raise UsageReportedAtOnce from problem
    assert key is not None
    return int(key[0])


async def with_key(tx: Tx, idempotency_key: str) -> Ingest | None:
    query = select(token_usage_ingests).where(_columns.idempotency_key == idempotency_key)
    row = (await tx.execute(query)).one_or_none()
    return _ingest(row) if row else None


async def page(tx: Tx, window: Window, *, host_ids: Collection[int] | None) -> Sequence[Ingest]:
    query = select(token_usage_ingests).order_by(_columns.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(_columns.id < int(window.after))
    if host_ids is not None:
        query = query.where(is_one_of(tx, _columns.host_id, host_ids))
    return [_ingest(row) for row in await tx.execute(query)]


async def delete_before(tx: Tx, at: dt.datetime, *, most: int) -> int:
    """The oldest, at most `most`; how many there were."""
    query = select(_columns.id).where(_columns.created_at < at).order_by(_columns.created_at).limit(most)
    ids = list((await tx.execute(query)).scalars())
    if ids:
        await tx.execute(delete(token_usage_ingests).where(is_one_of(tx, _columns.id, ids)))
    return len(ids)
