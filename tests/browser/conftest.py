"""One real browser for all tests, and the house that most of them visit: a real server over a demonstration.

Whoever needs a house that nobody has been in takes `server`, which is new each time.
"""

import dataclasses
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from browser.visit import Visit, new_visit
from fakes.oidc import CLIENT_ID, CLIENT_SECRET, OidcProvider
from playwright.async_api import Browser, async_playwright, expect
from support.demo import TINY, fill
from support.demo.addresses import addresses
from support.docker_engine import LazyEngine
from support.engines import absent, open_scratch
from support.house import MASTER_KEY, open_house, test_settings
from support.patience import PATIENCE_S
from support.server import Server, forked_server

from monoize.base.clock import utc_now

CHROMIUM: Final = Path("/usr/bin/chromium")
SWITCHES: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
expect.set_options(timeout=PATIENCE_S * 1000)


@dataclasses.dataclass(frozen=True)
class LivedIn:
    """A house full of things, and whom it trusts: `identity` signs people in, `engine` runs services."""

    server: Server
    session: str
    addresses: dict[str, str]
    identity: OidcProvider
    engine: LazyEngine


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with forked_server(tmp_path) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    if not CHROMIUM.exists():
        absent("chromium", f"{CHROMIUM} is not there")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def engine() -> Iterator[LazyEngine]:
    """Started by whoever needs it."""
    lazy = LazyEngine()
    yield lazy
    lazy.remove()


@pytest.fixture(scope="session")
def database_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Lived in for as long as the session lasts, beside tests whose databases pass from one to the next."""
    return open_scratch("sqlite", tmp_path_factory.mktemp("lived_in_database")).fresh()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def lived_in(
    database_of_its_own: str, tmp_path_factory: pytest.TempPathFactory, engine: LazyEngine
) -> AsyncIterator[LivedIn]:
    folder, dsn = tmp_path_factory.mktemp("lived_in"), database_of_its_own
    async with open_house(test_settings(dsn, folder)) as house:
        root = await house.make_root()
        await fill(house, root, TINY, utc_now())
        found = await addresses(house.house)
    settings = {
        "MONOIZE_DATABASE_DSN": dsn,
        "MONOIZE_DATA_DIR": str(folder),
        "MONOIZE_MASTER_KEY": MASTER_KEY,
        "MONOIZE_DOCKER_URL": engine.url,
    }
    with OidcProvider() as identity:
        settings |= {
            "MONOIZE_REGISTRATION_ENABLED": "true",
            "MONOIZE_OAUTH_COMPANY_ISSUER": identity.url,
            "MONOIZE_OAUTH_COMPANY_CLIENT_ID": CLIENT_ID,
            "MONOIZE_OAUTH_COMPANY_CLIENT_SECRET": CLIENT_SECRET,
        }
        with forked_server(folder, **settings) as server:
            session = root.headers["authorization"].removeprefix("Bearer ")
            yield LivedIn(server, session, found, identity, engine)


@pytest_asyncio.fixture(loop_scope="session")
async def visit(lived_in: LivedIn, chromium: Browser) -> AsyncIterator[Visit]:
    """By the super_admin; whatever the browser complained of, or asked of another host, fails the test."""
    async with new_visit(chromium, lived_in.server, lived_in.session) as begun:
        yield begun


@pytest_asyncio.fixture(loop_scope="session")
async def stranger(lived_in: LivedIn, chromium: Browser) -> AsyncIterator[Visit]:
    """By somebody who has not signed in."""
    async with new_visit(chromium, lived_in.server) as begun:
        yield begun
