"""One login over many hosts, with the real courier: ten scenarios, and real Codex through ten renewals.

Each host is a folder with a home, a tool and the courier; it reaches the hub through a proxy, from an address of
its own. Codex is taken from npm where that can be reached; elsewhere that part is left out, as the last line says.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx2
from courier.logins import codex_login
from courier.machine import Machine, Operator
from fakes.codex_cloud import ANSWER, USED, CodexCloud
from support.crossing import Crossing
from support.processes import Outcome
from support.server import serving

ADMIN_TOKEN: Final = "a-token-for-this-proof-only"
CODEX: Final = "@openai/codex@0.169.0"
NPM_MOST_S: Final = 300
RENEWALS: Final = 10
WAIT_MOST_S: Final = 90
HOME, ELSEWHERE = "198.51.100.7", "203.0.113.9"
DAY_S: Final = 86_400
WRITTEN_DOWN_S: Final = 3
CREATED, CONFLICT = 201, 409
TOKENS_EACH: Final = USED["input_tokens"] - USED["input_tokens_details"]["cached_tokens"] + USED["output_tokens"]
_QUESTION: Final = ("exec", "--skip-git-repo-check", "--sandbox", "read-only", "Say hello")


class Fleet:
    """An operator, and computers on which nothing but the courier is ours."""

    def __init__(self, folder: Path, operator: Operator, crossing: Crossing) -> None:
        self._folder = folder / "hosts"
        self.database = folder / "hub" / "data" / "monoize.db"
        self.operator = operator
        self.crossing = crossing
        self._made = 0

    def pool(self, **terms: Any) -> str:
        self._made += 1
        name = f"pool-{self._made}"
        self.operator.ask("POST", "/pools", {"name": name, **terms})
        return name

    def host(self, pool: str, fqdn: str = "", address: str = HOME, **terms: Any) -> "Host":
        self._made += 1
        fqdn = fqdn or f"host-{self._made}.example.com"
        secret = self.operator.enrol(fqdn, pool=pool, **terms)["secret"]
        host = Host(Machine(self._folder / f"{self._made}"), fqdn, self)
        host.machine.enrol(self.crossing.base_from(address), secret, fqdn=fqdn)
        return host

    def canonical(self, pool: str) -> Any:
        return self.operator.ask("GET", f"/credentials/{pool}")["canonical"]

    def history(self, pool: str) -> int:
        return len(self.operator.ask("GET", f"/credentials/{pool}/payloads?limit=200")["items"])

    def upload(self, pool: str, document: Any, *, force: bool = False) -> int:
        """The status of the answer."""
        return httpx2.post(
            f"{self.operator.address}/api/fleet/credentials/{pool}",
            json={"auth": document, "force": force},
            headers={"authorization": f"Bearer {ADMIN_TOKEN}"},
        ).status_code


class Host:
    def __init__(self, machine: Machine, fqdn: str, fleet: Fleet) -> None:
        self.machine = machine
        self.fqdn = fqdn
        self._fleet = fleet

    @property
    def path(self) -> str:
        return f"/hosts/{self.fqdn}"

    @property
    def tokens(self) -> Any:
        return (self.machine.login or {}).get("tokens")

    def runs(self) -> Outcome:
        """Somebody types `cdx`; the tool must start."""
        starts = self.machine.tool.starts
        done = self.machine.cdx("work")
        check(done.code == 0 and self.machine.tool.starts == starts + 1, f"it should have started: {done}")
        return done

    def is_refused(self, because: str) -> None:
        """Somebody types `cdx`; the tool must not start, and they are told why."""
        starts = self.machine.tool.starts
        done = self.machine.cdx("work")
        check(done.code == 1 and self.machine.tool.starts == starts, f"it should not have started: {done}")
        check(because in done.err, f"{because!r} should be the reason: {done.err}")

    def will_renew(self, document: Any) -> None:
        """The next time, its tool writes this login while it runs."""
        (self.machine.home / "renewed.json").write_text(json.dumps(document))
        self.machine.tool.will('cat "$HOME/renewed.json" > "$HOME/.codex/auth.json"\nexit 0')

    def comes_from(self, address: str) -> None:
        file = self.machine.courier_home / "courier.json"
        told = {**json.loads(file.read_text()), "base_url": self._fleet.crossing.base_from(address)}
        file.write_text(json.dumps(told))


def check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


def until(holds: Callable[[], bool], what: str) -> None:
    last_s = time.monotonic() + WAIT_MOST_S
    while not holds():
        check(time.monotonic() < last_s, f"{what} took longer than {WAIT_MOST_S} s")
        time.sleep(0.2)


def nothing_anywhere(fleet: Fleet) -> None:
    """A host without a login at a hub without one starts nothing, and nothing is stored."""
    pool = fleet.pool()
    host = fleet.host(pool)
    host.is_refused("no login")
    check(fleet.canonical(pool) is None and host.machine.login is None, "something was stored")


def first_login(fleet: Fleet) -> None:
    """The first host that is logged in gives its login to all; then it is valid."""
    pool = fleet.pool()
    host = fleet.host(pool)
    document = codex_login()
    host.machine.log_in(document)
    host.runs()
    check(host.tokens == document["tokens"], "the login is another one")
    check("auths" in (host.machine.login or {}), "the hub's form of the document was not written back")
    before = host.machine.login_file.stat().st_mtime_ns
    host.runs()
    check(fleet.history(pool) == 1, "a login that was valid was stored again")
    check(before == host.machine.login_file.stat().st_mtime_ns, "a login that was valid was written again")


def renewed_on_one(fleet: Fleet) -> None:
    """What the tool renews on one host during a run reaches the others with their next."""
    pool = fleet.pool()
    a, b = fleet.host(pool), fleet.host(pool)
    a.machine.log_in(codex_login(-600))
    a.runs()
    b.runs()
    check(a.tokens == b.tokens, "two hosts in step differ")
    renewed = codex_login(-30)
    a.will_renew(renewed)
    a.runs()
    b.runs()
    check(a.tokens == b.tokens == renewed["tokens"], "the renewed login did not arrive")


def renewed_on_both(fleet: Fleet) -> None:
    """Of two logins the later counts, whoever comes first."""
    pool = fleet.pool()
    a, b = fleet.host(pool), fleet.host(pool)
    a.machine.log_in(codex_login(-600))
    a.runs()
    b.runs()
    earlier, later = codex_login(-60), codex_login(-30)
    b.machine.log_in(earlier)
    a.machine.log_in(later)
    a.runs()
    b.runs()
    check(a.tokens == b.tokens == later["tokens"], "the earlier login won")


def same_moment(fleet: Fleet) -> None:
    """The same login written otherwise is the same; another one of the same moment is taken from a host in step."""
    pool = fleet.pool()
    host, other = fleet.host(pool), fleet.host(pool)
    document = codex_login(-300)
    host.machine.log_in(document)
    host.runs()
    other.runs()
    backwards = dict(reversed(document.items()))
    host.machine.log_in(backwards)
    host.runs()
    check(fleet.history(pool) == 1, "another order of the keys counted as another login")
    changed = {**document, "tokens": {**document["tokens"], **codex_login()["tokens"]}}
    host.machine.log_in(changed)
    host.runs()
    other.runs()
    check(other.tokens == changed["tokens"] and fleet.history(pool) == 2, "the changed login did not arrive")


def clock_ahead(fleet: Fleet) -> None:
    """A host whose clock is ten minutes ahead is refused, which is not the same as a hub that is away."""
    pool = fleet.pool()
    host = fleet.host(pool)
    host.machine.log_in(codex_login(-60))
    host.runs()
    host.machine.log_in(codex_login(600))
    host.is_refused("refuses")
    check(fleet.history(pool) == 1, "a login from the future was stored")


def older_backup(fleet: Fleet) -> None:
    """An operator's older backup changes nothing, unless it is forced; then all hosts follow it."""
    pool = fleet.pool()
    host = fleet.host(pool)
    present, backup = codex_login(-60), codex_login(-DAY_S)
    host.machine.log_in(present)
    host.runs()
    check(fleet.upload(pool, backup) == CONFLICT, "the older login was taken")
    host.runs()
    check(host.tokens == present["tokens"], "the older login reached a host")
    check(fleet.upload(pool, backup, force=True) == CREATED, "force was not enough")
    host.runs()
    check(host.tokens == backup["tokens"], "the forced login did not arrive")


