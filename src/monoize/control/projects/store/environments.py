"""SQL of environments and of their variables."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, delete, exc, insert, select, update

from monoize.control.edge.wire import Window
from monoize.control.projects.errors import EnvironmentExists, NoSuchEnvironment, NoSuchVariable
from monoize.control.projects.model.environments import Environment, SealedVariable
from monoize.control.projects.tables import environment_variables, environments, services
from monoize.infra.db import Tx

_columns = environments.c
_variables = environment_variables.c
_FIELDS = tuple(Environment.__dataclass_fields__)
_VARIABLE_FIELDS = tuple(SealedVariable.__dataclass_fields__)


def _environment(row: Row[Any]) -> Environment:
    return Environment(**{name: getattr(row, name) for name in _FIELDS})


def _variable(row: Row[Any]) -> SealedVariable:
    return SealedVariable(**{name: getattr(row, name) for name in _VARIABLE_FIELDS})


async def add(tx: Tx, name: str, values: Mapping[str, Any]) -> Environment:
    try:
        await tx.execute(insert(environments).values(name=name, **values))
    except exc.IntegrityError as problem:
        raise EnvironmentExists from problem
    return _environment((await tx.execute(select(environments).where(_columns.name == name))).one())


async def get(tx: Tx, id: int, *, lock: bool = False) -> Environment:
    query = select(environments).where(_columns.id == id)
    row = (await tx.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise NoSuchEnvironment
    return _environment(row)


async def change(tx: Tx, id: int, values: Mapping[str, Any]) -> Environment:
    if values:
        try:
            await tx.execute(update(environments).where(_columns.id == id).values(**values))
        except exc.IntegrityError as problem:
            raise EnvironmentExists from problem
    return await get(tx, id)


async def remove(tx: Tx, id: int) -> None:
    await tx.execute(delete(environments).where(_columns.id == id))


async def page(tx: Tx, window: Window, *, name: str | None = None) -> Sequence[Environment]:
    query = select(environments).order_by(_columns.id.desc()).limit(window.limit + 1)
    if name is not None:
        query = query.where(_columns.name == name)
    if window.after:
        query = query.where(_columns.id < int(window.after))
    return [_environment(row) for row in await tx.execute(query)]


async def parents(tx: Tx, *, lock: bool = False) -> Mapping[int, int | None]:
    """Who inherits from whom. Locked when it is to be changed: two changes together could close a circle."""
    query = select(_columns.id, _columns.inherits_id)
    rows = await tx.execute(query.order_by(_columns.id).with_for_update() if lock else query)
    return {row.id: row.inherits_id for row in rows}


async def names(tx: Tx, ids: Collection[int]) -> Mapping[int, str]:
    rows = await tx.execute(select(_columns.id, _columns.name).where(_columns.id.in_(ids)))
    return {row.id: row.name for row in rows}


async def used_by(tx: Tx, id: int) -> Sequence[str]:
    """A few of those that would miss it."""
    inheriting = select(_columns.name).where(_columns.inherits_id == id).limit(10)
    using = select(services.c.name).where(services.c.environment_id == id).limit(10)
    heirs = [f"environment {name}" for name in (await tx.execute(inheriting)).scalars()]
    return heirs + [f"service {name}" for name in (await tx.execute(using)).scalars()]


async def variables(tx: Tx, ids: Collection[int]) -> Sequence[SealedVariable]:
    query = select(environment_variables).where(_variables.environment_id.in_(ids))
    rows = await tx.execute(query.order_by(_variables.environment_id, _variables.key))
    return [_variable(row) for row in rows]


async def put_variable(
    tx: Tx, environment_id: int, key: str, *, sealed: str, is_secret: bool, now: dt.datetime
) -> None:
    """A new value for an old name is its next version."""
    mine = (_variables.environment_id == environment_id, _variables.key == key)
    changed = update(environment_variables).where(*mine)
    values = {"sealed": sealed, "is_secret": is_secret, "version": _variables.version + 1}
    if not (await tx.execute(changed.values(**values))).rowcount:
        row = {"environment_id": environment_id, "key": key, "sealed": sealed, "is_secret": is_secret, "version": 1}
        await tx.execute(insert(environment_variables).values(**row, created_at=now))


async def remove_variable(tx: Tx, environment_id: int, key: str) -> None:
    gone = delete(environment_variables).where(_variables.environment_id == environment_id, _variables.key == key)
    if not (await tx.execute(gone)).rowcount:
        raise NoSuchVariable(key=key)
