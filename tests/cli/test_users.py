"""The verbs of `monoize users`."""

import json
from collections.abc import Callable

import pytest
from cli.command_line import CommandLine
from support.house import PASSWORD

Fresh = Callable[[], str]


def test_a_user_is_made_shown_changed_and_deleted(root: CommandLine, fresh: Fresh):
    name, renamed = fresh(), fresh()
    made = root.does(
        "users", "create", name, "--email", f"{name}@example.com", "--name", "Ada", "--group", "eu", "--group", "us"
    )
    assert f"Created the user {name}." in made.err
    assert f"monoize users update {name} --password-stdin" in made.err

    user = root.json("users", "show", name)
    assert (f"{name}@example.com", "Ada", ["eu", "us"]) == (user["email"], user["name"], user["allowed_groups"])
    assert user == root.json("users", "show", user["id"])

    root.does(
        "users", "update", name, "--username", renamed, "--role", "admin", "--clear", "email", "--clear", "groups"
    )
    changed = root.json("users", "show", renamed)
    assert (user["id"], "admin", None, []) == (
        changed["id"],
        changed["role"],
        changed["email"],
        changed["allowed_groups"],
    )

    root.does("users", "delete", renamed, "--yes")
    gone = root.run("users", "show", renamed)
    assert (1, "") == (gone.code, gone.out)
    assert [
        f"monoize: there is no user {renamed}",
        "hint: `monoize users list` shows them.",
    ] == gone.err.splitlines()


def test_a_user_with_a_password_can_sign_in_until_disabled(root: CommandLine, stranger: CommandLine, fresh: Fresh):
    name = fresh()
    root.does("users", "create", name, "--password-stdin", stdin=f"{PASSWORD}\n")
    stranger.does("login", "--name", name, "--password-stdin", stdin=PASSWORD)

    root.does("users", "disable", name)
    assert 3 == stranger.run("whoami").code
    assert root.json("users", "show", name)["enabled"] is False

    assert True is root.json("users", "enable", name)["enabled"]


def test_the_table_is_aligned_and_names_its_columns(root: CommandLine, fresh: Fresh):
    name = fresh()
    root.does("users", "create", name)
    lines = root.does("users", "list", "--limit", "10000").out.splitlines()
    row = next(line for line in lines if line.startswith(f"{name} "))

    titles = "USERNAME ROLE ENABLED EMAIL BALANCE USD LAST LOGIN AT ID"
    assert titles.split() == lines[0].split()
    assert lines[0].index("ROLE") == row.index("user", len(name))
    assert ["user", "yes", "-", "0.00", "-"] == row.split()[1:6]


def test_lists_follow_pages_up_to_the_limit(root: CommandLine, fresh: Fresh):
    names = {fresh() for _ in range(3)}
    for name in names:
        root.does("users", "create", name)

    newest = root.does("users", "list", "--limit", "2", "--json")
    page = json.loads(newest.out)
    assert 2 == len(page["items"])
    assert page["next_cursor"]
    assert "ask for more with --limit" in newest.err

    everybody = root.json("users", "list", "--limit", "10000")
    assert everybody["next_cursor"] is None
    assert names < {user["username"] for user in everybody["items"]}


def test_deleting_asks_for_the_name(root: CommandLine, fresh: Fresh):
    name = fresh()
    root.does("users", "create", name)

    code, seen = root.on_terminal("users", "delete", name).expect("Type its name").type("somebody").end()
    assert 1 == code
    assert "was not deleted" in seen

    code, _ = root.on_terminal("users", "delete", name).expect("Type its name").type(name).end()
    assert 0 == code
    assert 1 == root.run("users", "show", name).code


def test_an_interrupted_question_changes_nothing(root: CommandLine, fresh: Fresh):
    name = fresh()
    root.does("users", "create", name)
    code, seen = root.on_terminal("users", "delete", name).expect("Type its name").interrupt().end()

    assert 130 == code
    assert "Traceback" not in seen
    assert root.json("users", "show", name)


def test_deleting_without_a_terminal_needs_yes(root: CommandLine, fresh: Fresh):
    name = fresh()
    root.does("users", "create", name)
    refused = root.run("users", "delete", name, stdin=name)

    assert 2 == refused.code
    assert "--yes" in refused.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("create", "root"), 1, "monoize: That username is already in use."),
        (("create", "no spaces"), 2, "is not 3 to 22 letters, digits and underscores"),
        (("create", "fine_name", "--role", "king"), 2, "'king' is not one of 'super_admin', 'admin', 'user'"),
        (("create", "fine_name", "--tenant", "nowhere"), 1, "monoize: there is no tenant nowhere"),
        (("create", "fine_name", "--group", "a b"), 1, "  allowed_groups/0: "),
        (("update", "root"), 2, "nothing to change was given"),
        (("disable", "root"), 1, "hint: Ask another administrator."),
        (("show", "00000000-0000-7000-8000-00000000ffff"), 1, "monoize: There is no such user."),
    ],
)
def test_refusals_say_what_and_exit_accordingly(
    root: CommandLine, arguments: tuple[str, ...], code: int, words: str
):
    refused = root.run("users", *arguments)

    assert (code, "") == (refused.code, refused.out)
    assert words in refused.err


def test_a_weak_password_is_refused_without_being_shown(root: CommandLine, fresh: Fresh):
    refused = root.run("users", "create", fresh(), "--password-stdin", stdin="s3cret")

    assert 1 == refused.code
    assert "A password needs at least 8 characters." in refused.err
    assert "s3cret" not in refused.err
