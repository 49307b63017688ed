"""The verbs of `monoize db`."""

import json
import sqlite3
from pathlib import Path

from cli.command_line import CommandLine


def test_what_is_pending_is_shown_applied_and_verified(operator: CommandLine, tmp_path: Path):
    before = operator.json("db", "status")
    assert [] == before["applied"]
    assert before["pending"]
    assert "pending" in operator.does("db", "status").out

    migrated = operator.does("db", "migrate")
    assert f"Applied {before['pending'][0]}." in migrated.err
    assert {"applied": []} == operator.json("db", "migrate")

    after = operator.json("db", "status")
    assert (before["pending"], []) == (after["applied"], after["pending"])
    assert {"differences": []} == operator.json("db", "verify")


def test_each_difference_is_a_line_and_the_answer_is_no(operator: CommandLine, tmp_path: Path):
    operator.does("db", "migrate")
    database = sqlite3.connect(tmp_path / "data" / "monoize.db")
    database.execute("CREATE TABLE intruder (id INTEGER)")
    database.execute("DROP TABLE sessions")
    database.commit()
    database.close()

    found = operator.run("db", "verify")
    assert 1 == found.code
    assert ["table sessions is missing", "table intruder is not ours"] == found.out.splitlines()
    assert "monoize: the schema differs in 2 places" in found.err
    assert 2 == len(json.loads(operator.run("db", "verify", "--json").out)["differences"])


def test_a_database_that_does_not_answer_is_said_in_one_line(operator: CommandLine):
    refused = operator.run("db", "status", MONOIZE_DATABASE_DSN="postgresql://monoize:s3cret@127.0.0.1:1/monoize")

    assert 3 == refused.code
    assert 1 == len(refused.err.splitlines())
    assert refused.err.startswith("monoize: ")
    assert "s3cret" not in refused.err
