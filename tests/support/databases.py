"""Databases that are opened again and again in one process.

What SQLAlchemy has compiled belongs to an engine, and compiling takes longer than most statements: so engines are
kept, without connections, until somebody wants the same database again.
"""

import contextlib
from collections.abc import AsyncIterator

from monoize.infra import dsn
from monoize.infra.db import Database, open_database

_spare: dict[tuple[str, int], list[Database]] = {}


@contextlib.asynccontextmanager
async def borrowed(address: str, *, pool_size: int) -> AsyncIterator[Database]:
    """The database at this address, whose file is there."""
    alike = _spare.setdefault((address, pool_size), [])
    database = alike.pop() if alike else await open_database(dsn.parse(address), pool_size=pool_size)
    try:
        yield database
    finally:
        await database.close()
        alike.append(database)
