"""SQL of stops. Only those that hold are rows; what was lifted is in the audit log."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, delete, exc, insert, select

from monoize.control.edge.wire import Window
from monoize.control.governance.errors import AlreadyStopped, NoSuchStop
from monoize.control.governance.model.stops import Stop
from monoize.control.governance.tables import stops
from monoize.infra.db import Tx

_columns = stops.c


def _stop(row: Row[Any]) -> Stop:
    return Stop(
        id=row.id,
        scope=row.scope,
        subject=row.subject,
        reason=row.reason,
        stopped_by=row.stopped_by,
        by_super_admin=bool(row.by_super_admin),
        created_at=row.created_at,
    )


async def every(tx: Tx) -> Sequence[Stop]:
    return [_stop(row) for row in await tx.execute(select(stops))]


async def page(tx: Tx, window: Window) -> Sequence[Stop]:
    query = select(stops).order_by(_columns.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(_columns.id < window.after)
    return [_stop(row) for row in await tx.execute(query)]


async def get(tx: Tx, id: str) -> Stop:
    row = (await tx.execute(select(stops).where(_columns.id == id).with_for_update())).one_or_none()
    if row is None:
        raise NoSuchStop
    return _stop(row)


async def standing(tx: Tx, scope: str, subject: str) -> Stop | None:
    wanted = _columns.scope == scope, _columns.subject == subject
    row = (await tx.execute(select(stops).where(*wanted).with_for_update())).one_or_none()
    return _stop(row) if row else None


async def add(tx: Tx, stop: Stop) -> None:
    values = {field.name: getattr(stop, field.name) for field in dataclasses.fields(stop)}
    try:
        await tx.execute(insert(stops).values(values))
    except exc.IntegrityError as problem:
        raise AlreadyStopped from problem


async def remove(tx: Tx, id: str) -> None:
    await tx.execute(delete(stops).where(_columns.id == id))