def second_address(fleet: Fleet) -> None:
    """A key used from another address is refused until an operator unbinds the host or lets it roam."""
    pool = fleet.pool()
    host = fleet.host(pool)
    host.machine.log_in(codex_login())
    host.runs()
    host.comes_from(ELSEWHERE)
    host.is_refused("another address")
    check(host.machine.login is not None, "the login was taken away")
    alerts = fleet.operator.ask("GET", "/alerts?kind=new_ip")["items"]
    check(host.fqdn in [alert["subject"] for alert in alerts], "nobody heard of the other address")
    fleet.operator.ask("POST", f"{host.path}/unbind")
    host.runs()
    fleet.operator.ask("PATCH", host.path, {"roaming": True})
    host.comes_from(HOME)
    host.runs()


def kill_switch(fleet: Fleet) -> None:
    """While the hosts' API is switched off nothing starts, not even with a login at hand or the hub gone."""
    pool = fleet.pool()
    host = fleet.host(pool)
    host.machine.log_in(codex_login())
    host.runs()
    fleet.operator.ask("PUT", "/switches", {"api_disabled": True})
    try:
        host.is_refused("switched the fleet off")
        server, fleet.crossing.server = fleet.crossing.server, None
        host.is_refused("switched the fleet off")
        fleet.crossing.server = server
    finally:
        fleet.operator.ask("PUT", "/switches", {"api_disabled": False})
    host.runs()


