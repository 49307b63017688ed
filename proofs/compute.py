"""One machine or none, whenever the server dies; and agents metered to the byte, cut off at the budget, and billed.

The crash matrix kills a real server (-9) around every call to its provider: before it was carried out, when it was
and nobody heard, and just after the answer. Then a real agent process, and a container of a real dockerd, transfer
until their budget ends. `--quick` kills at every second call only; words name the parts to run. What this machine
cannot run is named at the end.
"""

import contextlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final, Literal

import httpx2
from fakes import hetzner as hetzner_cloud
from fakes.faults import Faults, Handler
from fakes.fly import APP, TOKEN, Fly
from fakes.fly import _error as fly_error
from fakes.hetzner import Hetzner
from starlette.requests import Request
from starlette.responses import Response
from support import docker_engine
from support.processes import environment

ADMIN_TOKEN: Final = "a-token-for-this-proof-only"
WAIT_MOST_S: Final = 150
STOP_MOST_S: Final = 30
FETCH_BYTES: Final = 65_536
PLAN_BYTES: Final = 1_000_000
CENTS_PER_GB: Final = 1_000_000
BUDGET_CENTS: Final = 300
MANY: Final = 1_000
MANY_MOST_S: Final = 2.0
GIGABYTE: Final = 2**30
NANO_PER_CENT: Final = 10_000_000

When = Literal["before it was done", "when it was done and not answered", "after its answer"]
ACTS: Final = ("create", "restart", "destroy")
CALLS_MOST: Final = 6
"""More is looking again and again whether a machine is well."""
MOMENTS: Final[tuple[When, ...]] = (
    "before it was done",
    "when it was done and not answered",
    "after its answer",
)

AGENT: Final = """
import base64, http.server, os, socket, urllib.parse

proxy = urllib.parse.urlsplit(os.environ["HTTP_PROXY"])
pass_by = base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()

def fetched(host, port, count):
    with socket.create_connection((proxy.hostname, proxy.port), timeout=20) as line:
        asked = [f"CONNECT {host}:{port} HTTP/1.1", f"Host: {host}:{port}", f"Proxy-Authorization: Basic {pass_by}"]
        line.sendall("\\r\\n".join([*asked, "", ""]).encode())
        head = b""
        while b"\\r\\n\\r\\n" not in head:
            chunk = line.recv(1)
            if not chunk:
                return 0, 0
            head += chunk
        status = int(head.split()[1])
        if status != 200:
            return status, 0
        line.sendall(b"%d\\n" % count)
        got = 0
        while chunk := line.recv(65536):
            got += len(chunk)
        return status, got

class Gateway(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        asked = urllib.parse.urlsplit(self.path)
        said = "ok"
        if asked.path == "/fetch":
            wanted = dict(urllib.parse.parse_qsl(asked.query))
            try:
                said = "%d %d" % fetched(wanted["host"], int(wanted["port"]), int(wanted["bytes"]))
            except OSError as problem:
                said = f"0 0 {problem}"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(said.encode())

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["MONOIZE_AGENT_PORT"])), Gateway).serve_forever()
"""
CONTAINER: Final = (
    "#!/bin/sh\\n"
    "httpd -p 18789 -h /www\\n"
    'trap "exit 0" TERM\\n'
    "while :; do wget -q -O /dev/null {url} || true; sleep 0.2; done\\n"
).replace("\\n", "\n")


def check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


def until(ask: Callable[[], Any], what: str, most_s: float = WAIT_MOST_S) -> Any:
    last_s = time.monotonic() + most_s
    while not (found := ask()):
        check(time.monotonic() < last_s, f"{what} took longer than {most_s} s")
        time.sleep(0.1)
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
            timeout=30,
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

    def address_of(self, id: str) -> str:
        with closing(sqlite3.connect(self.database, timeout=10)) as connection:
            row = connection.execute("SELECT address FROM vpses WHERE id = ?", (id,)).fetchone()
            return str(row[0])

    def leases_run_out(self) -> None:
        """What a quarter of a minute would do; the server is down meanwhile."""
        with closing(sqlite3.connect(self.database, timeout=10)) as connection, connection:
            connection.execute(
                "UPDATE compute_operations SET lease_until = NULL, due_at = '2026-01-01 00:00:00.000000'"
            )


# The crash matrix.


