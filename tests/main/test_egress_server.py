"""The egress proxy as `monoize serve` runs it beside itself: with a real control plane, and processes that die."""

import asyncio
import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx2
import pytest
from support.egress import connect
from support.house import MASTER_KEY, test_settings
from support.metered import bandwidth, metered_agents
from support.patience import PATIENCE_S
from support.processes import environment
from support.server import Server, forked_server

from monoize.control.identity.model import DEFAULT_TENANT_ID

ADMIN: Final = "an operators own token 0123456789"
ECHOED: Final = b"x" * 100_000


class Site(NamedTuple):
    server: Server
    folder: Path
    credentials: list[str]
    port: int
    target_port: int

    @property
    def file(self) -> Path:
        return self.folder / "monoize.db"

    def child(self) -> int:
        """The process of the proxy; 0 while there is none."""
        pid = self.server.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0]) if children else 0

    def tunnel(self, number: int = 0) -> socket.socket:
        line = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
        line.sendall(connect(f"127.0.0.1:{self.target_port}", self.credentials[number]))
        head = line.recv(4096)
        assert head.startswith(b"HTTP/1.1 200 "), head
        return line

    def post(self, path: str, body: Any) -> Any:
        headers = {"authorization": f"Bearer {ADMIN}"}
        answer = httpx2.post(self.server.address + path, json=body, headers=headers, timeout=PATIENCE_S)
        assert answer.is_success, answer.text
        return answer.json()

    def echo(self, line: socket.socket) -> None:
        line.sendall(ECHOED)
        left = len(ECHOED)
        while left:
            left -= len(line.recv(65536))


def soon(holds: Callable[[], bool]) -> bool:
    until_s = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > until_s:
            return False
        time.sleep(0.05)
    return True


def is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def is_cut(line: socket.socket) -> bool:
    try:
        return not line.recv(1)
    except ConnectionError:
        return True


ECHO: Final = """
import socket, threading
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
def talk(peer):
    while data := peer.recv(65536):
        peer.sendall(data)
while True:
    threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()
"""


@pytest.fixture(scope="module")
def echo_port() -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-c", ECHO], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def site(folder: Path, credentials: list[str], target_port: int) -> Iterator[Site]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {
        "MONOIZE_DATABASE_DSN": f"sqlite://{folder}/monoize.db",
        "MONOIZE_DATA_DIR": str(folder),
        "MONOIZE_MASTER_KEY": MASTER_KEY,
        "MONOIZE_ADMIN_TOKEN": ADMIN,
        "MONOIZE_SHUTDOWN_GRACE_S": "1",
        "MONOIZE_EGRESS_LISTEN": f"127.0.0.1:{port}",
        "MONOIZE_EGRESS_PORTS": str(target_port),
        "MONOIZE_EGRESS_OPEN_NETWORKS": "127.0.0.0/8",
    }
    with forked_server(folder, env=environment(**settings)) as server:
        assert soon(lambda: is_open(port))
        yield Site(server, folder, credentials, port, target_port)


@pytest.fixture(scope="module")
def running(echo_port: int) -> Iterator[Site]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        credentials = asyncio.run(metered_agents(test_settings(f"sqlite://{folder}/monoize.db", folder), 3))
        with site(folder, credentials, echo_port) as running:
            yield running


def test_what_goes_through_is_in_the_database_to_the_byte(running: Site):
    before = bandwidth(running.file)
    with running.tunnel() as line:
        running.echo(line)
        assert soon(lambda: bandwidth(running.file) == before + 2 * len(ECHOED))


def test_the_control_plane_is_out_of_reach_through_it(running: Site):
    port = int(running.server.address.rpartition(":")[2])
    # Even were its port allowed: what the settings open is a network, and this is ours.
    with socket.create_connection(("127.0.0.1", running.port), timeout=PATIENCE_S) as line:
        line.sendall(connect(f"127.0.0.1:{port}", running.credentials[0]))
        assert b"target_denied" in line.recv(4096)


def test_a_budget_that_is_used_up_ends_open_tunnels(running: Site):
    with running.tunnel(1) as line:
        running.echo(line)
        with sqlite3.connect(running.file) as database:
            database.execute("UPDATE plans SET max_bandwidth_bytes = 1, overage_bandwidth_cost_per_gb_cents = 100")
        try:
            assert is_cut(line)
            with socket.create_connection(("127.0.0.1", running.port), timeout=PATIENCE_S) as again:
                again.sendall(connect(f"127.0.0.1:{running.target_port}", running.credentials[1]))
                assert soon(lambda: b"usage_limit_exceeded" in again.recv(4096))
        finally:
            with sqlite3.connect(running.file) as database:
                database.execute("UPDATE plans SET max_bandwidth_bytes = 1000000000000")


def test_a_tenant_that_is_stopped_loses_its_tunnels_within_a_second(running: Site):
    with running.tunnel(2) as line:
        running.echo(line)
        why = {"scope": "tenant", "subject": DEFAULT_TENANT_ID, "reason": "It ran wild."}
        stop = running.post("/api/stops", why)
        stopped_s = time.monotonic()
        try:
            assert is_cut(line)
            assert time.monotonic() - stopped_s < 1
            with socket.create_connection(("127.0.0.1", running.port), timeout=PATIENCE_S) as again:
                again.sendall(connect(f"127.0.0.1:{running.target_port}", running.credentials[2]))
                assert b"stopped" in again.recv(4096)
        finally:
            running.post(f"/api/stops/{stop['id']}/lift", {})
    time.sleep(1)
    running.tunnel(2).close()


def test_a_proxy_that_was_killed_is_started_again_and_counts_nothing_twice(running: Site):
    assert soon(lambda: is_open(running.port))
    time.sleep(6)
    before = bandwidth(running.file)
    with running.tunnel(2) as line:
        running.echo(line)
        assert soon(lambda: bandwidth(running.file) == before + 2 * len(ECHOED))
        killed = running.child()
        os.kill(killed, signal.SIGKILL)
        assert is_cut(line)
    assert soon(lambda: running.child() not in (0, killed))
    assert soon(lambda: is_open(running.port))
    with running.tunnel(2) as line:
        running.echo(line)
    assert soon(lambda: bandwidth(running.file) == before + 4 * len(ECHOED))


def test_a_control_plane_that_was_killed_loses_nothing_and_one_that_stops_neither(running: Site):
    assert soon(lambda: is_open(running.port))
    before, child = bandwidth(running.file), running.child()
    with running.tunnel() as line:
        running.echo(line)
        running.server.kill()
        # Its proxy notices, lets go and leaves what it has counted.
        assert soon(lambda: is_gone(child))
    with site(running.folder, running.credentials, running.target_port) as again:
        assert soon(lambda: bandwidth(again.file) >= before + 2 * len(ECHOED))
        with again.tunnel() as line:
            again.echo(line)
            assert 0 == again.server.stop()
    assert before + 4 * len(ECHOED) == bandwidth(running.file)


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_it_loads_neither_the_control_plane_nor_its_libraries():
    code = "import sys, monoize.main.egress_server; print(*sys.modules, sep='\\n')"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    others = ("fastapi", "starlette", "pydantic", "sqlalchemy", "monoize.control", "monoize.dashboard")
    assert [] == [name for name in loaded if name.startswith(others)]
