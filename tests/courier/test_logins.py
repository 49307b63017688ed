"""One login over many hosts: the newest reaches everybody, nobody loses one, and what is refused does not start."""

import datetime as dt
import fcntl
import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from courier.logins import claude_login, codex_login
from courier.machine import Machine, Operator
from support.server import Server

Fresh = Callable[[], str]
Two = tuple[Machine, Machine]


@pytest.fixture
def two(operator: Operator, pool: str, fresh: Fresh, tmp_path: Path) -> Two:
    """Two hosts of one pool, in step with each other."""
    made = [operator.enrolled(Machine(tmp_path / name), f"{fresh()}.example.com", pool=pool) for name in ("a", "b")]
    made[0].log_in(codex_login(-600))
    for machine in made:
        assert machine.courier("sync").code == 0
    return made[0], made[1]


def tokens(machine: Machine) -> Any:
    login = machine.login
    return login and login["tokens"]


def renews(machine: Machine, login: dict[str, Any], then: str = "exit 0") -> None:
    """Its tool will write this login when it is started."""
    (machine.home / "renewed.json").write_text(json.dumps(login))
    machine.tool.will(f'cat "$HOME/renewed.json" > "$HOME/.codex/auth.json"\n{then}')


def test_with_no_login_anywhere_nothing_starts_and_nothing_is_stored(machine: Machine):
    done = machine.cdx("hello")

    assert (1, 0) == (done.code, machine.tool.starts)
    assert "no login" in done.err
    assert machine.login is None


def test_the_first_login_becomes_everybodys(two: Two):
    first, second = two

    assert tokens(first) == tokens(second) is not None
    assert 0o600 == stat.S_IMODE(second.login_file.stat().st_mode)
    before = second.login_file.stat()
    assert second.cdx("hello").code == 0
    assert (before.st_ino, before.st_mtime_ns) == (
        second.login_file.stat().st_ino,
        second.login_file.stat().st_mtime_ns,
    )


def test_what_one_host_renews_during_a_run_reaches_the_other_with_its_next(two: Two):
    first, second = two
    renewed = codex_login(-30)
    renews(first, renewed)

    assert first.cdx("work").code == 0
    assert second.cdx("work").code == 0
    assert renewed["tokens"] == tokens(second)


def test_of_two_that_renew_the_later_wins_whoever_comes_first(two: Two):
    first, second = two
    later, earlier = codex_login(-20), codex_login(-40)
    first.log_in(later)
    second.log_in(earlier)

    assert first.courier("sync").code == 0
    assert second.courier("sync").code == 0
    assert later["tokens"] == tokens(second) == tokens(first)


def test_the_order_of_fields_is_no_difference(two: Two):
    first, _ = two
    login = first.login
    assert login is not None
    first.log_in(dict(reversed(login.items())))
    shown = first.login_file.read_bytes()

    assert first.courier("sync").code == 0
    assert shown == first.login_file.read_bytes()


def test_a_file_that_cannot_be_read_is_replaced_and_kept(two: Two):
    first, second = two
    first.login_file.write_text('{"tokens": ')

    assert first.cdx("work").code == 0
    assert tokens(first) == tokens(second)
    assert '{"tokens": ' == (first.courier_home / "backup" / "auth.json.previous").read_text()


def test_the_exit_code_is_the_tools_and_it_runs_once(two: Two):
    first, _ = two
    first.tool.will("exit 7")

    assert (7, 1) == (first.cdx("--flag", "a b", "--", "$HOME").code, first.tool.starts)
    assert ["--flag", "a b", "--", "$HOME"] == first.tool.arguments


def test_a_signal_that_ends_the_tool_is_its_exit_code_too(two: Two):
    first, _ = two
    first.tool.will("kill -9 $$")

    assert 128 + 9 == first.cdx().code


def test_the_tool_reads_what_is_piped_to_us_and_we_print_nothing_of_ours(two: Two):
    first, _ = two
    first.tool.will("cat")
    done = first.run(sys.executable, str(first.courier_home / "courier.py"), "cdx", "exec", stdin="question")

    assert (0, "question", "") == (done.code, done.out, done.err)


def test_a_clock_that_is_ahead_is_not_taken_for_being_offline(two: Two):
    first, second = two
    first.log_in(codex_login(600))
    before = tokens(second)
    done = first.cdx("work")

    assert (1, 0) == (done.code, first.tool.starts)
    assert "validation_failed" in done.err
    assert second.courier("sync").code == 0
    assert before == tokens(second)


