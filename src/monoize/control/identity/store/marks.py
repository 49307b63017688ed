"""SQL of the marks of a database: by which it recognises its master key, and by which it is known to others."""

from sqlalchemy import Connection, column, func, inspect, select, table

from monoize.control.identity.store.versions import leave, put, value
from monoize.control.identity.tables import versions
from monoize.infra.db import Database, Tx

_MASTER_KEY = "master_key_check"
_FOUNDING_KEY = "founding_key"
_INSTALLATION = "installation"

FOUNDING_KEY_PLACE = ("versions", _FOUNDING_KEY)
"""What the sealed key of lasting digests is bound to."""


def key_mark(connection: Connection) -> str | None:
    """The mark, or None in a database that was never opened, which may have no tables yet."""
    if not inspect(connection).has_table(versions.name):
        return None
    return connection.scalar(select(versions.c.version).where(versions.c.name == _MASTER_KEY))


def schema_version(connection: Connection) -> int:
    """The newest migration that it has, of a database that was opened before."""
    return connection.scalar(select(func.max(column("version"))).select_from(table("schema_version"))) or 0


def founding_key(connection: Connection) -> str | None:
    """The sealed key of lasting digests; None while the master key was never exchanged."""
    return connection.scalar(select(versions.c.version).where(versions.c.name == _FOUNDING_KEY))


def installation(connection: Connection) -> str | None:
    """What tells this database from all others."""
    return connection.scalar(select(versions.c.version).where(versions.c.name == _INSTALLATION))


async def leave_installation(database: Database, id: str) -> str:
    """Leave `id` unless there is one; the one that is there afterwards, whoever left it."""
    return await leave(database, _INSTALLATION, id)


async def exchange(tx: Tx, before: str, mark: str, founding_key: str) -> bool:
    """The mark of another master key in place of `before`; False when that is not the one that stands."""
    if await value(tx, _MASTER_KEY, lock=True) != before:
        return False
    await put(tx, _MASTER_KEY, mark)
    await put(tx, _FOUNDING_KEY, founding_key)
    return True


async def leave_key_mark(database: Database, mark: str) -> str:
    """Leave `mark` unless there is one; the one that is there afterwards, whoever left it."""
    return await leave(database, _MASTER_KEY, mark)
