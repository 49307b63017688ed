"""The books of machines on each engine, without a house around them."""

from collections.abc import AsyncIterator

import pytest
from control.compute.bench import ComputeBench

from monoize.infra import dsn
from monoize.infra.db import Database, open_database


@pytest.fixture
def books(database: Database) -> ComputeBench:
    """Once for each engine."""
    return ComputeBench(database)


@pytest.fixture
async def sqlite_books(sqlite: str) -> AsyncIterator[ComputeBench]:
    """For tests in which the engine does not matter."""
    opened = await open_database(dsn.parse(sqlite), pool_size=5)
    yield ComputeBench(opened)
    await opened.close()
