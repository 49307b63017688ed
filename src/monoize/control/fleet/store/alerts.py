"""SQL of alerts."""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, delete, select, update
from sqlalchemy.dialects import mysql, postgresql, sqlite

from monoize.base.ids import new_id
from monoize.control.edge.wire import Window
from monoize.control.fleet.errors import NoSuchAlert
from monoize.control.fleet.model.alerts import Alert, AlertKind, Trouble, kept_subject
from monoize.control.fleet.tables import fleet_alerts
from monoize.infra.db import Tx

_columns = fleet_alerts.c
_FIELDS: Final = tuple(Alert.__dataclass_fields__)
_LATEST: Final = ("last_seen_at", "details")


def _alert(row: Row[Any]) -> Alert:
    return Alert(**{name: getattr(row, name) for name in _FIELDS})


async def add(tx: Tx, trouble: Trouble, at: dt.datetime) -> None:
    """Open an alert; of several that notice a trouble at once one does, and the others touch what it opened."""
    kind, subject = trouble.key
    values = {
        "id": new_id(),
        "kind": kind,
        "subject": subject,
        "host_id": trouble.host_id,
        "pool_id": trouble.pool_id,
        "details": dict(trouble.details),
        "raised_at": at,
        "last_seen_at": at,
    }
    await tx.execute(_opened_or_touched(tx.connection.dialect.name), values)


def _opened_or_touched(dialect: str) -> Any:
    if dialect in ("mysql", "mariadb"):
        opened = mysql.insert(fleet_alerts)
        return opened.on_duplicate_key_update({name: opened.inserted[name] for name in _LATEST})
    into = (sqlite.insert if dialect == "sqlite" else postgresql.insert)(fleet_alerts)
    latest = {name: into.excluded[name] for name in _LATEST}
    return into.on_conflict_do_update(index_elements=["kind", "subject", "is_open"], set_=latest)


async def seen_again(tx: Tx, trouble: Trouble, at: dt.datetime) -> bool:
    """Whether an alert about this trouble is open already; it then tells of the latest."""
    touched = update(fleet_alerts).where(*_open_about(*trouble.key))
    found = await tx.execute(touched.values(last_seen_at=at, details=dict(trouble.details)))
    return found.rowcount > 0


async def get(tx: Tx, id: str) -> Alert:
    row = (await tx.execute(select(fleet_alerts).where(_columns.id == id))).one_or_none()
    if row is None:
        raise NoSuchAlert
    return _alert(row)


async def open_of_kinds(tx: Tx, kinds: Collection[AlertKind]) -> Sequence[Alert]:
    query = select(fleet_alerts).where(_columns.resolved_at.is_(None), _columns.kind.in_(kinds))
    return [_alert(row) for row in await tx.execute(query)]


async def resolve(tx: Tx, ids: Collection[str], at: dt.datetime) -> None:
    if ids:
        closed = update(fleet_alerts).where(_columns.id.in_(ids), _columns.resolved_at.is_(None))
        await tx.execute(closed.values(resolved_at=at))


async def resolve_about(tx: Tx, kind: AlertKind, subject: str, at: dt.datetime) -> None:
    about = _open_about(kind, kept_subject(subject))
    await tx.execute(update(fleet_alerts).where(*about).values(resolved_at=at))


async def page(tx: Tx, window: Window, *, kind: AlertKind | None, only_open: bool) -> Sequence[Alert]:
    query = select(fleet_alerts).order_by(_columns.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(_columns.id < window.after)
    if kind is not None:
        query = query.where(_columns.kind == kind)
    if only_open:
        query = query.where(_columns.resolved_at.is_(None))
    return [_alert(row) for row in await tx.execute(query)]


async def purge(tx: Tx, before: dt.datetime) -> None:
    """Those that were settled long ago."""
    await tx.execute(delete(fleet_alerts).where(_columns.resolved_at < before))


def _open_about(kind: AlertKind, subject: str) -> tuple[ColumnElement[bool], ...]:
    return _columns.resolved_at.is_(None), _columns.kind == kind, _columns.subject == subject
