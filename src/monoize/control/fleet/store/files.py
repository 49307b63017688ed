"""SQL of the files that the hub distributes. A deleted one stays, so that its revisions go on if it comes again."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, func, insert, or_, select, update

from monoize.control.edge.wire import Window
from monoize.control.fleet.errors import NoSuchFile
from monoize.control.fleet.model.files import FileFacts, FileKind, FleetFile
from monoize.control.fleet.tables import fleet_files
from monoize.infra.db import Tx

_columns = fleet_files.c
_FACTS: Final = tuple(FileFacts.__dataclass_fields__)
_FIELDS: Final = tuple(FleetFile.__dataclass_fields__)
_LIVING: Final = _columns.deleted_at.is_(None)


def _file(row: Row[Any]) -> FleetFile:
    return FleetFile(**{name: getattr(row, name) for name in _FIELDS})


async def add(tx: Tx, *, id: str, values: Mapping[str, Any]) -> FleetFile:
    await tx.execute(insert(fleet_files).values(**values, id=id))
    return await get(tx, id)


async def get(tx: Tx, id: str, *, lock: bool = False) -> FleetFile:
    query = select(fleet_files).where(_columns.id == id, _LIVING)
    row = (await tx.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise NoSuchFile
    return _file(row)


async def id_of_deleted(tx: Tx, pool_id: str | None, kind: FileKind, name: str) -> str | None:
    found: str | None = await tx.scalar(
        select(_columns.id).where(*_called(pool_id, kind, name), _columns.deleted_at.is_not(None))
    )
    return found


async def exists(tx: Tx, pool_id: str | None, kind: FileKind, name: str) -> bool:
    return await tx.scalar(select(_columns.id).where(*_called(pool_id, kind, name), _LIVING)) is not None


async def change(tx: Tx, id: str, values: Mapping[str, Any]) -> FleetFile:
    """What is changed is of a new revision, and there."""
    counted = {**values, "revision": _columns.revision + 1, "deleted_at": None}
    await tx.execute(update(fleet_files).where(_columns.id == id).values(**counted))
    return await get(tx, id)


async def remove(tx: Tx, id: str, at: dt.datetime) -> None:
    await tx.execute(update(fleet_files).where(_columns.id == id).values(deleted_at=at))


async def count(tx: Tx, pool_id: str | None) -> int:
    query = select(func.count()).select_from(fleet_files).where(_in(pool_id), _LIVING)
    return int(await tx.scalar(query))


async def page(
    tx: Tx, window: Window, *, pool_id: str | None = None, kind: FileKind | None = None, name: str | None = None
) -> Sequence[FileFacts]:
    query = select(*(_columns[column] for column in _FACTS)).where(_LIVING)
    if pool_id is not None:
        query = query.where(_columns.pool_id == pool_id)
    if kind is not None:
        query = query.where(_columns.kind == kind)
    if name is not None:
        query = query.where(_columns.name == name)
    if window.after:
        query = query.where(_columns.id < window.after)
    rows = await tx.execute(query.order_by(_columns.id.desc()).limit(window.limit + 1))
    return [FileFacts(**row._mapping) for row in rows]


async def revisions(tx: Tx, pool_id: str) -> Sequence[tuple[str, int]]:
    """Of all that a pool's hosts get, without a single text."""
    query = select(_columns.id, _columns.revision).where(_for(pool_id), _LIVING)
    return [(row.id, row.revision) for row in await tx.execute(query)]


async def of_pool(tx: Tx, pool_id: str) -> Sequence[FleetFile]:
    return [_file(row) for row in await tx.execute(select(fleet_files).where(_for(pool_id), _LIVING))]


def _called(pool_id: str | None, kind: FileKind, name: str) -> tuple[ColumnElement[bool], ...]:
    return _in(pool_id), _columns.kind == kind, _columns.name == name


def _in(pool_id: str | None) -> ColumnElement[bool]:
    return _columns.pool_id.is_(None) if pool_id is None else _columns.pool_id == pool_id


def _for(pool_id: str) -> ColumnElement[bool]:
    return or_(_columns.pool_id == pool_id, _columns.pool_id.is_(None))