class Deadly(Faults):
    """Kills the server at the so-manyth call of a round; lists, which the clock asks for, do not count."""

    def __init__(self) -> None:
        super().__init__(fly_error)
        self.calls = 0
        self._at: tuple[int, When] | None = None
        self._victim: House | None = None
        self.has_killed = False

    def arm(self, victim: "House", at: int | None, when: When) -> None:
        self.calls, self.has_killed = 0, False
        self._victim, self._at = victim, (at, when) if at is not None else None

    async def answer(self, request: Request, handler: Handler) -> Response:
        is_counted = not (
            request.method == "GET"
            and "metadata.monoize.machine" not in str(request.url)
            and request.url.path.endswith("/machines")
        )
        if not is_counted or self._at is None:
            return await handler(request)
        self.calls += 1
        at, when = self._at
        if self.calls != at:
            return await handler(request)
        self._at = None
        if when == "before it was done":
            self._kill()
            return fly_error(503, "unknown", "nobody hears this")
        answer = await handler(request)
        if when == "after its answer":
            threading.Timer(0.004, self._kill).start()
            self.has_killed = True
        else:
            self._kill()
        return answer

    def _kill(self) -> None:
        assert self._victim is not None
        self.has_killed = True
        self._victim.kill()


def crash_matrix(folder: Path, *, quick: bool) -> str:
    """Killed while it makes, restarts or destroys a machine, the server ends with one machine or none."""
    kills: dict[str, int] = {}
    doubled = orphaned = 0
    with Fly() as cloud:
        deadly = cloud.faults = Deadly()
        settings = {
            "MONOIZE_ADMIN_TOKEN": ADMIN_TOKEN,
            "MONOIZE_LOG_LEVEL": "error",
            "MONOIZE_PUBLIC_URL": "https://ai.example.com",
            "MONOIZE_EGRESS_ADDRESS": "proxy.example.com:3128",
            "MONOIZE_EGRESS_LISTEN": f"127.0.0.1:{free_port()}",
            "MONOIZE_FLY_API_TOKEN": TOKEN,
            "MONOIZE_FLY_APP_NAME": APP,
            "MONOIZE_FLY_API_URL": cloud.api_url,
            "MONOIZE_FLY_METRICS_URL": cloud.metrics_url,
        }
        house = House(folder, settings)
        with house:
            operator = house.operator
            user, preset = operator.user_on_plan("crash", "fly", "registry.example.com/agent:1")
            for act in ACTS:
                for when in MOMENTS:
                    for at in range(2 if quick else 1, CALLS_MOST + 1, 2 if quick else 1):
                        if act == "create":
                            agent = operator.agent(user)
                            deadly.arm(house, at, when)
                            machine = operator.provision(agent, preset)
                        else:
                            agent = operator.agent(user)
                            machine = operator.provision(agent, preset)
                            until(lambda: operator.has_come(machine, "running"), "making a machine")  # noqa: B023
                            deadly.arm(house, at, when)
                            method, path = ("DELETE", "") if act == "destroy" else ("POST", "/restart")
                            operator.ask(method, f"/vpses/{machine}{path}")
                        until(lambda: deadly.has_killed or settled(operator, machine, act), f"the {act}")  # noqa: B023
                        has_killed = deadly.has_killed
                        if has_killed:
                            kills[act] = kills.get(act, 0) + 1
                            house.comes_back()
                        until(lambda: settled(operator, machine, act), f"the {act} after a kill")  # noqa: B023
                        there = cloud.named(f"monoize-{machine}")
                        doubled += max(0, len(there) - 1)
                        check(len(there) == (act != "destroy"), f"{len(there)} machines, {act}, call {at}, {when}")
                        if has_killed:
                            print(f"           {act}, call {at}, killed {when}: machines {len(there)}", flush=True)
                        deadly.arm(house, None, when)
                        operator.ask("DELETE", f"/agents/{agent}")
                        until(lambda: operator.has_come(machine, "destroyed"), "destroying a machine")  # noqa: B023
                        until(lambda: not cloud.named(f"monoize-{machine}"), "its end")  # noqa: B023
                        orphaned += len(operator.ask("GET", "/vpses/orphans")["items"])
                        if not has_killed:
                            break
            left = [each for each in cloud.machines.values() if each["state"] != "destroyed"]
            check(not left, f"{len(left)} machines are left at the provider")
            chain = operator.ask("GET", "/audit/verification")
            check(chain["problem"] is None, f"the audit log: {chain['problem']}")
    check(not doubled and not orphaned, f"doubled {doubled} orphaned {orphaned}")
    told = ", ".join(f"{act} {count}" for act, count in kills.items())
    return f"{sum(kills.values())} kills ({told}): doubled {doubled} orphaned {orphaned}"


