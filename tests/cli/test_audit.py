"""The verbs of `monoize audit`."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from cli.command_line import CommandLine
from support.server import forked_server

Fresh = Callable[[], str]


def test_what_was_done_is_listed_by_filter(root: CommandLine, fresh: Fresh):
    user = root.json("users", "create", fresh())
    row = root.does("audit", "list", "--action", "user", "--target-id", user["id"]).out.splitlines()[1]

    assert "user:root" in row
    assert "user.create" in row
    assert user["username"] in row

    chosen = ("--actor", "user:root", "--target-type", "user", "--since", "2020-01-01", "--until", "2199-01-01")
    assert user["id"] in {entry["target_id"] for entry in root.json("audit", "list", *chosen)["items"]}
    assert [] == root.json("audit", "list", "--until", "2020-01-01")["items"]


def test_a_whole_log_is_verified(root: CommandLine):
    assert "The audit log is whole" in root.does("audit", "verify").err
    assert root.json("audit", "verify")["problem"] is None


def test_a_changed_entry_is_found(operator: CommandLine, tmp_path: Path):
    operator.does("init", "--email", "root@example.com", "--password-stdin", stdin="correct horse battery")
    database = sqlite3.connect(tmp_path / "data" / "monoize.db")
    triggers = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'logs'")
    for (trigger,) in triggers.fetchall():
        database.execute(f"DROP TRIGGER {trigger}")
    database.execute("UPDATE logs SET actor = 'user:nobody'")
    database.commit()
    database.close()

    secret = "a token for verifying".replace(" ", "-")
    with forked_server(tmp_path, MONOIZE_ADMIN_TOKEN=secret) as server:
        found = operator.run("audit", "verify", MONOIZE_URL=server.address, MONOIZE_TOKEN=secret)

    assert 1 == found.code
    assert "monoize: the audit log is not whole: row 1 was changed" in found.err
