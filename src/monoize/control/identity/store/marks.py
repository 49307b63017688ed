"""SQL of the mark by which a database recognises its master key."""

from sqlalchemy import Connection, inspect, select

from monoize.control.identity.store.versions import leave
from monoize.control.identity.tables import versions
from monoize.infra.db import Database

_MASTER_KEY = "master_key_check"


def key_mark(connection: Connection) -> str | None:
    """The mark, or None in a database that was never opened, which may have no tables yet."""
    if not inspect(connection).has_table(versions.name):
        return None
    return connection.scalar(select(versions.c.version).where(versions.c.name == _MASTER_KEY))


async def leave_key_mark(database: Database, mark: str) -> str:
    """Leave `mark` unless there is one; the one that is there afterwards, whoever left it."""
    return await leave(database, _MASTER_KEY, mark)
