"""One real hub for the whole run, and computers that are enrolled at it."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from courier.machine import Machine, Operator
from support.server import Server, forked_server

from monoize.base.ids import new_secret


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Operator]]:
    token = new_secret("mzt_")
    folder = tmp_path_factory.mktemp("hub")
    with forked_server(folder, MONOIZE_LOG_LEVEL="error", MONOIZE_ADMIN_TOKEN=token) as server:
        operator = Operator(server.address, token)
        yield server, operator
        operator.close()


@pytest.fixture
def operator(hub: tuple[Server, Operator]) -> Operator:
    return hub[1]


@pytest.fixture
def fresh() -> Callable[[], str]:
    """Names that nobody has yet; all tests share one hub."""
    return lambda: f"h-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def pool(operator: Operator, fresh: Callable[[], str]) -> str:
    """A pool of this test alone."""
    name = fresh()
    operator.ask("POST", "/pools", {"name": name})
    return name


@pytest.fixture
def machine(operator: Operator, pool: str, fresh: Callable[[], str], tmp_path: Path) -> Machine:
    """Enrolled in that pool."""
    return operator.enrolled(Machine(tmp_path / "machine"), f"{fresh()}.example.com", pool=pool)
