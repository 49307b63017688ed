"""A gateway of its own for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.gateway import Bench, open_bench


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path / "spool") as opened:
        yield opened
