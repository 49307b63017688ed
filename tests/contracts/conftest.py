"""A scene in which every changing endpoint can be asked successfully."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from support.docker_engine import LazyEngine
from support.mcp_mutations import STANDING
from support.mutations import Scene
from support.route_mutations import OUTSIDE  # its rows join VALID
from support.scenes import open_scene


@pytest.fixture(scope="session")
def lazy_engine() -> Iterator[LazyEngine]:
    engine = LazyEngine()
    yield engine
    engine.remove()


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_running() -> Iterator[None]:
    """What the rows of routes, of MCP services and of buckets have started outside."""
    yield
    OUTSIDE.stack.close()
    STANDING.close()


@pytest.fixture
async def scene(sqlite: str, tmp_path: Path, lazy_engine: LazyEngine) -> AsyncIterator[Scene]:
    async with open_scene(sqlite, tmp_path, lazy_engine) as opened:
        yield opened
