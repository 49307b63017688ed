"""A ledger on each engine, with users and keys that need no house around them."""

from collections.abc import AsyncIterator

import pytest
from control.ledger.bench import Bench

from monoize.infra import dsn
from monoize.infra.db import Database, open_database


@pytest.fixture
def bench(database: Database) -> Bench:
    """Once for each engine."""
    return Bench(database)


@pytest.fixture
async def sqlite_bench(sqlite: str) -> AsyncIterator[Bench]:
    """For tests in which the engine does not matter."""
    opened = await open_database(dsn.parse(sqlite), pool_size=5)
    yield Bench(opened)
    await opened.close()


@pytest.fixture
def sqlite_database(sqlite_bench: Bench) -> Database:
    return sqlite_bench.database