def settled(operator: Operator, machine: str, act: str) -> bool:
    """Whether it has what was wanted of it; the check of its health goes on for a while, as there is no agent."""
    try:
        found = operator.machine(machine)
        mine = operator.ask("GET", f"/operations?everybody=true&machine_id={machine}&limit=1")["items"][0]
        steps = operator.ask("GET", f"/operations/{mine['id']}")["steps"]
    except (httpx2.HTTPError, AssertionError):
        return False
    if act == "destroy":
        return bool(found["state"] == "destroyed")
    return found["state"] == "running" and any(step["name"] == "health" for step in steps)


class House:
    """A server that is killed and comes back in the same folder."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self._folder = folder
        self._settings = settings
        self.operator = Operator(folder)
        self.process: subprocess.Popen[bytes]

    def __enter__(self) -> "House":
        self._folder.mkdir(exist_ok=True)
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(STOP_MOST_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def kill(self) -> None:
        """No goodbye: kill -9."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)

    def comes_back(self) -> None:
        self.process.wait(STOP_MOST_S)
        self.operator.leases_run_out()
        self._start()

    def _start(self) -> None:
        # By its address and not by what it says: what it says is the address for others.
        port = free_port()
        self.operator.address = f"http://127.0.0.1:{port}"
        with (self._folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                (sys.executable, "-m", "monoize", "serve"),
                cwd=self._folder,
                env=environment(**self._settings, MONOIZE_PORT=str(port)),
                stdout=log,
                stderr=log,
            )
        until(self._answers, "starting the server")

    def _answers(self) -> bool:
        check(self.process.poll() is None, f"the server ended: {(self._folder / 'log').read_text()[-2000:]}")
        with contextlib.suppress(httpx2.HTTPError):
            return httpx2.get(f"{self.operator.address}/healthz", timeout=10).is_success
        return False


# Agents that transfer until their budget ends.


class Target:
    """What agents fetch from: it answers a number with so many bytes, and counts all that goes by."""

    def __init__(self) -> None:
        self.counted = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(line,), daemon=True).start()

    def _answer(self, line: socket.socket) -> None:
        with line, contextlib.suppress(OSError):
            line.settimeout(20)
            asked = b""
            while not (asked.endswith(b"\n") and not asked.startswith(b"GET ")) and b"\r\n\r\n" not in asked:
                chunk = line.recv(4096)
                if not chunk:
                    return
                asked += chunk
            if asked.startswith(b"GET "):
                head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % FETCH_BYTES
                said = head + bytes(FETCH_BYTES)
            else:
                said = bytes(int(asked))
            line.sendall(said)
            line.shutdown(socket.SHUT_WR)
            while line.recv(4096):
                pass
            with self._lock:
                self.counted += len(asked) + len(said)


def bandwidth(operator: Operator, user: str) -> Any:
    return operator.ask("GET", f"/users/{user}/usage")


