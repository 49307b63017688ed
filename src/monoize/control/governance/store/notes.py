"""SQL of notes. Every statement names the tenant: there is no way to another's."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, delete, exists, insert, or_, select, update

from monoize.control.edge.wire import Window
from monoize.control.governance.errors import NoSuchNote
from monoize.control.governance.model.notes import Note, NoteFilter
from monoize.control.governance.tables import human_context as notes
from monoize.infra.db import Tx

_columns = notes.c
_FIELDS: Final = tuple(Note.__dataclass_fields__)
_newer = notes.alias("newer")


def _note(row: Row[Any]) -> Note:
    return Note(**{name: getattr(row, name) for name in _FIELDS})


async def add(tx: Tx, tenant_id: str, values: Mapping[str, Any]) -> Note:
    made = await tx.execute(insert(notes).values(tenant_id=tenant_id, **values))
    assert made.inserted_primary_key is not None
    return await get(tx, tenant_id, made.inserted_primary_key[0])


async def get(tx: Tx, tenant_id: str, id: int) -> Note:
    row = (await tx.execute(select(notes).where(*_which(tenant_id, id)))).one_or_none()
    if row is None:
        raise NoSuchNote
    return _note(row)


async def page(tx: Tx, tenant_id: str, window: Window, wanted: NoteFilter, now: dt.datetime) -> Sequence[Note]:
    """Of those that still hold, newest first."""
    query = select(notes).where(*_holding(tenant_id, wanted, now)).order_by(_columns.id.desc())
    if window.after:
        query = query.where(_columns.id < int(window.after))
    return [_note(row) for row in await tx.execute(query.limit(window.limit + 1))]


async def foremost(tx: Tx, tenant_id: str, wanted: NoteFilter, now: dt.datetime, most: int) -> Sequence[Note]:
    """Pinned ones first, then the more important, then the newer."""
    order = (_columns.pinned.desc(), _columns.importance.desc(), _columns.id.desc())
    query = select(notes).where(*_holding(tenant_id, wanted, now)).order_by(*order).limit(most)
    return [_note(row) for row in await tx.execute(query)]


async def change(tx: Tx, tenant_id: str, id: int, values: Mapping[str, Any]) -> Note:
    if values:
        await tx.execute(update(notes).where(*_which(tenant_id, id)).values(**values))
    return await get(tx, tenant_id, id)


async def remove(tx: Tx, tenant_id: str, id: int) -> None:
    await tx.execute(delete(notes).where(*_which(tenant_id, id)))


def _which(tenant_id: str, id: int) -> tuple[ColumnElement[bool], ...]:
    return _columns.tenant_id == tenant_id, _columns.id == id


def _holding(tenant_id: str, wanted: NoteFilter, now: dt.datetime) -> list[ColumnElement[bool]]:
    replaced = exists().where(_newer.c.tenant_id == tenant_id, _newer.c.supersedes_id == _columns.id)
    conditions: list[ColumnElement[bool]] = [
        _columns.tenant_id == tenant_id,
        or_(_columns.expires_at.is_(None), _columns.expires_at > now),
        ~replaced,
    ]
    if wanted.topic is not None:
        conditions.append(_columns.topic == wanted.topic)
    if wanted.agent_id is not None:
        conditions.append(or_(_columns.agent_id.is_(None), _columns.agent_id == wanted.agent_id))
    return conditions
