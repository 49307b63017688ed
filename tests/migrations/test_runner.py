import asyncio
import random
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, event, func, insert, select, text
from support import at_once, snapshots
from support.engines import empty_database

from monoize.base.errors import StartupProblem
from monoize.control.identity.model import DEFAULT_TENANT_ID
from monoize.control.identity.tables import tenants
from monoize.infra import dsn
from monoize.infra.audit_log import GENESIS, audit_head
from monoize.infra.db import Database, open_database
from monoize.migrations import runner, verify
from monoize.migrations.runner import VERSIONS, known_migrations, migrate, schema_version

NAMES = [migration.name for migration in known_migrations()]


@pytest.fixture
async def fresh(empty: str) -> AsyncIterator[Database]:
    """An open database without a single table."""
    database = await open_database(dsn.parse(empty), pool_size=5)
    yield database
    await database.close()


async def differences(database: Database) -> list[str]:
    async with database.connect() as connection:
        return await connection.run_sync(lambda sync: list(verify.differences(sync)))


async def applied(database: Database) -> list[int]:
    async with database.read() as tx:
        rows = await tx.execute(select(schema_version.c.version).order_by(schema_version.c.version))
        return list(rows.scalars())


def test_the_files_are_numbered_one_by_one_and_nothing_else_lies_beside_them():
    files = sorted(path.name for path in VERSIONS.iterdir() if path.name != "__pycache__")

    assert list(range(1, len(files) + 1)) == [migration.version for migration in known_migrations()]
    assert files == [migration.file.name for migration in known_migrations()]
    assert all(re.fullmatch(r"\d{4}_[a-z_]+\.py", name) for name in files)


async def test_a_new_database_gets_every_migration_and_has_no_differences(fresh: Database):
    assert NAMES == await migrate(fresh)
    assert [] == await differences(fresh)
    assert [migration.version for migration in known_migrations()] == await applied(fresh)
    async with fresh.read() as tx:
        assert [(DEFAULT_TENANT_ID, "default")] == (await tx.execute(select(tenants.c.id, tenants.c.name))).all()
        assert [(1, 0, GENESIS, None)] == (await tx.execute(select(audit_head))).all()


async def test_migrating_again_applies_nothing_and_changes_nothing(database: Database, engine: str):
    before = await snapshots.rows(engine)

    assert [] == await migrate(database)
    assert before == await snapshots.rows(engine)


async def test_two_processes_migrating_one_database_at_once_both_succeed(empty: str):
    ended = at_once.together(("migrate", empty), ("migrate", empty))

    assert [0, 0] == [process.code for process in ended], ended
    assert sorted(NAMES) == sorted(name for process in ended for name in process.lines)
    database = await open_database(dsn.parse(empty), pool_size=1)
    assert [] == await differences(database)
    await database.close()


@pytest.fixture
async def newer(database: Database) -> AsyncIterator[int]:
    """The version of a migration that we do not know and that was applied; one that we know was not."""
    known = known_migrations()[-1]
    async with database.write() as tx:
        await tx.execute(insert(schema_version).values(version=known.version + 1, checksum="c" * 64))
        await tx.execute(delete(schema_version).where(schema_version.c.version == known.version))
    yield known.version + 1
    async with database.write() as tx:
        await tx.execute(insert(schema_version).values(version=known.version, checksum=known.checksum))
        await tx.execute(delete(schema_version).where(schema_version.c.version == known.version + 1))


async def test_a_database_of_a_newer_program_is_refused_and_left_alone(database: Database, engine: str, newer: int):
    before = await snapshots.rows(engine)

    with pytest.raises(StartupProblem) as refused:
        await migrate(database)
    assert before == await snapshots.rows(engine)
    assert 1 == len(str(refused.value).splitlines())
    assert f"the database has schema version {newer}, this Monoize knows {newer - 1}" in str(refused.value)


async def test_a_migration_that_is_missing_in_the_middle_is_applied(sqlite: str):
    database = await open_database(dsn.parse(sqlite), pool_size=1)
    async with database.write() as tx:
        await tx.execute(delete(schema_version).where(schema_version.c.version == 3))

    assert [NAMES[2]] == await migrate(database)
    assert [] == await differences(database)
    await database.close()


