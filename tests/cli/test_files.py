"""The verbs of `monoize files`."""

from collections.abc import Callable

import pytest
from cli.command_line import CommandLine

Fresh = Callable[[], str]


def test_a_file_is_put_shown_replaced_listed_and_deleted(root: CommandLine, fresh: Fresh):
    name = fresh()
    made = root.does("files", "put", "prompt", name, "--from", "-", "--description", "Reviews", stdin="Review.\n")
    assert "Revision 1" in made.err
    assert "Review.\n" == root.does("files", "show", "prompt", name).out

    (root.home / "better.md").write_text("Review well.\n")
    assert "Revision 2" in root.does("files", "put", "prompt", name, "--from", "better.md").err
    shown = root.json("files", "show", "prompt", name)
    assert ("Review well.\n", "Reviews", None) == (shown["body"], shown["description"], shown["pool_id"])

    row = next(line for line in root.does("files", "list").out.splitlines() if name in line)
    assert ["prompt", name, "-", "2"] == row.split()[:4]
    root.does("files", "delete", "prompt", name, "--yes")
    assert 1 == root.run("files", "show", "prompt", name).code


def test_a_file_of_a_pool_is_another_than_that_of_every_pool(root: CommandLine, fresh: Fresh):
    name = fresh()
    root.does("files", "put", "skill", name, "--from", "-", stdin="For all.")
    root.does("files", "put", "skill", name, "--from", "-", "--pool", "default", stdin="For one.")

    assert "For all." == root.does("files", "show", "skill", name).out
    assert "For one." == root.does("files", "show", "skill", name, "--pool", "default").out
    root.does("files", "delete", "skill", name, "--pool", "default", "--yes")
    assert "For all." == root.does("files", "show", "skill", name).out


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "words"),
    [
        (("config", "--from", "-"), "a = 1", 1, "for one pool"),
        (("config", "--from", "-", "--pool", "default"), "a = ", 1, "could not read"),
        (("prompt", "--from", "-"), "x", 1, "have a name"),
        (("prompt", "x", "--from", "nowhere.md"), "", 2, "cannot read nowhere.md"),
        (("prompt", "x", "--from", "-"), "x" * 65_537, 2, "at most 65536 bytes"),
        (("prompt", "x", "--from", "-", "--pool", "nowhere"), "x", 1, "no such pool"),
    ],
)
def test_what_no_host_could_use_is_refused(
    root: CommandLine, arguments: tuple[str, ...], stdin: str, code: int, words: str
):
    refused = root.run("files", "put", *arguments, stdin=stdin)

    assert code == refused.code
    assert words in refused.err
