"""A price book on each engine."""

import pytest
from control.catalog.bench import Bench

from monoize.infra.db import Database


@pytest.fixture
def bench(database: Database) -> Bench:
    return Bench(database)
