"""The verbs of `monoize credentials`, in front of a real server."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli.command_line import CommandLine
from support.logins import ago, login

Fresh = Callable[[], str]


@pytest.fixture
def pool(root: CommandLine, fresh: Fresh) -> str:
    name = fresh().replace("_", "-")
    root.does("pools", "create", name)
    return name


def file_of(folder: Path, document: Any) -> str:
    path = folder / "auth.json"
    path.write_text(json.dumps(document))
    return str(path)


def test_a_login_is_uploaded_looked_at_compared_and_rolled_back(root: CommandLine, pool: str, tmp_path: Path):
    first, second = login("first", last_refresh=ago(hours=2)), login("second", last_refresh=ago(hours=1))
    done = root.does("credentials", "upload", pool, file_of(tmp_path, first))
    assert "next sync" in done.err
    older = root.json("credentials", "show", pool)["canonical"]["id"]
    root.does("credentials", "upload", pool, "-", stdin=json.dumps(second))

    newer, oldest = root.json("credentials", "history", pool)["items"]
    assert (older, "operator") == (oldest["id"], newer["origin"])
    assert "operator" in root.does("credentials", "history", pool).out
    assert str(newer["id"]) in root.does("credentials", "show", pool).out
    inspected = root.does("credentials", "inspect", pool, str(older)).out
    assert first["last_refresh"] in inspected
    compared = root.does("credentials", "diff", pool, str(older), str(newer["id"])).out
    assert "/tokens/refresh_token" in compared
    assert "rt-first" not in inspected + compared

    assert "rollback" == root.json("credentials", "rollback", pool, str(older))["origin"]
    assert 0 == root.json("credentials", "show", pool)["hosts"]
    root.does("credentials", "forget", pool, str(newer["id"]), "--yes")
    assert 2 == len(root.json("credentials", "history", pool)["items"])


def test_an_older_login_needs_force(root: CommandLine, pool: str, tmp_path: Path):
    root.does("credentials", "upload", pool, file_of(tmp_path, login("new", last_refresh=ago(hours=1))))
    older = file_of(tmp_path, login("old", last_refresh=ago(hours=9)))

    refused = root.run("credentials", "upload", pool, older)

    assert (1, True) == (refused.code, "newer" in refused.err)
    root.does("credentials", "upload", pool, older, "--force")
    assert "counts already" in root.does("credentials", "upload", pool, older).err


def test_a_login_is_read_out_alone_on_stdout(root: CommandLine, pool: str, tmp_path: Path):
    root.does("credentials", "upload", pool, file_of(tmp_path, login()))
    (payload,) = root.json("credentials", "history", pool)["items"]

    shown = root.does("credentials", "reveal", pool, str(payload["id"]))

    assert "rt-first-0123456789" == json.loads(shown.out)["tokens"]["refresh_token"]
    assert "credential.reveal" in root.does("audit", "list").out


def test_a_command_is_printed_that_hands_a_login_over(root: CommandLine, pool: str):
    done = root.does("credentials", "seed", pool)

    assert "/seed/auth/" in done.out
    assert "before" in done.err


def test_what_happens_in_the_background_is_asked_for(root: CommandLine, pool: str):
    assert 1 == root.run("credentials", "refresh", pool).code
    root.does("pools", "update", pool, "--mode", "hub", "--validation", "advisory")
    assert "within seconds" in root.does("credentials", "refresh", pool).err
    assert root.json("credentials", "validate", pool)["state"] is None


@pytest.mark.parametrize("content", ["", "{", "[]", "[" * 5000, '"text"'])
def test_a_file_that_is_no_object_is_told_before_anything_is_sent(
    root: CommandLine, pool: str, tmp_path: Path, content: str
):
    (tmp_path / "auth.json").write_text(content)

    assert 2 == root.run("credentials", "upload", pool, str(tmp_path / "auth.json")).code
    assert 2 == root.run("credentials", "upload", pool, str(tmp_path / "missing.json")).code
