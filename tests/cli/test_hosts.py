"""The verbs of `monoize hosts`, `monoize pools` and `monoize fleet`."""

from collections.abc import Callable

import httpx2
from cli.command_line import CommandLine
from support.server import Server

Fresh = Callable[[], str]


def named(fresh: Fresh) -> str:
    return fresh().replace("_", "-")


def called(server: Server, key: str) -> int:
    return httpx2.post(f"{server.address}/host/users", json={}, headers={"x-api-key": key}).status_code


def test_a_host_is_registered_with_one_line_to_run_on_it(root: CommandLine, fresh: Fresh):
    name = named(fresh)

    registered = root.does("hosts", "register", name, "--tag", "ci", "--vip")

    [line] = registered.out.splitlines()
    assert "/install/" in line and line.endswith("| sh")
    shown = root.json("hosts", "show", name)
    assert ("active", True, ["ci"]) == (shown["status"], shown["vip"], shown["tags"])
    assert str(shown["id"]) in registered.err
    assert name in root.does("hosts", "list", "--name", name).out


def test_a_host_is_suspended_resumed_rotated_and_deleted(root: CommandLine, server: Server, fresh: Fresh):
    name = named(fresh)
    key = root.json("hosts", "register", name)["secret"]
    assert 200 == called(server, key)

    assert f"monoize hosts resume {name}" in root.does("hosts", "suspend", name).err
    assert 403 == called(server, key)
    root.does("hosts", "resume", name)
    assert 200 == called(server, key)
    another = root.json("hosts", "rotate", name)["secret"]
    assert (401, 200) == (called(server, key), called(server, another))
    root.does("hosts", "delete", name, "--yes")
    assert 401 == called(server, another)
    gone = root.run("hosts", "show", name)
    assert (1, True) == (gone.code, "There is no such host" in gone.err)


def test_what_is_said_of_a_host_changes_and_is_taken_away(root: CommandLine, fresh: Fresh):
    name, pool = named(fresh), named(fresh)
    root.does("pools", "create", pool, "--tool", "claude", "--inactivity-days", "60")
    root.does("hosts", "register", name, "--insecure", "--target", "api.anthropic.com")

    root.does("hosts", "update", name, "--pool", pool, "--version", "rust-v0.61.0", "--roaming", "--user", "root")
    changed = root.json("hosts", "update", name, "--clear", "targets", "--clear", "version", "--clear", "user")

    assert (None, None, None, True) == tuple(
        changed[field] for field in ("allowed_targets", "client_version_override", "user_id", "roaming")
    )
    assert root.json("pools", "show", pool)["id"] == changed["pool_id"]
    assert [name] == [host["fqdn"] for host in root.json("hosts", "list", "--pool", pool)["items"]]
    assert 2 == root.run("hosts", "update", name).code


def test_a_window_is_opened_and_closed(root: CommandLine, server: Server, fresh: Fresh):
    name = named(fresh)
    key = root.json("hosts", "register", name, "--insecure")["secret"]

    root.does("hosts", "close", name)
    assert 403 == called(server, key)
    assert "may call until" in root.does("hosts", "open", name, "--minutes", "5").err
    assert 200 == called(server, key)
    root.does("hosts", "unbind", name)
    root.does("hosts", "clear", name)
    assert root.does("hosts", "users", name).out.startswith("USERNAME")


def test_a_pool_is_changed_and_deleted_when_it_is_empty(root: CommandLine, fresh: Fresh):
    name, host = named(fresh), named(fresh)
    root.does("pools", "create", name)
    root.does("hosts", "register", host, "--pool", name)

    pinned = root.json("pools", "update", name, "--version", "0.61.0", "--quota-warns", "--week-partition", "5")
    assert ("0.61.0", False, 5) == tuple(
        pinned[field] for field in ("client_version", "quota_hard_fail", "quota_week_partition")
    )
    assert None is root.json("pools", "update", name, "--any-version")["client_version"]
    in_use = root.run("pools", "delete", name, "--yes")
    assert (1, True) == (in_use.code, "Move its hosts" in in_use.err)
    root.does("hosts", "delete", host, "--yes")
    root.does("pools", "delete", name, "--yes")
    assert name not in root.does("pools", "list").out


def test_all_hosts_are_stopped_and_started_and_told_a_version(root: CommandLine, server: Server, fresh: Fresh):
    key = root.json("hosts", "register", named(fresh))["secret"]
    try:
        root.does("fleet", "stop")
        assert 503 == called(server, key)
        assert "yes" in root.does("fleet", "status").out
    finally:
        root.does("fleet", "start")
    assert 200 == called(server, key)

    root.does("fleet", "publish", "rust-v0.62.0")
    assert "0.61.0" == root.json("fleet", "publish", "0.61.0", "--lock")["client_lock"]
    published = root.json("fleet", "publish", "--withdraw", "--lock")
    assert ("0.62.0", None) == (published["client_available"], published["client_lock"])
    root.does("fleet", "publish", "--withdraw")
    assert 2 == root.run("fleet", "publish").code


def test_what_cannot_be_a_name_is_not_sent(root: CommandLine):
    for wrong in ("a/b", "a b", "", "..", "../users"):
        assert 2 == root.run("hosts", "show", wrong).code
        assert 2 == root.run("pools", "show", wrong).code
