"""A house with money in it: somebody with a balance, and the meter that counts it."""

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.house import RunningHouse, open_house, test_settings
from support.money import Till, open_till


@pytest.fixture
async def till(house: RunningHouse) -> AsyncIterator[Till]:
    async with open_till(house) as opened:
        yield opened


@pytest.fixture
async def till_everywhere(engine: str, tmp_path: Path) -> AsyncIterator[Till]:
    """The same, once for each engine."""
    async with open_house(test_settings(engine, tmp_path)) as house, open_till(house) as opened:
        yield opened


@pytest.fixture
async def open_till_here(sqlite: str, tmp_path: Path) -> AsyncIterator[Till]:
    """One whose figures are open to programs on the same machine."""
    settings = dataclasses.replace(test_settings(sqlite, tmp_path), metrics_on_loopback=True)
    async with open_house(settings) as house, open_till(house) as till:
        yield till
