"""A ledger on each engine, with users and keys that need no house around them."""

from collections.abc import AsyncIterator

import pytest
from control.ledger.bench import Bench
from support.databases import borrowed

from monoize.infra.db import Database


@pytest.fixture
def bench(database: Database) -> Bench:
    """Once for each engine."""
    return Bench(database)


@pytest.fixture
async def sqlite_bench(sqlite: str) -> AsyncIterator[Bench]:
    """For tests in which the engine does not matter."""
    async with borrowed(sqlite, pool_size=5) as opened:
        yield Bench(opened)


@pytest.fixture
def sqlite_database(sqlite_bench: Bench) -> Database:
    return sqlite_bench.database
