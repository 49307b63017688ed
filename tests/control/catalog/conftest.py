"""A price book, and providers, on each engine."""

import pytest
from control.catalog.bench import Bench
from control.catalog.upstreams import Upstreams

from monoize.infra.db import Database


@pytest.fixture
def bench(database: Database) -> Bench:
    return Bench(database)


@pytest.fixture
def upstreams(database: Database) -> Upstreams:
    return Upstreams(database)
