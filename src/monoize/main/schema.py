"""`monoize db`: what the schema of a database is, and what it should be."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator

from monoize.infra import dsn
from monoize.infra.db import Database, open_database
from monoize.infra.settings import Settings
from monoize.migrations import runner
from monoize.migrations.verify import differences


@dataclasses.dataclass(frozen=True, slots=True)
class SchemaStatus:
    """Which migrations a database has, and which it is still to get."""

    database: str
    applied: tuple[str, ...]
    pending: tuple[str, ...]


async def status(settings: Settings) -> SchemaStatus:
    async with _database(settings) as database, database.connect() as connection:
        waiting = [migration.name for migration in await connection.run_sync(runner.pending)]
    applied = [m.name for m in runner.known_migrations() if m.name not in waiting]
    return SchemaStatus(str(database.dsn), tuple(applied), tuple(waiting))


async def migrate(settings: Settings) -> list[str]:
    """Apply what is pending and return its names."""
    async with _database(settings) as database:
        return await runner.migrate(database)


async def verify(settings: Settings) -> list[str]:
    """What differs between the live schema and the code; empty when nothing does."""
    async with _database(settings) as database, database.connect() as connection:
        return await connection.run_sync(lambda sync: list(differences(sync)))


@contextlib.asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    database = await open_database(dsn.parse(settings.database_dsn), pool_size=1)
    try:
        yield database
    finally:
        await database.close()