def test_the_kill_switch_stops_every_host_at_once_also_when_the_hub_is_gone_afterwards(
    two: Two, operator: Operator
):
    first, _ = two
    operator.ask("PUT", "/switches", {"api_disabled": True})
    try:
        done = first.cdx("work")
        assert (1, 0) == (done.code, first.tool.starts)
        assert "switched the fleet off" in done.err
    finally:
        operator.ask("PUT", "/switches", {"api_disabled": False})
    moved(first, "http://127.0.0.1:9")
    assert (1, 0) == (first.cdx("work").code, first.tool.starts)
    moved(first, operator.address)
    assert (0, 1) == (first.cdx("work").code, first.tool.starts)


def moved(machine: Machine, base_url: str) -> None:
    """The hub is somewhere else from now on."""
    file = machine.courier_home / "courier.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "base_url": base_url}))


@pytest.mark.parametrize(
    ("secure", "hours", "starts"), [(True, 167, 1), (True, 169, 0), (False, 23, 1), (False, 25, 0)]
)
def test_without_its_hub_a_host_works_for_as_long_as_its_kind_may(two: Two, secure: bool, hours: int, starts: int):
    first, _ = two
    moved(first, "http://127.0.0.1:9")
    first.age(contact_at=time.time() - hours * 3600, host={**first.state["host"], "secure": secure})
    done = first.cdx("work")

    assert (1 - starts, starts) == (done.code, first.tool.starts)
    assert "cannot be reached" in done.err or "was not reached" in done.err


@pytest.mark.parametrize(
    ("status", "starts"), [(502, 1), (504, 1), (500, 0), (503, 0), (429, 0), (404, 0), (301, 0)]
)
def test_of_the_answers_that_are_not_the_hubs_only_those_of_a_gateway_count_as_offline(
    two: Two, broken: Callable[[int], str], status: int, starts: int
):
    first, _ = two
    moved(first, broken(status))

    assert (1 - starts, starts) == (first.cdx("work").code, first.tool.starts)
    assert tokens(first) is not None