def is_billed(operator: Operator, user: str) -> tuple[int, int]:
    """(bytes, cents): the ledger has the exact overage, up to what was agreed to."""
    usage = bandwidth(operator, user)
    used = usage["bandwidth"]["used"]
    exact = -(-(max(0, used - PLAN_BYTES) * CENTS_PER_GB) // GIGABYTE)
    check(usage["overage_cost_cents"] == exact, f"{usage['overage_cost_cents']} cents are told, {exact} are due")
    rows = operator.ask("GET", f"/ledger/entries?user_id={user}&limit=200")["items"]
    taken = -sum(int(row["delta_nano_usd"]) for row in rows if row["kind"] == "compute_overage")
    agreed = min(exact, BUDGET_CENTS) * NANO_PER_CENT
    check(taken == agreed, f"the ledger has {taken} nano-USD, {agreed} were agreed to")
    return used, taken // NANO_PER_CENT


def real_process(folder: Path) -> str:
    """A real agent process is metered to the byte, cut off at the budget, billed, and goes on with more."""
    program = folder / "agent.py"
    folder.mkdir(exist_ok=True)
    program.write_text(AGENT)
    target = Target()
    settings = {
        "MONOIZE_ADMIN_TOKEN": ADMIN_TOKEN,
        "MONOIZE_LOG_LEVEL": "error",
        "MONOIZE_EGRESS_LISTEN": f"127.0.0.1:{free_port()}",
        "MONOIZE_EGRESS_PORTS": str(target.port),
        "MONOIZE_EGRESS_OPEN_NETWORKS": "127.0.0.0/8",
    }
    with House(folder / "house", settings) as house, contextlib.closing(target):
        operator = house.operator
        user, preset = operator.user_on_plan("person", "process", f"{sys.executable} -I {program}")
        operator.ask("POST", "/ledger/top-ups", {"user_id": user, "amount_nano_usd": str(100 * 10**9)})
        operator.ask("PUT", f"/users/{user}/overage-budget", {"budget_cents": BUDGET_CENTS})
        agent = operator.agent(user)
        machine = operator.provision(agent, preset)
        try:
            until(lambda: operator.has_come(machine, "running"), "making the machine")
            address = operator.address_of(machine)
            until(lambda: fetch(address, target) == 200, "getting out", 60)
            check(fetch(address, target) == fetch(address, target) == 200, "it got out only once")
            until(
                lambda: bandwidth(operator, user)["bandwidth"]["used"] == target.counted, "counting to the byte", 30
            )
            exactly = target.counted
            check(exactly > 3 * FETCH_BYTES, "less went by than was fetched")
            # The server dies; the machine lives on, and what it uses is counted by the next one.
            house.kill()
            house.comes_back()
            until(lambda: fetch(address, target) == 200, "getting out again", 60)
            refused = until(lambda: (status := fetch(address, target)) != 200 and status, "being cut off")
            check(refused == 403, f"it was refused with {refused}")
            until(lambda: operator.has_come(machine, "stopped"), "stopping the machine")
            check(operator.machine(machine)["stopped_by"] == "limit", "somebody else stopped it")
            used, cents = is_billed(operator, user)
            check(used == target.counted, f"{used} bytes are counted, {target.counted} went by")
            operator.ask("PUT", f"/users/{user}/overage-budget", {"budget_cents": 100 * BUDGET_CENTS})
            operator.ask("POST", f"/vpses/{machine}/start")
            until(lambda: operator.has_come(machine, "running"), "starting it again")
            until(lambda: fetch(operator.address_of(machine), target) == 200, "going on with a larger budget", 30)
        finally:
            operator.ask("DELETE", f"/vpses/{machine}")
            until(lambda: operator.has_come(machine, "destroyed"), "destroying the machine")
    return f"{exactly} bytes counted as they went by; cut off at {used} bytes, {cents} cents in the ledger"


def fetch(address: str, target: Target) -> int:
    """The status with which its proxy answers."""
    try:
        said = httpx2.get(
            f"http://{address}/fetch",
            params={"host": "127.0.0.1", "port": target.port, "bytes": FETCH_BYTES},
            timeout=30,
        )
    except httpx2.HTTPError:
        return 0
    return int(said.text.split()[0])


def real_container(folder: Path) -> str:
    """A real container is metered to the byte, cut off at the budget, and billed."""
    folder.mkdir(exist_ok=True)
    target = Target()
    settings = {
        "MONOIZE_ADMIN_TOKEN": ADMIN_TOKEN,
        "MONOIZE_LOG_LEVEL": "error",
        # Its containers reach it at their network's gateway.
        "MONOIZE_EGRESS_LISTEN": f"0.0.0.0:{free_port()}",
        "MONOIZE_EGRESS_PORTS": str(target.port),
        "MONOIZE_EGRESS_OPEN_NETWORKS": "127.0.0.0/8",
    }
    with docker_engine.started() as engine, contextlib.closing(target):
        script = CONTAINER.format(url=f"http://127.0.0.1:{target.port}/")
        engine.import_image("agent:proof", {"/bin/agent": script}, ('CMD ["/bin/agent"]',))
        settings["MONOIZE_DOCKER_URL"] = engine.url
        with House(folder / "house", settings) as house:
            operator = house.operator
            user, preset = operator.user_on_plan("container", "docker", "agent:proof")
            operator.ask("POST", "/ledger/top-ups", {"user_id": user, "amount_nano_usd": str(100 * 10**9)})
            operator.ask("PUT", f"/users/{user}/overage-budget", {"budget_cents": BUDGET_CENTS})
            machine = operator.provision(operator.agent(user), preset)
            try:
                until(lambda: operator.has_come(machine, "running"), "making the container")
                until(lambda: operator.has_come(machine, "stopped"), "stopping the container")
                check(operator.machine(machine)["stopped_by"] == "limit", "somebody else stopped it")
                until(
                    lambda: bandwidth(operator, user)["bandwidth"]["used"] == target.counted,
                    f"counting to the byte ({target.counted})",
                    30,
                )
                used, cents = is_billed(operator, user)
            finally:
                operator.ask("DELETE", f"/vpses/{machine}")
                until(lambda: operator.has_come(machine, "destroyed"), "destroying the container")
            check(not engine.containers("monoize.machine"), "a container was left behind")
    return f"{used} bytes counted as they went by, cut off, {cents} cents in the ledger"


# A thousand machines.


def thousand_machines(folder: Path) -> str:
    """A thousand machines at a provider that lists fifty at a time are reconciled in less than two seconds."""
    import asyncio

    from monoize.base.clock import utc_now
    from monoize.base.ids import new_id
    from monoize.control.compute.actions.reconciling import Reconciler
    from monoize.control.compute.drivers.registry import open_drivers
    from monoize.control.compute.model.machines import MACHINE_LABEL, machine_name
    from monoize.control.compute.store import machines, presets
    from monoize.control.compute.tables import vpses
    from monoize.control.identity.model import DEFAULT_TENANT_ID
    from monoize.control.identity.store import users
    from monoize.infra.bulk import insert_many
    from monoize.infra.settings import Settings
    from monoize.main.house import open_house

    async def reconciled() -> float:
        settings = Settings(
            database_dsn=f"sqlite://{folder}/many.db",
            data_dir=folder,
            hetzner_api_token=hetzner_cloud.TOKEN,
            hetzner_api_url=cloud.api_url,
            docker_url=f"unix://{folder}/nothing.sock",
        )
        async with open_house(settings) as (house, _):
            user, preset = new_id(), new_id()
            size = {"cpu_millicores": 500, "memory_mb": 256, "disk_gb": 1}
            async with house.database.write() as tx:
                await users.add(tx, id=user, tenant_id=DEFAULT_TENANT_ID, username="many", role="user")
                row = {"name": "many", "provider": "hetzner", "image": "debian-12", **size}
                await presets.add(tx, id=preset, values=row)
                made = await machines.add(
                    tx,
                    id=new_id(),
                    user_id=user,
                    vps_config_id=preset,
                    name="a",
                    provider="hetzner",
                    metered_at=utc_now(),
                )
                columns = {"user_id": user, "vps_config_id": preset, "name": "a", "provider": "hetzner"}
                rows = [
                    {"id": new_id(), **columns, "state": "running", "desired": "running", "observed": "unknown"}
                    for _ in range(MANY - 1)
                ]
                await insert_many(tx, vpses, rows)
            for id in [made.id, *(row["id"] for row in rows)]:
                cloud.add(machine_name(id), {MACHINE_LABEL: id})
            drivers = open_drivers(settings, house.installation)
            started_s = time.monotonic()
            findings = await Reconciler(house, drivers).reconcile(drivers.of("hetzner"))
            took_s = time.monotonic() - started_s
            await drivers.close()
            check(findings is not None and not findings.orphans, "machines were not recognised")
            return took_s

    folder.mkdir(exist_ok=True)
    with Hetzner() as cloud:
        took_s = asyncio.run(reconciled())
    check(took_s < MANY_MOST_S, f"it took {took_s:.2f} s")
    return f"{MANY} machines in {took_s:.2f} s"


def contract_suite() -> str:
    """The contract of providers holds for all four drivers."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/control/compute/drivers"],
        capture_output=True,
        text=True,
        timeout=900,
    )
    last = [line for line in done.stdout.splitlines() if line.strip()][-1]
    check(done.returncode == 0, done.stdout[-3_000:])
    return last.strip("= ")


def proven(what: Callable[..., str], *parts: Any, **more: Any) -> bool:
    started_s = time.monotonic()
    sentence = (what.__doc__ or "").partition("\n")[0]
    try:
        told = what(*parts, **more)
    except (AssertionError, httpx2.HTTPError, subprocess.SubprocessError, OSError) as problem:
        print(f"  FAILED  {sentence}\n          {problem}", flush=True)
        return False
    print(f"  {time.monotonic() - started_s:5.1f} s  {sentence}\n           {told}", flush=True)
    return True


@contextlib.contextmanager
def folders() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def main() -> int:
    wanted = [word for word in sys.argv[1:] if not word.startswith("-")]
    held: dict[str, bool] = {}
    with folders() as folder:
        parts: dict[str, Callable[[], bool]] = {
            "crashes": lambda: proven(crash_matrix, folder / "crashes", quick="--quick" in sys.argv),
            "process": lambda: proven(real_process, folder / "process"),
            "docker": lambda: proven(real_container, folder / "docker"),
            "thousand": lambda: proven(thousand_machines, folder / "thousand"),
            "providers": lambda: proven(contract_suite),
        }
        left_out = [] if shutil.which("dockerd") else ["docker"]
        for name, part in parts.items():
            if name not in left_out and (not wanted or name in wanted):
                held[name] = part()
    without = f", WITHOUT {', '.join(left_out)}" if left_out else ""
    verdict = "holds" if all(held.values()) else "DOES NOT HOLD"
    print(f"compute: {verdict}: {sum(held.values())} of {len(held)} shown{without}")
    return 0 if all(held.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
