"""What was committed, by this process or another, is known to those who look only when there is reason to."""

from sqlalchemy import text
from support.databases import borrowed

from monoize.infra.db import Database


async def test_a_commit_of_this_process_is_known_at_once_and_by_everybody(database: Database):
    await database.changes.look()
    mine, theirs = database.changes.awaited(60), database.changes.awaited(60)
    assert mine() and theirs()
    assert not mine()

    async with database.write() as tx:
        await tx.execute(text("UPDATE tenants SET name = 'else'"))

    assert mine() and theirs()
    assert not mine()


async def test_a_commit_of_another_process_is_known_after_a_look(database: Database, engine: str):
    await database.changes.look()
    is_time = database.changes.awaited(60)
    assert is_time()

    async with borrowed(engine, pool_size=1) as another, another.write() as tx:
        await tx.execute(text("UPDATE tenants SET name = 'else'"))
    await database.changes.look()

    assert is_time()


async def test_after_a_while_everybody_looks_all_the_same(database: Database):
    is_time = database.changes.awaited(0)

    assert is_time() and is_time()
