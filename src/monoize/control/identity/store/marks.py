"""SQL of the mark by which a database recognises its master key."""

from sqlalchemy import Connection, exc, insert, inspect, select

from monoize.control.identity.tables import versions
from monoize.infra.db import Database

_MASTER_KEY = "master_key_check"
_query = select(versions.c.version).where(versions.c.name == _MASTER_KEY)


def key_mark(connection: Connection) -> str | None:
    """The mark, or None in a database that was never opened, which may have no tables yet."""
    if not inspect(connection).has_table(versions.name):
        return None
    return connection.scalar(_query)


async def leave_key_mark(database: Database, mark: str) -> str:
    """Leave `mark` unless there is one; the one that is there afterwards, whoever left it."""
    try:
        async with database.write() as tx:
            found: str | None = await tx.scalar(_query)
            if found is None:
                await tx.execute(insert(versions).values(name=_MASTER_KEY, version=mark))
            return found or mark
    except exc.IntegrityError:
        async with database.read() as tx:
            return str(await tx.scalar(_query))
