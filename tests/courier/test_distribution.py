"""What operators distribute arrives, follows their changes, and leaves a host as it was; so does the gateway."""

import hashlib
import json
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from courier.logins import codex_login
from courier.machine import Machine, Operator

Fresh = Callable[[], str]


@pytest.fixture
def working(machine: Machine) -> Machine:
    """A host that has a login."""
    machine.log_in(codex_login())
    assert machine.courier("sync").code == 0
    return machine


@pytest.fixture
def distributed(operator: Operator, pool: str) -> Callable[..., dict[str, Any]]:
    def distribute(kind: str, body: str, **fields: str) -> dict[str, Any]:
        return operator.ask("POST", "/files", {"kind": kind, "body": body, "pool": pool, **fields})

    return distribute


def test_every_kind_of_file_comes_to_its_place(working: Machine, distributed: Callable[..., dict[str, Any]]):
    distributed("config", 'model = "gpt-6"\n')
    distributed("agents", "Be kind.\n")
    distributed("prompt", "Review this.\n", name="review", description="Reviews")
    distributed("skill", "How to deploy.\n", name="deploy", description="Deploys")

    assert working.courier("sync").code == 0
    folder = working.codex_home
    assert 'model = "gpt-6"\n' == (folder / "config.toml").read_text()
    assert "Be kind.\n" == (folder / "AGENTS.md").read_text()
    assert '---\ndescription: "Reviews"\n---\nReview this.\n' == (folder / "prompts/review.md").read_text()
    assert (folder / "skills/deploy/SKILL.md").read_text().startswith('---\nname: "deploy"\n')
    assert 0o600 == stat.S_IMODE((folder / "config.toml").stat().st_mode)


def test_what_a_user_changes_is_put_right_and_what_the_hub_forgets_goes(
    working: Machine, operator: Operator, distributed: Callable[..., dict[str, Any]]
):
    agents, skill = working.codex_home / "AGENTS.md", working.codex_home / "skills" / "deploy"
    own = working.codex_home / "prompts" / "own.md"
    agents.write_text("Mine.\n")
    own.parent.mkdir()
    own.write_text("Mine, too.\n")
    files = [distributed("agents", "Ours.\n"), distributed("skill", "How.\n", name="deploy")]
    assert working.courier("sync").code == 0

    agents.write_text("Changed.\n")
    assert working.courier("sync").code == 0
    assert "Ours.\n" == agents.read_text()
    edited = agents.with_name("AGENTS.md.edited")
    assert ("Changed.\n", 0o600) == (edited.read_text(), stat.S_IMODE(edited.stat().st_mode))

    for file in files:
        operator.ask("DELETE", f"/files/{file['id']}")
    assert working.courier("sync").code == 0
    assert ("Mine.\n", "Mine, too.\n", False) == (agents.read_text(), own.read_text(), skill.exists())
    assert "Changed.\n" == edited.read_text()


def test_what_operators_change_is_no_edit_of_a_user(
    working: Machine, operator: Operator, distributed: Callable[..., dict[str, Any]]
):
    file = distributed("agents", "Ours.\n")
    assert working.courier("sync").code == 0
    operator.ask("PATCH", f"/files/{file['id']}", {"body": "Ours, anew.\n", "revision": file["revision"]})

    assert working.courier("sync").code == 0
    assert "Ours, anew.\n" == (working.codex_home / "AGENTS.md").read_text()
    assert [] == list(working.codex_home.rglob("*.edited"))