def idle_host(fleet: Fleet) -> None:
    """A host that was silent for 31 days is forgotten, loses its login, and can be enrolled again."""
    pool = fleet.pool()
    host = fleet.host(pool)
    host.machine.log_in(codex_login())
    host.runs()
    # That it called is written down within a second, and would say once more that it is alive.
    time.sleep(WRITTEN_DOWN_S)
    with closing(sqlite3.connect(fleet.database, timeout=10)) as connection, connection:
        past = time.strftime("%Y-%m-%d %H:%M:%S.000000", time.gmtime(time.time() - 31 * DAY_S))
        connection.execute("UPDATE hosts SET last_seen_at = ? WHERE fqdn = ?", (past, host.fqdn))
    until(lambda: fleet.operator.status("GET", f"/api/fleet{host.path}") == 404, "forgetting the host")
    host.is_refused("removed from the fleet")
    check(host.machine.login is None, "the login of the fleet stayed")
    again = fleet.host(pool, fqdn=host.fqdn)
    again.runs()
    check(again.tokens is not None, "the host that came back has no login")


def npm_codex(folder: Path) -> Path | None:
    """The folder of the real `codex`, or None where npm cannot be reached."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return None
    command = [npm, "install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", str(folder), CODEX]
    try:
        done = subprocess.run(command, capture_output=True, timeout=NPM_MOST_S)
    except subprocess.TimeoutExpired:
        return None
    bin = folder / "node_modules" / ".bin"
    return bin if done.returncode == 0 and (bin / "codex").exists() else None


class CodexHost:
    """A host with the real Codex, which asks the cloud's models."""

    def __init__(self, host: Host, codex: Path, cloud: CodexCloud) -> None:
        self.host = host
        self._path = f"{codex}:{os.pathsep.join(os.get_exec_path())}"
        machine = host.machine
        machine.codex_home.mkdir(exist_ok=True)
        (machine.codex_home / "config.toml").write_text(cloud.config)

    def through_courier(self) -> None:
        """A new session: the courier brings the login first."""
        machine = self.host.machine
        answered(machine.courier("cdx", *_QUESTION, PATH=self._path))

    def by_itself(self, base_url: str) -> None:
        """A session that has been open for a while: it has the old login, and renews it at the hub."""
        override = {"CODEX_REFRESH_TOKEN_URL_OVERRIDE": f"{base_url}/oauth/token", "PATH": self._path}
        answered(self.host.machine.run("codex", *_QUESTION, **override))


