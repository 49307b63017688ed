"""The verbs about projects that need no engine; `bin/prove projects` goes through the others."""

from collections.abc import Callable
from pathlib import Path

from cli.command_line import CommandLine

from monoize.base.ids import new_id

Fresh = Callable[[], str]
VALUE = "between us 4711"


def called(prefix: str) -> str:
    return f"{prefix}-{new_id()[-12:]}"


def service(root: CommandLine) -> str:
    project = called("shop")
    root.does("projects", "create", project, "--description", "what we sell")
    root.does("services", "create", f"{project}/web", "--image", "app:1", "--port", "80", "--no-start")
    return f"{project}/web"


def test_a_service_is_made_changed_and_shown_and_env_changes_one_at_a_time(root: CommandLine):
    name = service(root)

    root.does("services", "update", name, "--env", "A=1", "--memory-mb", "64", "--no-redeploy")
    root.does("services", "update", name, "--env", "B=2", "--cpus", "0.5", "--no-redeploy")

    shown = root.json("services", "show", name)
    assert ({"A": "1", "B": "2"}, 64, 0.5) == (
        shown["env"],
        shown["config"]["limits"]["memory_mb"],
        shown["config"]["limits"]["cpus"],
    )
    assert 2 == root.run("services", "update", name, "--port", "web").code


def test_a_secret_comes_from_stdin_and_is_never_printed(root: CommandLine):
    name = service(root)

    said = [root.does("secrets", "set", name, "API_TOKEN", stdin=f"{VALUE}\n")]
    said.append(root.does("secrets", "import", name, "-", stdin=f"# more\nexport OTHER='{VALUE}'\nCOLOUR=blue\n"))
    said.append(root.does("secrets", "env", name))

    assert not [done for done in said if VALUE in done.out + done.err]
    assert ["API_TOKEN", "COLOUR", "OTHER"] == [one["key"] for one in root.json("secrets", "list", name)]
    root.does("secrets", "set", name, "API_TOKEN", stdin="another")
    assert 3 == root.json("secrets", "restore", name, "API_TOKEN", "1")["version"]


def test_environments_share_variables_and_inherit(root: CommandLine):
    name, base, live = service(root), called("base"), called("live")
    root.does("environments", "create", base, "--kind", "production")
    root.does("environments", "create", live, "--kind", "production", "--inherits", base)
    root.does("environments", "set", base, "LEVEL", "--public", stdin="info")
    root.does("services", "update", name, "--environment", live, "--no-redeploy")

    found = root.json("secrets", "env", name)
    assert [("LEVEL", "info", base)] == [(one["key"], one["value"], one["origin"]) for one in found]
    assert 1 == root.run("environments", "delete", live, "--yes").code


def test_a_token_for_a_project_sees_that_one(root: CommandLine, stranger: CommandLine, fresh: Fresh):
    project, other = called("shop"), called("shop")
    for name in (project, other):
        root.does("projects", "create", name)
    made = root.json("tokens", "create", fresh(), "--role", "deployer", "--project", project)

    seen = stranger.does("projects", "list", MONOIZE_TOKEN=made["secret"]).out
    assert project in seen and other not in seen


def test_a_lockdown_is_begun_shown_and_lifted(root: CommandLine, stranger: CommandLine, fresh: Fresh):
    secret = root.json("tokens", "create", fresh(), "--role", "deployer")["secret"]
    root.does("lockdown", "begin", "--reason", "an intruder")
    try:
        assert "an intruder" in root.does("lockdown", "show").out
        refused = stranger.run("projects", "list", MONOIZE_TOKEN=secret)
        assert (3, True) == (refused.code, "locked down" in refused.err)
    finally:
        root.does("lockdown", "lift")


def test_a_backup_is_made_verified_and_restored_and_the_key_exchanged_without_a_server(operator: CommandLine):
    operator.does("init", "--email", "ada@example.com", "--password-stdin", stdin="a long enough password")
    file = operator.home / "a.backup"

    operator.does("backup", "create", str(file))
    assert 3 == operator.run("backup", "create", str(file)).code
    assert "sqlite" == operator.json("backup", "verify", str(file))["engine"]
    operator.does("backup", "restore", str(file), "--yes")
    operator.does("backup", "discard")
    before = (operator.home / "data" / "master.key").read_text()
    rotated = operator.json("secrets", "rotate-master")
    assert Path(rotated["file"]).name == "master.key"
    assert before == (operator.home / "data" / "master.key.previous").read_text()
    refused = operator.run("backup", "restore", str(file), "--yes")
    assert (3, True) == (refused.code, "master key" in refused.err)
