"""What a command gets from the person or program in front of it: secrets from stdin, and a yes to deleting.

Asking without a terminal is a usage error that names the option which makes asking unnecessary.
"""

import sys
from typing import Final

import click

from monoize.cli import show
from monoize.cli.failure import Failure

LINE_MOST_BYTES: Final = 4096


def first_line(what: str) -> str:
    """A secret from stdin, where no list of processes and no shell history shows it."""
    line = sys.stdin.buffer.readline(LINE_MOST_BYTES + 1)
    if len(line) > LINE_MOST_BYTES:
        raise click.UsageError(f"the {what} on stdin is longer than {LINE_MOST_BYTES} bytes")
    try:
        text = line.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise click.UsageError(f"the {what} on stdin is not valid UTF-8") from None
    if not text:
        raise click.UsageError(f"the first line of stdin must be the {what}")
    return text


def is_terminal() -> bool:
    return sys.stdin.isatty()


def terminal_or(instead: str) -> None:
    if not is_terminal():
        raise click.UsageError(f"there is no terminal to ask on; use {instead}")


def confirmed_by_name(what: str, name: str, *, yes: bool) -> None:
    """Deleting cannot be undone, so the name is typed once more."""
    if yes:
        return
    terminal_or("--yes")
    typed = click.prompt(f"This deletes the {what} {show.clean(name)} for good. Type its name", err=True)
    if typed != name:
        raise Failure(f"the {what} was not deleted: that is not its name")
