"""SQL of `versions`: small facts about the whole installation, each under a name."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import BindParameter, Row, Subquery, delete, exc, insert, select, update

from monoize.control.identity.tables import versions
from monoize.infra.db import Database, Tx


async def rows(tx: Tx, names: Collection[str]) -> Mapping[str, Row[Any]]:
    """Those of the names that are there, each with its `version` and `updated_at`."""
    query = select(versions.c.name, versions.c.version, versions.c.updated_at).where(versions.c.name.in_(names))
    return {row.name: row for row in await tx.execute(query)}


async def value(tx: Tx, name: str, *, lock: bool = False) -> str | None:
    query = select(versions.c.version).where(versions.c.name == name)
    found: str | None = await tx.scalar(query.with_for_update() if lock else query)
    return found


def one_named(name: BindParameter[str]) -> Subquery:
    """For a statement that goes on from what it says."""
    return select(versions.c.version).where(versions.c.name == name).subquery()


async def put(tx: Tx, name: str, value: str) -> None:
    changed = update(versions).where(versions.c.name == name).values(version=value)
    if not (await tx.execute(changed)).rowcount:
        await tx.execute(insert(versions).values(name=name, version=value))


async def remove(tx: Tx, name: str) -> None:
    await tx.execute(delete(versions).where(versions.c.name == name))


async def leave(database: Database, name: str, value: str) -> str:
    """Leave the value unless there is one; the one that is there afterwards, whoever left it."""
    query = select(versions.c.version).where(versions.c.name == name)
    try:
        async with database.write() as tx:
            found: str | None = await tx.scalar(query)
            if found is None:
                await tx.execute(insert(versions).values(name=name, version=value))
            return found or value
    except exc.IntegrityError:
        async with database.read() as tx:
            return str(await tx.scalar(query))
