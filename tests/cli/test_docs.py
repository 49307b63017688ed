"""docs/cli.md says what the command can do, each verb with an example and each exit code, and every example is one
that the command understands.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click

from monoize.cli.app import monoize
from monoize.cli.failure import Exit

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "cli.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")


def verbs(command: click.Command, path: str) -> Iterator[str]:
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from verbs(inner, f"{path} {name}")
    else:
        yield path


def test_every_verb_has_an_entry_and_an_example():
    for verb in verbs(monoize, "monoize"):
        assert re.search(rf"^#+ `{verb}[ `]", DOCUMENT, re.MULTILINE), f"{verb} has no heading"
        assert re.search(rf"^    (.* \| )?{verb}\b", DOCUMENT, re.MULTILINE), f"{verb} has no example"


def test_every_entry_is_a_verb():
    headed = {re.sub(r" ([A-Z\[-]).*", "", entry) for entry in re.findall(r"^#+ `(monoize[^`]*)`", DOCUMENT, re.M)}

    assert set(verbs(monoize, "monoize")) == headed


def test_every_exit_code_is_listed():
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", DOCUMENT, re.MULTILINE)}

    assert {int(code) for code in Exit} == listed


def check_understood(words: list[str]) -> None:
    command: click.Command = monoize
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    command.make_context(command.name, words)


def test_every_example_is_understood():
    examples = re.findall(r"^    (?:.* \| )?monoize (.*)", DOCUMENT, re.M) + re.findall(r"bin/monoize (.*)", README)

    assert len(examples) > 30
    for example in examples:
        check_understood(shlex.split(re.sub(r"[`>].*", "", example), comments=True))
