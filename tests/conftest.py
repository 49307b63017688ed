"""Fixtures that every test may use: a fresh database on each engine, a running house, and callers of it.

`engine` runs a test on SQLite, PostgreSQL and MariaDB; `house` opens everything on that database in process.
What is absent is skipped, unless MONOIZE_TEST_REQUIRE names it: then its absence fails.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest
from support.databases import borrowed
from support.engines import ENGINES, Scratch, empty_database, open_scratch
from support.house import Client, RunningHouse, open_house, test_settings
from support.worked_examples import numbers_of
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from monoize.infra.db import Database
from monoize.infra.settings import Settings

LONGEST_FIRST: Final = (
    *("control/projects", "contracts", "migrations", "main", "browser", "cli", "courier"),
    *("control/identity", "control/edge", "control/compute"),
)
"""Folders that take very long, or single files of which do."""

TOGETHER: Final = {
    "tests/control/projects/": "engine",
    "tests/control/compute/drivers/": "engine",
    "tests/browser/": "browser",
}
"""What starts something dear, which is started once for all of it: a container engine, a browser."""


class ByNeed(LoadFileScheduling):
    """Whole files go to a worker, and with them those that need the same."""

    def _split_scope(self, nodeid: str) -> str:
        shared = (need for folder, need in TOGETHER.items() if nodeid.startswith(folder))
        return next(shared, super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByNeed | None:
    return ByNeed(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--case", type=numbers_of, help="run only tests that state these worked examples: 7 or 41-60")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """No worker is to be left alone at the end with what takes long: that comes first, and the many small last."""
    _keep_worked_examples(config, items)
    ranks = {Path(__file__).parent / folder: rank for rank, folder in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: min(ranks.get(folder, len(ranks)) for folder in item.path.parents))


def _keep_worked_examples(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Only those that `--case` names, if it does; reports of tests say which ones they state."""
    wanted, kept, left_out = config.getoption("--case"), [], []
    for item in items:
        stated = [number for marker in item.iter_markers("case") for number in marker.args]
        item.user_properties += [("case", number) for number in stated]
        (left_out if wanted is not None and wanted.isdisjoint(stated) else kept).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


@pytest.fixture(scope="session")
def scratches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Scratch]]:
    opened: dict[str, Scratch] = {}
    yield opened
    for scratch in opened.values():
        scratch.drop()


def _scratch(name: str, scratches: dict[str, Scratch], tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    if name not in scratches:
        scratches[name] = open_scratch(name, tmp_path_factory.mktemp(name))
    return scratches[name]


@pytest.fixture(params=ENGINES)
def engine(
    request: pytest.FixtureRequest,
    scratches: dict[str, Scratch],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """The DSN of an empty, migrated database; the test runs once for each engine."""
    scratch = _scratch(request.param, scratches, tmp_path_factory)
    address = scratch.fresh()
    yield address
    scratch.done(address)


@pytest.fixture(params=ENGINES)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The DSN of a database without a single table; the test runs once for each engine."""
    with empty_database(request.param, tmp_path) as address:
        yield address


@pytest.fixture(scope="session")
def sqlite_scratch(scratches: dict[str, Scratch], tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    return _scratch("sqlite", scratches, tmp_path_factory)


@pytest.fixture
def sqlite(sqlite_scratch: Scratch) -> Iterator[str]:
    """The DSN of an empty, migrated SQLite database, for tests in which the engine does not matter."""
    address = sqlite_scratch.fresh()
    yield address
    sqlite_scratch.done(address)


@pytest.fixture
async def database(engine: str) -> AsyncIterator[Database]:
    async with borrowed(engine, pool_size=10) as opened:
        yield opened


@pytest.fixture
def settings(sqlite: str, tmp_path: Path) -> Settings:
    return test_settings(sqlite, tmp_path)


@pytest.fixture
async def house(settings: Settings) -> AsyncIterator[RunningHouse]:
    """Everything in process over SQLite, with nobody in it yet."""
    async with open_house(settings) as running:
        yield running


@pytest.fixture
async def house_everywhere(engine: str, tmp_path: Path) -> AsyncIterator[RunningHouse]:
    """Everything in process, once for each engine."""
    async with open_house(test_settings(engine, tmp_path)) as running:
        yield running


@pytest.fixture
def visitor(house: RunningHouse) -> Client:
    """Somebody who has not signed in."""
    return house.visitor()


@pytest.fixture
async def root(house: RunningHouse) -> Client:
    """The super_admin."""
    return await house.make_root()
