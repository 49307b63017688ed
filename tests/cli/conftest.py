"""One real server for the whole run, and people who call it with the real command."""

import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from cli.command_line import CommandLine
from support.house import PASSWORD
from support.server import Server, forked_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose first account is `root`."""
    with forked_server(tmp_path_factory.mktemp("server"), MONOIZE_LOG_LEVEL="error") as running:
        first = {"username": "root", "password": PASSWORD, "email": "root@example.com", "link": running.read_link()}
        # Until the faces are loaded the first who asks waits for them.
        answer = httpx2.post(f"{running.address}/api/auth/first-account", json=first, timeout=60)
        assert answer.status_code == 201, answer.text
        yield running


@pytest.fixture(scope="session")
def signed_in(server: Server, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """`root` after one `monoize login`; the server bounds how often one may sign in."""
    root = CommandLine(tmp_path_factory.mktemp("root"))
    root.does("login", "--url", server.address, "--name", "root", "--password-stdin", stdin=PASSWORD)
    return root


@pytest.fixture
def root(signed_in: CommandLine, tmp_path: Path) -> CommandLine:
    """The super_admin, signed in."""
    somebody = CommandLine(_home(tmp_path, "root"))
    somebody.profiles.parent.mkdir()
    shutil.copy(signed_in.profiles, somebody.profiles)
    return somebody


@pytest.fixture
def stranger(server: Server, tmp_path: Path) -> CommandLine:
    """Somebody who knows the address and nothing else."""
    return CommandLine(_home(tmp_path, "stranger"), MONOIZE_URL=server.address)


@pytest.fixture
def operator(tmp_path: Path) -> CommandLine:
    """Somebody with a folder of their own, in which no server runs yet."""
    return CommandLine(tmp_path)


def _home(folder: Path, name: str) -> Path:
    home = folder / name
    home.mkdir()
    return home


@pytest.fixture
def fresh() -> Callable[[], str]:
    """Names that nobody has yet; all tests share one server."""
    return lambda: f"n_{uuid.uuid4().hex[:12]}"