def test_a_host_with_everything_in_place_asks_once_and_writes_nothing(
    working: Machine, distributed: Callable[..., dict[str, Any]]
):
    distributed("agents", "Ours.\n")
    assert working.courier("sync").code == 0
    before = (working.codex_home / "AGENTS.md").stat()

    assert working.courier("sync").code == 0
    after = (working.codex_home / "AGENTS.md").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_pool_of_the_gateway_needs_no_login_and_metres_by_the_hosts_key(
    operator: Operator, fresh: Fresh, tmp_path: Path
):
    pool, machine = fresh(), Machine(tmp_path / "machine")
    operator.ask("POST", "/pools", {"name": pool, "mode": "gateway"})
    payer = operator.asked("POST", "/api/users", {"username": fresh().replace("-", "_")})
    own = 'model = "mine"\nmodel_provider = "other"\n\n[tools]\nweb = true\n'
    machine.codex_home.mkdir()
    config = machine.codex_home / "config.toml"
    config.write_text(own)
    operator.enrolled(machine, f"{fresh()}.example.com", pool=pool, user_id=payer["id"])

    assert (0, 1) == (machine.cdx("hello").code, machine.tool.starts)
    through = tomllib.loads(config.read_text())
    key = json.loads((machine.courier_home / "courier.json").read_text())["key"]
    provider = through["model_providers"]["monoize"]
    assert ("monoize", f"{operator.address}/v1", key) == (
        through["model_provider"],
        provider["base_url"],
        provider["experimental_bearer_token"],
    )
    assert 0o600 == stat.S_IMODE(config.stat().st_mode)
    assert machine.login is None

    assert machine.cdx("--uninstall").code == 0
    assert own == config.read_text()


def test_a_config_of_the_hub_goes_through_the_gateway_as_well(operator: Operator, fresh: Fresh, tmp_path: Path):
    pool = fresh()
    operator.ask("POST", "/pools", {"name": pool, "mode": "gateway"})
    payer = operator.asked("POST", "/api/users", {"username": fresh().replace("-", "_")})
    operator.ask("POST", "/files", {"kind": "config", "pool": pool, "body": 'model = "gpt-6"\n'})
    machine = operator.enrolled(
        Machine(tmp_path / "machine"), f"{fresh()}.example.com", pool=pool, user_id=payer["id"]
    )

    for _ in range(2):
        assert machine.courier("sync").code == 0
        through = tomllib.loads((machine.codex_home / "config.toml").read_text())
        assert ("gpt-6", "monoize") == (through["model"], through["model_provider"])


def test_leaving_takes_only_what_the_courier_brought(
    working: Machine, operator: Operator, distributed: Callable[..., dict[str, Any]]
):
    name = working.state["host"]["fqdn"]
    sessions = working.codex_home / "sessions" / "2026" / "11" / "21"
    sessions.mkdir(parents=True)
    (sessions / "rollout-x.jsonl").write_text("")
    (working.codex_home / "history.jsonl").write_text("mine")
    (working.codex_home / "AGENTS.md").write_text("Mine.\n")
    distributed("agents", "Ours.\n")
    distributed("prompt", "Review.\n", name="review")
    distributed("prompt", "Test.\n", name="test")
    assert working.courier("sync").code == 0
    (working.codex_home / "prompts" / "test.md").write_text("Changed by its user.\n")

    assert working.cdx("--uninstall").code == 0
    left = {str(path.relative_to(working.home)) for path in working.home.rglob("*") if path.is_file()}
    assert {
        ".codex/auth.json",  # with which it came
        ".codex/AGENTS.md",
        ".codex/auth.lock",
        ".codex/auth.json.lock",
        ".codex/history.jsonl",
        ".codex/prompts/test.md",
        ".codex/sessions/2026/11/21/rollout-x.jsonl",
    } == left
    assert "Mine.\n" == (working.codex_home / "AGENTS.md").read_text()
    assert "Changed by its user.\n" == (working.codex_home / "prompts" / "test.md").read_text()
    assert 404 == operator.status("GET", f"/api/fleet/hosts/{name}")


def test_a_host_that_came_with_its_own_login_leaves_with_it(
    operator: Operator, pool: str, fresh: Fresh, tmp_path: Path
):
    first = operator.enrolled(Machine(tmp_path / "a"), f"{fresh()}.example.com", pool=pool)
    first.log_in(codex_login(-60))
    assert first.courier("sync").code == 0
    second = operator.enrolled(Machine(tmp_path / "b"), f"{fresh()}.example.com", pool=pool)
    own = codex_login(-600)
    second.log_in(own)
    assert second.courier("sync").code == 0
    assert own != second.login

    assert second.cdx("--uninstall").code == 0
    assert own == second.login


