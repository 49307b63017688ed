"""A scene in which every changing endpoint can be asked successfully."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import support.project_mutations  # noqa: F401 - its rows join VALID
from fakes.smtp import MailSink
from support.docker_engine import LazyEngine
from support.house import open_house, test_settings
from support.mutations import Scene
from support.route_mutations import OUTSIDE  # its rows too
from support.upstreams import open_upstreams


@pytest.fixture(scope="session")
def lazy_engine() -> Iterator[LazyEngine]:
    engine = LazyEngine()
    yield engine
    engine.remove()


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_running() -> Iterator[None]:
    """What the rows of routes have started outside."""
    yield
    OUTSIDE.stack.close()


@pytest.fixture
async def scene(sqlite: str, tmp_path: Path, lazy_engine: LazyEngine) -> AsyncIterator[Scene]:
    async with MailSink() as mail:
        settings = test_settings(
            sqlite,
            tmp_path,
            registration_enabled=True,
            smtp_url=mail.url,
            mail_from="monoize@example.com",
            docker_url=lazy_engine.url,
        )
        async with open_house(settings) as running, open_upstreams(running):
            yield Scene(running, mail, lazy_engine)
