"""One machine or none, whenever the server dies; and agents metered to the byte, cut off at the budget, and billed.

The crash matrix kills a real server (-9) at every step of making, restarting and destroying a machine: before and
after every call to its provider, and before every write. Then a real agent process, and a container of a real
dockerd, transfer until their budget ends. `--quick` kills at every second step only; words name the parts to run.
What this machine cannot run is named at the end.
"""

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx2
from fakes import hetzner as hetzner_cloud
from fakes.hetzner import Hetzner
from support import docker_engine, host_walls
from support.machine_crashes import ACTS, MOMENTS, crash_matrix
from support.machine_house import (
    ADMIN_TOKEN,
    CENTS_PER_GB,
    PLAN_BYTES,
    House,
    Operator,
    check,
    free_port,
    until,
)

FETCH_BYTES: Final = 65_536
BUDGET_CENTS: Final = 300
MANY: Final = 1_000
MANY_MOST_S: Final = 2.0
GIGABYTE: Final = 2**30
NANO_PER_CENT: Final = 10_000_000

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


def killed_at_every_step(folder: Path, *, quick: bool) -> str:
    """Killed at every step of making, restarting and destroying a machine, the server ends with one or none."""
    kills = crash_matrix(folder, every=2 if quick else 1, say=lambda line: print(f"           {line}", flush=True))
    check(not kills.doubled and not kills.orphaned, f"doubled {kills.doubled} orphaned {kills.orphaned}")
    check(all(kills.at[act, moment] for act in ACTS for moment in MOMENTS), f"not all of it was killed: {kills.at}")
    for act in ACTS:
        told = ", ".join(f"{kills.at[act, moment]} {moment}" for moment in MOMENTS)
        print(f"           {act:8} killed {told}")
    return f"{kills.at.total()} steps × 1 kill: doubled {kills.doubled} orphaned {kills.orphaned}"


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
        # Its containers reach both at their network's gateway.
        "MONOIZE_HOST": "0.0.0.0",
        "MONOIZE_EGRESS_LISTEN": f"0.0.0.0:{free_port()}",
        "MONOIZE_EGRESS_PORTS": str(target.port),
        "MONOIZE_EGRESS_OPEN_NETWORKS": "127.0.0.0/8",
    }
    with docker_engine.started(has_firewall=True) as engine, contextlib.closing(target):
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
            host_walls.take_down(operator.installation())
    return f"{used} bytes counted as they went by, cut off, {cents} cents in the ledger"


# A thousand machines.


def thousand_machines(folder: Path) -> str:
    """A thousand machines at a provider that lists fifty at a time are reconciled in less than two seconds."""
    import asyncio

    from monoize.base.clock import utc_now
    from monoize.base.ids import new_id
    from monoize.control.compute.actions.reconciling import Reconciler
    from monoize.control.compute.drivers.registry import open_drivers
    from monoize.control.compute.model.machines import MACHINE_LABEL, Ways, machine_name
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
            drivers = open_drivers(settings, house.installation, Ways("127.0.0.1:3128", "http://127.0.0.1:8080"))
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
            "crashes": lambda: proven(killed_at_every_step, folder / "crashes", quick="--quick" in sys.argv),
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
