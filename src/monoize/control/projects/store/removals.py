"""SQL of removals."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Row, func, insert, select, update

from monoize.control.edge.wire import Window
from monoize.control.projects.errors import NoSuchRemoval
from monoize.control.projects.model.removals import Evidence, Removal, RemovalKind
from monoize.control.projects.tables import removals
from monoize.infra.db import Tx

_columns = removals.c


async def add(
    tx: Tx,
    kind: RemovalKind,
    *,
    project_id: int,
    service_id: int | None,
    name: str,
    with_volumes: bool,
    by: str,
    now: dt.datetime,
) -> Removal:
    done = await tx.execute(
        insert(removals).values(
            kind=kind,
            project_id=project_id,
            service_id=service_id,
            name=name,
            with_volumes=with_volumes,
            requested_by=by,
            next_at=now,
        )
    )
    key = done.inserted_primary_key
    assert key is not None
    return await get(tx, key[0])


async def get(tx: Tx, id: int) -> Removal:
    row = (await tx.execute(select(removals).where(_columns.id == id))).one_or_none()
    if row is None:
        raise NoSuchRemoval
    return _removal_of(row)


async def waiting_for(tx: Tx, *, project_id: int, service_id: int | None) -> Removal | None:
    query = select(removals).where(
        _columns.project_id == project_id, _columns.service_id == service_id, _columns.state == "waiting"
    )
    row = (await tx.execute(query.limit(1))).one_or_none()
    return _removal_of(row) if row else None


async def page(tx: Tx, window: Window, *, visible: Collection[int] | None) -> Sequence[Removal]:
    query = select(removals).order_by(_columns.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(_columns.id < int(window.after))
    if visible is not None:
        query = query.where(_columns.project_id.in_(visible))
    return [_removal_of(row) for row in await tx.execute(query)]


async def next_at(tx: Tx) -> dt.datetime | None:
    """When the next of those that wait is due."""
    query = select(func.min(_columns.next_at)).where(_columns.state == "waiting")
    found: dt.datetime | None = await tx.scalar(query)
    return found


async def due(tx: Tx, now: dt.datetime, most: int) -> Sequence[int]:
    query = (
        select(_columns.id)
        .where(_columns.state == "waiting", _columns.next_at <= now)
        .order_by(_columns.next_at)
        .limit(most)
    )
    return list((await tx.execute(query)).scalars())


async def claim(tx: Tx, id: int, now: dt.datetime, until: dt.datetime) -> bool:
    """Whether it is ours now: whoever moves its time on first carries it out."""
    done = await tx.execute(
        update(removals)
        .where(_columns.id == id, _columns.state == "waiting", _columns.next_at <= now)
        .values(next_at=until, attempts=_columns.attempts + 1)
    )
    return bool(done.rowcount)


async def change(tx: Tx, id: int, values: Mapping[str, Any]) -> None:
    kept = dict(values)
    if "evidence" in kept:
        kept["evidence"] = msgspec.json.decode(msgspec.json.encode(kept["evidence"]))
    await tx.execute(update(removals).where(_columns.id == id).values(**kept))


def _removal_of(row: Row[Any]) -> Removal:
    return Removal(
        id=row.id,
        kind=row.kind,
        project_id=row.project_id,
        service_id=row.service_id,
        name=row.name,
        with_volumes=row.with_volumes,
        state=row.state,
        evidence=msgspec.convert(row.evidence, list[Evidence]),
        error=row.error,
        attempts=row.attempts,
        next_at=row.next_at,
        requested_by=row.requested_by,
        created_at=row.created_at,
        ended_at=row.ended_at,
    )