def test_a_hub_that_is_gone_does_not_keep_anybody(working: Machine):
    file = working.courier_home / "courier.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "base_url": "http://127.0.0.1:9"}))
    done = working.cdx("--uninstall")

    assert 0 == done.code
    assert "still knows this host" in done.err
    assert not working.courier_home.exists()


def test_an_older_courier_replaces_itself_and_goes_on_with_what_it_was_asked(working: Machine):
    script = working.courier_home / "courier.py"
    newest = script.read_bytes()
    script.write_bytes(newest.replace(b'VERSION = "', b'VERSION = "0.0.0-', 1))

    assert "0.0.0-" in working.cdx("--wrapper-version").out
    assert (0, 1) == (working.cdx("work").code, working.tool.starts)
    assert newest == script.read_bytes()
    assert ["work"] == working.tool.arguments
    assert "COURIER_UPDATED" not in working.tool.environment


def test_a_courier_that_is_not_what_was_announced_is_not_taken(working: Machine):
    script = working.courier_home / "courier.py"
    mine = script.read_bytes() + b"# mine\n"
    script.write_bytes(mine)
    announced = {"version": "9", "sha256": hashlib.sha256(b"another").hexdigest()}
    working.age(courier=announced)
    done = working.cdx("work")

    assert (0, 1) == (done.code, working.tool.starts)
    assert "could not be updated" in done.err
    assert mine == script.read_bytes()


def test_operators_hold_hosts_to_a_version_where_npm_brought_the_tool(
    working: Machine, operator: Operator, pool: str
):
    operator.ask("PATCH", f"/pools/{pool}", {"client_version": "0.170.0"})
    assert "the operators want 0.170.0" in working.cdx("work").err

    program = working.tool.bin / "codex"
    real = working.home / "lib" / "node_modules" / "@openai" / "codex"
    real.parent.mkdir(parents=True)
    program.rename(real)
    program.symlink_to(real)
    npm = working.tool.bin / "npm"
    npm.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$HOME/npm"\n')
    npm.chmod(0o755)
    assert 0 == working.cdx("work").code
    assert "@openai/codex@0.170.0" == (working.home / "npm").read_text().splitlines()[-1]


def test_a_host_that_moves_to_the_gateway_gives_the_shared_login_up(
    working: Machine, operator: Operator, fresh: Fresh
):
    pool, name = fresh(), working.state["host"]["fqdn"]
    operator.ask("POST", "/pools", {"name": pool, "mode": "gateway"})
    payer = operator.asked("POST", "/api/users", {"username": fresh().replace("-", "_")})
    operator.ask("PATCH", f"/hosts/{name}", {"pool": pool, "user_id": payer["id"]})

    assert working.cdx("work").code == 0
    assert working.login is None
    assert "monoize" in (working.codex_home / "config.toml").read_text()

    operator.ask("PATCH", f"/hosts/{name}", {"pool": "default"})
    assert "no login" in working.cdx("work").err
    assert not (working.codex_home / "config.toml").exists()


def test_settings_that_cannot_be_read_are_left_alone(operator: Operator, fresh: Fresh, tmp_path: Path):
    pool, machine = fresh(), Machine(tmp_path / "machine", "claude")
    operator.ask("POST", "/pools", {"name": pool, "mode": "gateway", "tool": "claude"})
    payer = operator.asked("POST", "/api/users", {"username": fresh().replace("-", "_")})
    operator.enrolled(machine, f"{fresh()}.example.com", pool=pool, user_id=payer["id"])
    settings = machine.home / ".claude" / "settings.json"
    settings.parent.mkdir()
    settings.write_text("{ // mine\n")
    done = machine.cdx("work")

    assert (1, 0, "{ // mine\n") == (done.code, machine.tool.starts, settings.read_text())
    assert "cannot be read" in done.err
