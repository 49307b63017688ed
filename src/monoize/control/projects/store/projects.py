"""SQL of projects."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, delete, exc, insert, select, update

from monoize.control.edge.wire import Window
from monoize.control.projects.errors import NoSuchProject, ProjectExists
from monoize.control.projects.model.services import Project
from monoize.control.projects.tables import projects
from monoize.infra.db import Tx, violated

_columns = projects.c


async def add(tx: Tx, name: str, description: str | None, *, id: int | None = None) -> Project:
    """`id` where it has to be one that was given before."""
    values = {"name": name, "description": description} | ({} if id is None else {"id": id})
    try:
        done = await tx.execute(insert(projects).values(**values))
    except exc.IntegrityError as problem:
        raise _taken(problem) from problem
    key = done.inserted_primary_key
    assert key is not None
    return await get(tx, key[0])


async def find(tx: Tx, id: int) -> Project | None:
    row = (await tx.execute(select(projects).where(_columns.id == id))).one_or_none()
    return _project_of(row) if row else None


async def get(tx: Tx, id: int, *, lock: bool = False) -> Project:
    query = select(projects).where(_columns.id == id)
    row = (await tx.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise NoSuchProject
    return _project_of(row)


async def change(tx: Tx, id: int, values: Mapping[str, Any]) -> Project:
    if values:
        try:
            await tx.execute(update(projects).where(_columns.id == id).values(**values))
        except exc.IntegrityError as problem:
            raise _taken(problem) from problem
    return await get(tx, id)


async def page(
    tx: Tx, window: Window, *, visible: Collection[int] | None, name: str | None = None
) -> Sequence[Project]:
    query = select(projects).order_by(_columns.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(_columns.id < int(window.after))
    if visible is not None:
        query = query.where(_columns.id.in_(visible))
    if name is not None:
        query = query.where(_columns.name == name)
    return [_project_of(row) for row in await tx.execute(query)]


async def mark_deleting(tx: Tx, id: int, now: dt.datetime) -> None:
    await tx.execute(update(projects).where(_columns.id == id).values(deleting_at=now))


async def remove(tx: Tx, id: int) -> None:
    await tx.execute(delete(projects).where(_columns.id == id))


def _taken(problem: exc.IntegrityError) -> Exception:
    return ProjectExists() if violated(problem, "name") else problem


def _project_of(row: Row[Any]) -> Project:
    return Project(
        id=row.id,
        name=row.name,
        description=row.description,
        deleting_at=row.deleting_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