@pytest.fixture
def broken() -> Iterator[Callable[[int], str]]:
    """Something before the hub that answers whatever it is asked with this status."""
    running: list[subprocess.Popen[str]] = []

    def start(status: int) -> str:
        code = (
            "import http.server, sys\n"
            "class Broken(http.server.BaseHTTPRequestHandler):\n"
            "    def do_GET(self): self.send_error(int(sys.argv[1]))\n"
            "    do_POST = do_GET\n"
            "    def log_message(self, *_): pass\n"
            "server = http.server.HTTPServer(('127.0.0.1', 0), Broken)\n"
            "print(server.server_port, flush=True)\n"
            "server.serve_forever()\n"
        )
        command = [sys.executable, "-c", code, str(status)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout
        return f"http://127.0.0.1:{process.stdout.readline().strip()}"

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_a_suspended_host_is_refused_at_once_and_loses_the_login(two: Two, operator: Operator):
    first, second = two
    operator.ask("POST", f"/hosts/{named(first)}/suspend")
    done = first.cdx("work")

    assert (1, 0, None) == (done.code, first.tool.starts, first.login)
    assert "suspended" in done.err
    assert not list(first.courier_home.glob("backup/*.previous"))
    assert second.cdx("work").code == 0

    operator.ask("POST", f"/hosts/{named(first)}/resume")
    assert first.cdx("work").code == 0
    assert tokens(first) == tokens(second)


def named(machine: Machine) -> str:
    host: str = machine.state["host"]["fqdn"]
    return host


def test_a_deleted_host_loses_the_login_and_is_told_to_enrol_again(two: Two, operator: Operator):
    first, _ = two
    operator.ask("DELETE", f"/hosts/{named(first)}")
    done = first.cdx("work")

    assert (1, 0, None) == (done.code, first.tool.starts, first.login)
    assert "enrol it again" in done.err


def test_a_login_that_never_was_the_fleets_stays_when_the_key_is_wrong(machine: Machine):
    machine.log_in(codex_login())
    file = machine.courier_home / "courier.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "key": "0" * 64}))

    assert machine.cdx("work").code == 1
    assert machine.login is not None


def test_a_hub_at_which_it_was_not_enrolled_is_refused(two: Two):
    first, _ = two
    file = first.courier_home / "courier.json"
    other = "00000000-0000-7000-8000-000000000000"
    file.write_text(json.dumps({**json.loads(file.read_text()), "installation_id": other}))
    done = first.cdx("work")

    assert (1, 0) == (done.code, first.tool.starts)
    assert "not the hub" in done.err


def test_while_the_tool_writes_its_login_nobody_else_does(two: Two):
    first, second = two
    renewed = codex_login(-10)
    second.log_in(renewed)
    assert second.courier("sync").code == 0
    with (first.codex_home / "auth.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        syncing = subprocess.Popen(
            [sys.executable, str(first.courier_home / "courier.py"), "sync"],
            env={"HOME": str(first.home), "PATH": os.environ["PATH"]},
        )
        time.sleep(1.5)
        assert syncing.poll() is None
        assert renewed["tokens"] != tokens(first)
        later = codex_login(-5)
        first.log_in(later)
    assert 0 == syncing.wait(60)

    assert later["tokens"] == tokens(first)
    assert second.courier("sync").code == 0
    assert later["tokens"] == tokens(second)


def test_twenty_couriers_at_once_leave_one_whole_login(two: Two):
    first, second = two
    second.log_in(codex_login(-10))
    assert second.courier("sync").code == 0
    command = [sys.executable, str(first.courier_home / "courier.py"), "sync"]
    environment = {"HOME": str(first.home), "PATH": os.environ["PATH"]}
    many = [subprocess.Popen(command, env=environment) for _ in range(20)]

    assert [0] * 20 == [each.wait(60) for each in many]
    assert tokens(first) == tokens(second)
    assert {"auth.json", "auth.lock", "auth.json.lock"} == {path.name for path in first.codex_home.iterdir()}


def test_an_insecure_host_keeps_no_login_between_runs(machine: Machine, operator: Operator):
    machine.log_in(codex_login())
    assert machine.courier("sync").code == 0
    name = named(machine)
    operator.ask("PATCH", f"/hosts/{name}", {"secure": False})
    operator.ask("POST", f"/hosts/{name}/window", {"minutes": 10})
    machine.tool.will('cp "$HOME/.codex/auth.json" "$HOME/seen.json"')

    assert machine.cdx("work").code == 0
    assert json.loads((machine.home / "seen.json").read_text())["tokens"]
    assert machine.login is None
    assert machine.cdx("work").code == 0

    operator.ask("DELETE", f"/hosts/{name}/window")
    done = machine.cdx("work")
    assert (1, 2) == (done.code, machine.tool.starts)
    assert "time in which this host may work is over" in done.err


def test_what_operators_fixed_for_a_host_stands_before_what_its_user_says(machine: Machine, operator: Operator):
    machine.log_in(codex_login())
    assert machine.courier("sync").code == 0
    (machine.codex_home / "config.toml").write_text('[profiles.deep]\nmodel = "x"\n')
    fixed = {"model_override": "gpt-6", "reasoning_effort_override": "high"}
    operator.ask("PATCH", f"/hosts/{named(machine)}", fixed)

    assert machine.cdx("deep", "go").code == 0
    expected = ["-c", 'model="gpt-6"', "-c", 'model_reasoning_effort="high"', "--profile", "deep", "go"]
    assert expected == machine.tool.arguments


def test_in_a_pool_whose_login_the_hub_renews_the_tool_asks_the_hub(
    machine: Machine, operator: Operator, pool: str
):
    machine.log_in(codex_login())
    assert machine.courier("sync").code == 0
    operator.ask("PATCH", f"/pools/{pool}", {"mode": "hub"})

    assert machine.cdx("work").code == 0
    asked = machine.tool.environment["CODEX_REFRESH_TOKEN_URL_OVERRIDE"]
    assert f"{operator.address}/oauth/token" == asked
    assert tokens(machine)["refresh_token"].startswith("mzr_")

    machine.tool.is_version("0.168.9")
    done = machine.cdx("work")
    assert (1, 1) == (done.code, machine.tool.starts)
    assert "too old" in done.err


def test_claude_code_is_served_through_the_same_door(operator: Operator, fresh: Fresh, tmp_path: Path):
    pool = fresh()
    operator.ask("POST", "/pools", {"name": pool, "tool": "claude"})
    first, second = [
        operator.enrolled(Machine(tmp_path / name, "claude"), f"{fresh()}.example.com", pool=pool)
        for name in ("a", "b")
    ]
    login = claude_login()
    (first.home / ".claude").mkdir()
    (first.home / ".claude" / ".credentials.json").write_text(json.dumps(login))

    assert first.cdx("hello").code == 0
    assert second.cdx("hello").code == 0
    assert login == json.loads((second.home / ".claude" / ".credentials.json").read_text())
    assert 0o600 == stat.S_IMODE((second.home / ".claude" / ".credentials.json").stat().st_mode)


def test_no_key_and_no_token_is_ever_printed(two: Two, hub: tuple[Server, Operator]):
    first, _ = two
    key = json.loads((first.courier_home / "courier.json").read_text())["key"]
    secrets = [key, *(value for name, value in tokens(first).items() if name != "account_id")]
    first.log_in(codex_login(900))
    said = first.cdx("work")
    logged = hub[0].logged()

    for secret in secrets:
        assert secret not in said.out + said.err + logged


def test_the_moment_of_the_last_contact_is_remembered(two: Two):
    contact = dt.datetime.fromtimestamp(two[0].state["contact_at"], dt.UTC)

    assert abs(dt.datetime.now(dt.UTC) - contact) < dt.timedelta(minutes=5)
