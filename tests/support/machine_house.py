"""A server that proofs about machines kill and bring back, and its operator, who may do everything.

The server is forked from one that is loaded: what a start costs is shown elsewhere. A *fuse* is a file with a
number in it; the server kills itself before its so-manyth write about machines, and the file is gone then.
"""

import contextlib
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import httpx2

from support.forks import Forked, forks
from support.processes import environment

ADMIN_TOKEN: Final = "a-token-for-this-proof-only"
WAIT_MOST_S: Final = 150
STOP_MOST_S: Final = 30
PLAN_BYTES: Final = 1_000_000
CENTS_PER_GB: Final = 1_000_000


def check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


def until(ask: Callable[[], Any], what: str, most_s: float = WAIT_MOST_S) -> Any:
    last_s = time.monotonic() + most_s
    while not (found := ask()):
        check(time.monotonic() < last_s, f"{what} took longer than {most_s} s")
        time.sleep(0.05)
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Operator:
    """Somebody with all permissions, and their database for what no API tells."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "data" / "monoize.db"
        self.address = ""

    def ask(self, method: str, path: str, body: object = None) -> Any:
        answer = httpx2.request(
            method,
            f"{self.address}/api{path}",
            json=body,
            headers={"authorization": f"Bearer {ADMIN_TOKEN}"},
            timeout=WAIT_MOST_S,
            trust_env=False,
        )
        check(answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None

    def user_on_plan(self, name: str, provider: str, image: str) -> tuple[str, str]:
        """(user, preset)."""
        user: str = self.ask("POST", "/users", {"username": name})["id"]
        terms = {
            "max_agents": 1_000,
            "max_vpses": 1_000,
            "max_bandwidth_bytes": PLAN_BYTES,
            "overage_bandwidth_cost_per_gb_cents": CENTS_PER_GB,
        }
        self.ask("POST", "/plans", {"name": f"plan-{name}", **terms})
        size = {"cpu_millicores": 500, "memory_mb": 256, "disk_gb": 1}
        preset = self.ask(
            "POST", "/vps-configs", {"name": f"preset-{name}", "provider": provider, "image": image, **size}
        )
        self.ask("PUT", f"/plans/plan-{name}/vps-configs/preset-{name}")
        self.ask("PUT", f"/users/{user}/plan", {"plan": f"plan-{name}"})
        return user, preset["id"]

    def agent(self, user: str) -> str:
        made: str = self.ask("POST", "/agents", {"name": "agent", "user_id": user})["agent"]["id"]
        return made

    def provision(self, agent: str, preset: str) -> str:
        asked = self.ask("POST", f"/agents/{agent}/vps", {"vps_config_id": preset})
        return str(asked["machine"]["id"])

    def machine(self, id: str) -> Any:
        return self.ask("GET", f"/vpses/{id}")

    def has_come(self, id: str, state: str) -> bool:
        return bool(self.machine(id)["state"] == state)

    def newest_operation(self, machine: str) -> Any:
        return self.ask("GET", f"/operations?everybody=true&machine_id={machine}&limit=1")["items"][0]

    def address_of(self, id: str) -> str:
        return self._stored("SELECT address FROM vpses WHERE id = ?", id)

    def installation(self) -> str:
        return self._stored("SELECT version FROM versions WHERE name = ?", "installation")

    def _stored(self, query: str, key: str) -> str:
        with closing(sqlite3.connect(self.database, timeout=10)) as connection:
            return str(connection.execute(query, (key,)).fetchone()[0])

    def leases_run_out(self) -> None:
        """What a quarter of a minute would do; the server is down meanwhile."""
        with closing(sqlite3.connect(self.database, timeout=10)) as connection, connection:
            connection.execute(
                "UPDATE compute_operations SET lease_until = NULL, due_at = '2026-01-01 00:00:00.000000'"
            )


class House:
    """It comes back in the same folder, at another port."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self._folder = folder
        self._settings = settings
        self.fuse = folder / "fuse"
        self.operator = Operator(folder)
        self.process: Forked

    def __enter__(self) -> "House":
        self._folder.mkdir(parents=True, exist_ok=True)
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(STOP_MOST_S)
        except TimeoutError:
            self.process.kill()
            self.process.wait(STOP_MOST_S)

    def kill(self) -> None:
        """No goodbye: kill -9."""
        self.process.send_signal(signal.SIGKILL)

    @property
    def is_dead(self) -> bool:
        return self.process.poll() is not None

    def comes_back(self) -> None:
        self.process.wait(STOP_MOST_S)
        self.operator.leases_run_out()
        self._start()

    def _start(self) -> None:
        # By its address and not by what it says: what it says is the address for others.
        port = free_port()
        self.operator.address = f"http://127.0.0.1:{port}"
        with (self._folder / "log").open("a+") as log:
            self.process = forks().start(
                "deed",
                ("serve_with_a_fuse", str(self.fuse)),
                cwd=self._folder,
                env=environment(**self._settings, MONOIZE_PORT=str(port)),
                stderr=log,
            )
        until(self._answers, "starting the server")

    def _answers(self) -> bool:
        check(not self.is_dead, f"the server ended: {(self._folder / 'log').read_text()[-2000:]}")
        with contextlib.suppress(httpx2.HTTPError):
            return httpx2.get(f"{self.operator.address}/healthz", timeout=10, trust_env=False).is_success
        return False
