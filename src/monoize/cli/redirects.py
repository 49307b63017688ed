"""`monoize redirects`: names of models that mean another model, for everybody."""

from typing import Any, Final

import click

from monoize.cli import show
from monoize.cli.failure import Failure
from monoize.cli.invocation import Invocation
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("pattern", "replace")
_PATH: Final = "/api/redirects"


@click.group(cls=RemoteNoun)
def redirects() -> None:
    """Names that mean another model. A PATTERN is a regular expression for all of a name."""


@redirects.command("list")
@click.pass_obj
def list_redirects(invocation: Invocation) -> None:
    """Show all of them; the first that matches counts."""
    show.listing(invocation.api.get(_PATH), COLUMNS, as_text=invocation.as_text)


@redirects.command("add")
@click.argument("pattern")
@click.argument("model")
@click.option("--first", is_flag=True, help="Before all others, instead of behind them.")
@click.pass_obj
def add_redirect(invocation: Invocation, pattern: str, model: str, first: bool) -> None:
    """Let every name that a pattern matches mean a model."""
    standing, new = invocation.api.get(_PATH)["items"], {"pattern": pattern, "replace": model}
    _replaced(invocation, [new, *standing] if first else [*standing, new])
    show.said(f"Names that match {pattern} mean {model}.")


@redirects.command("remove")
@click.argument("pattern")
@click.pass_obj
def remove_redirect(invocation: Invocation, pattern: str) -> None:
    """Let names that a pattern matches be what they are."""
    standing = invocation.api.get(_PATH)["items"]
    kept = [rule for rule in standing if rule["pattern"] != pattern]
    if len(kept) == len(standing):
        raise Failure(f"there is no redirect of {pattern}", hint="`monoize redirects list` shows them.")
    _replaced(invocation, kept)
    show.said(f"Removed the redirect of {pattern}.")


def _replaced(invocation: Invocation, rules: list[dict[str, Any]]) -> None:
    changed = invocation.api.put(_PATH, {"redirects": rules})
    show.listing(changed, COLUMNS, as_text=invocation.as_text)