async def test_every_migration_can_be_taken_again_when_all_of_it_is_there_already(fresh: Database, empty: str):
    await migrate(fresh)
    before = await snapshots.rows(empty)
    async with fresh.write() as tx:
        await tx.execute(delete(schema_version))

    assert NAMES == await migrate(fresh)
    assert [] == await differences(fresh)
    after = await snapshots.rows(empty)
    del before["schema_version"], after["schema_version"]
    assert before == after


class Crash(Exception):
    pass


def _crash(database: Database, after: int, taken: set[str]) -> Any:
    """From now on lose the connection before the statement that follows so many not yet `taken`."""
    left = after

    def count(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        nonlocal left
        if statement.lstrip().startswith(("ALTER", "CREATE", "INSERT", "UPDATE")) and statement not in taken:
            if not left:
                raise Crash
            left -= 1
            taken.add(statement)

    event.listen(database._writer.sync_engine, "before_cursor_execute", count)
    return count


async def _migrate_in_pieces(address: str, piece: int) -> int:
    """Migrate, crashing after every `piece` new statements; how often it crashed."""
    taken: set[str] = set()
    for crashes in range(1000):
        database = await open_database(dsn.parse(address), pool_size=1)
        _crash(database, piece, taken)
        try:
            await migrate(database)
        except Crash:
            continue
        else:
            return crashes
        finally:
            await database.close()
    raise AssertionError("the migration makes no progress")


@pytest.fixture
def mariadb(tmp_path: Path) -> Iterator[str]:
    with empty_database("mariadb", tmp_path) as address:
        yield address


async def test_a_crash_after_any_few_statements_is_made_good_by_the_next_start(mariadb: str):
    """Where every statement is committed by itself; the others undo a broken migration as a whole."""
    assert await _migrate_in_pieces(mariadb, 4) > 40
    database = await open_database(dsn.parse(mariadb), pool_size=1)

    assert [] == await differences(database)
    async with database.read() as tx:
        assert 1 == await tx.scalar(select(func.count()).select_from(tenants))
        assert 1 == await tx.scalar(select(func.count()).select_from(audit_head))
    await database.close()


async def test_a_killed_migration_is_finished_by_the_next_start(empty: str):
    statement = random.randint(2, 180)
    killed = at_once.alone("migrate", empty, str(statement))
    assert -9 == killed.code, (statement, killed)

    database = await open_database(dsn.parse(empty), pool_size=1)
    before = await _versions_if_any(database)
    assert NAMES[len(before) :] == await migrate(database), statement
    assert [] == await differences(database), statement
    await database.close()


async def _versions_if_any(database: Database) -> list[int]:
    async with database.connect() as connection:
        return sorted(await connection.run_sync(runner.applied_checksums))


async def test_a_broken_migration_leaves_nothing_behind_where_the_engine_can_undo(fresh: Database, empty: str):
    if fresh.dsn.engine == "mysql":
        return
    count = _crash(fresh, 20, set())
    with pytest.raises(Crash):
        await migrate(fresh)
    event.remove(fresh._writer.sync_engine, "before_cursor_execute", count)

    assert set() == await snapshots.table_names(empty)


@pytest.mark.parametrize("empty", ["mariadb"], indirect=True)
async def test_one_who_waits_for_the_lock_finds_the_work_done(fresh: Database, empty: str):
    """The lock of a migration that is still at work is waited for, and what it did is not done twice."""
    async with fresh.connect() as connection:
        await connection.execute(text(f"SELECT GET_LOCK('{runner._LOCK_NAME}', 5)"))
        waiting = asyncio.create_task(asyncio.to_thread(at_once.alone, "migrate", empty))
        await asyncio.sleep(1.5)
        assert not waiting.done()
        assert set() == await snapshots.table_names(empty)
        await connection.execute(text(f"SELECT RELEASE_LOCK('{runner._LOCK_NAME}')"))
        await connection.commit()
        ended = await waiting

    assert NAMES == ended.lines