def answered(done: Outcome) -> None:
    check(done.code == 0 and ANSWER in done.out, f"Codex was not answered: {done.err[-2000:]}")


def renew(fleet: Fleet, pool: str) -> None:
    before = fleet.canonical(pool)["id"]
    fleet.operator.ask("POST", f"/credentials/{pool}/refresh")
    until(lambda: fleet.canonical(pool)["id"] != before, "renewing the login")


def ten_renewals(fleet: Fleet, cloud: CodexCloud, codex: Path) -> str:
    """Two hosts share a login that the hub renews ten times; each time one of them has a session open."""
    pool = fleet.pool(mode="hub")
    check(fleet.upload(pool, cloud.login) == CREATED, "the login was not taken")
    hosts = [CodexHost(fleet.host(pool), codex, cloud) for _ in range(2)]
    for each in hosts:
        each.through_courier()
    for number in range(RENEWALS):
        renew(fleet, pool)
        old, new = hosts[number % 2], hosts[1 - number % 2]
        base_url = fleet.crossing.base_from(HOME)
        with ThreadPoolExecutor(2) as together:
            for ended in (together.submit(old.by_itself, base_url), together.submit(new.through_courier)):
                ended.result()
    for each in hosts:
        each.through_courier()
        held = json.dumps(each.host.machine.login)
        check('"mzr_' in held and '"rt-' not in held, "a host holds the real refresh token")
    check((cloud.refreshed, cloud.reused) == (RENEWALS, 0), f"{cloud.refreshed} renewals, {cloud.reused} reused")
    check(cloud.refused >= RENEWALS, "no session had to renew its login by itself")
    used = fleet.operator.ask("GET", f"/usage/overview?pool={pool}")["all_time"]["total"]
    check(used == cloud.answered * TOKENS_EACH, f"{used} tokens were reported for {cloud.answered} answers")
    return (
        f"{RENEWALS} renewals, {cloud.answered} answers, {cloud.refused} times an old token was refused,"
        f" 0 refresh tokens reused, {used} tokens reported"
    )


SCENARIOS: Final = (
    nothing_anywhere,
    first_login,
    renewed_on_one,
    renewed_on_both,
    same_moment,
    clock_ahead,
    older_backup,
    second_address,
    kill_switch,
    idle_host,
)


def proven(what: str, shown: Callable[[], str | None]) -> bool:
    started_s = time.monotonic()
    try:
        told = shown()
    except AssertionError as problem:
        print(f"  FAILED  {what}\n          {problem}", flush=True)
        return False
    print(f"  {time.monotonic() - started_s:5.1f} s  {what}" + (f"\n           {told}" if told else ""), flush=True)
    return True


def first_line(scenario: Callable[..., Any]) -> str:
    return (scenario.__doc__ or "").partition("\n")[0]


def main() -> int:
    with tempfile.TemporaryDirectory() as name, CodexCloud() as cloud:
        folder = Path(name)
        hub = folder / "hub"
        hub.mkdir()
        started = serving(
            hub,
            MONOIZE_ADMIN_TOKEN=ADMIN_TOKEN,
            MONOIZE_LOG_LEVEL="error",
            MONOIZE_FLEET_TOKEN_URL=f"{cloud.url}/oauth/token",
            MONOIZE_FLEET_ACCOUNT_URL=f"{cloud.url}/backend-api",
        )
        with started as server, Crossing(server.address) as crossing:
            operator = Operator(server.address, ADMIN_TOKEN)
            fleet = Fleet(folder, operator, crossing)
            held = [proven(first_line(each), partial(each, fleet)) for each in SCENARIOS]
            codex = npm_codex(folder / "npm")
            if codex is None:
                print("  left out  npm cannot be reached, so there is no real Codex")
            else:
                held.append(proven(first_line(ten_renewals), partial(ten_renewals, fleet, cloud, codex)))
            operator.close()
    with_codex = "with real Codex" if codex else "WITHOUT real Codex"
    print(f"fleet: {'holds' if all(held) else 'DOES NOT HOLD'}: {sum(held)} of {len(held)} shown, {with_codex}")
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
