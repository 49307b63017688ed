"""A database to record calls in, with nobody around it."""

from collections.abc import AsyncIterator

import pytest
from control.telemetry.bench import Bench
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
