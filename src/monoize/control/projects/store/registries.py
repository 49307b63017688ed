"""SQL of registries."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, delete, exc, insert, select, update

from monoize.control.edge.wire import Window
from monoize.control.projects.errors import NoSuchRegistry, RegistryExists
from monoize.control.projects.model.registries import Registry
from monoize.control.projects.tables import registries
from monoize.infra.db import Tx, violated

_columns = registries.c


async def add(tx: Tx, values: Mapping[str, Any]) -> Registry:
    """Without its password, which is sealed to the id that the database gives."""
    try:
        done = await tx.execute(insert(registries).values(**values, password_sealed=""))
    except exc.IntegrityError as problem:
        raise (RegistryExists() if violated(problem, "name") else problem) from problem
    key = done.inserted_primary_key
    assert key is not None
    return await get(tx, key[0])


async def get(tx: Tx, id: int, *, lock: bool = False) -> Registry:
    query = select(registries).where(_columns.id == id)
    row = (await tx.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise NoSuchRegistry
    return _registry_of(row)


async def sealed_password(tx: Tx, id: int) -> str:
    return str(await tx.scalar(select(_columns.password_sealed).where(_columns.id == id)))


async def change(tx: Tx, id: int, values: Mapping[str, Any]) -> Registry:
    if values:
        try:
            await tx.execute(update(registries).where(_columns.id == id).values(**values))
        except exc.IntegrityError as problem:
            raise (RegistryExists() if violated(problem, "name") else problem) from problem
    return await get(tx, id)


async def page(tx: Tx, window: Window) -> Sequence[Registry]:
    query = select(registries).order_by(_columns.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(_columns.id < int(window.after))
    return [_registry_of(row) for row in await tx.execute(query)]


async def remove(tx: Tx, id: int) -> None:
    await tx.execute(delete(registries).where(_columns.id == id))


def _registry_of(row: Row[Any]) -> Registry:
    return Registry(
        id=row.id,
        name=row.name,
        type=row.type,
        server=row.server,
        username=row.username,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
