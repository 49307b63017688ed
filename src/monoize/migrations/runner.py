"""Bring a database to the schema this program knows: each numbered migration once, under a lock, at boot.

`schema_version` is the only record: what is in `versions/` and not in that table is applied, in order, and a row
is written with it. A version in the table that we do not know means a newer program was here: refuse to start.
Alembic supplies the operations; its own version table is not used, so there is nothing to keep in step.
"""

import contextlib
import dataclasses
import hashlib
import importlib.util
import re
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Final

from sqlalchemy import Column, Connection, Integer, String, func, insert, inspect, select

from monoize.base.errors import StartupProblem
from monoize.infra.columns import Timestamp, table, utc_now
from monoize.infra.db import Database

VERSIONS: Final = Path(__file__).parent / "versions"
_FILE_NAME: Final = re.compile(r"(\d{4})_\w+\.py")
_LOCK_NAME: Final = "monoize.migrate"
_LOCK_NUMBER: Final = 0x6D6F6E6F697A65
_LOCK_TIMEOUT_S: Final = 120

schema_version = table(
    "schema_version",
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("applied_at", Timestamp, nullable=False, server_default=utc_now()),
    Column("checksum", String(64), nullable=False),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Migration:
    version: int
    file: Path

    @property
    def name(self) -> str:
        return self.file.stem

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.file.read_bytes()).hexdigest()

    def load(self) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"monoize_migration_{self.name}", self.file)
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


def known_migrations() -> list[Migration]:
    found = ((_FILE_NAME.fullmatch(file.name), file) for file in VERSIONS.iterdir())
    return sorted((Migration(int(match[1]), file) for match, file in found if match), key=lambda m: m.version)


def pending(connection: Connection) -> list[Migration]:
    """What is still to be applied. Refuses a database that a newer Monoize has already changed."""
    known = known_migrations()
    applied = set(applied_checksums(connection))
    newest = max(applied, default=0)
    if newest > known[-1].version:
        raise StartupProblem(
            f"the database has schema version {newest}, this Monoize knows {known[-1].version}; "
            "start the newer Monoize, or restore a backup from before its first start"
        )
    return [migration for migration in known if migration.version not in applied]


def applied_checksums(connection: Connection) -> dict[int, str]:
    if not inspect(connection).has_table(schema_version.name):
        return {}
    rows = connection.execute(select(schema_version.c.version, schema_version.c.checksum))
    return {row.version: row.checksum for row in rows}


def is_empty(connection: Connection) -> bool:
    """Whether the database has no table at all, of anybody's."""
    return not inspect(connection).get_table_names()


async def migrate(database: Database) -> list[str]:
    """Apply what is pending and return its names; several processes may call this at once."""
    async with database.connect() as connection:
        waiting = await connection.run_sync(pending)
        await connection.rollback()
        if not waiting:
            return []
        return await connection.run_sync(_apply)


def _apply(connection: Connection) -> list[str]:
    # Not at the top: a boot with nothing to migrate should not pay for loading Alembic.
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    done: list[str] = []
    with _locked(connection):
        for migration in pending(connection):
            with Operations.context(MigrationContext.configure(connection)):
                migration.load().upgrade()
            row = {"version": migration.version, "checksum": migration.checksum}
            connection.execute(insert(schema_version).values(row))
            if connection.dialect.name != "sqlite":
                connection.commit()
            done.append(migration.name)
        connection.commit()
    return done


@contextlib.contextmanager
def _locked(connection: Connection) -> Iterator[None]:
    """One migrating process at a time. SQLite needs no lock: its write transaction began IMMEDIATE."""
    match connection.dialect.name:
        case "sqlite":
            yield
            return
        case "postgresql":
            take = select(func.pg_try_advisory_lock(_LOCK_NUMBER))
            give = select(func.pg_advisory_unlock(_LOCK_NUMBER))
        case _:
            take = select(func.get_lock(_LOCK_NAME, 0))
            give = select(func.release_lock(_LOCK_NAME))
    deadline = time.monotonic() + _LOCK_TIMEOUT_S
    while not connection.scalar(take):
        if time.monotonic() > deadline:
            raise StartupProblem("another process has been migrating this database for minutes; look after it")
        # Nothing else runs in this process before its database is ready, so blocking it harms nobody.
        time.sleep(0.1)
    connection.commit()
    try:
        yield
    finally:
        connection.rollback()
        connection.execute(give)
        connection.commit()
