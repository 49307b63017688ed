"""`monoize suffixes`: what the ends of models' names ask for, beside those that everybody knows."""

from typing import Any, Final

import click

from monoize.cli import show
from monoize.cli.failure import Failure
from monoize.cli.invocation import Invocation
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("suffix", "effort")
EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_PATH: Final = "/api/suffixes"


@click.group(cls=RemoteNoun)
def suffixes() -> None:
    """Ends of models' names that say how hard to think, such as -deep. -high and its like need not be set."""


@suffixes.command("list")
@click.pass_obj
def list_suffixes(invocation: Invocation) -> None:
    """Show those that were set."""
    show.listing(invocation.api.get(_PATH), COLUMNS, as_text=invocation.as_text)


@suffixes.command("set")
@click.argument("suffix")
@click.argument("effort", type=click.Choice(EFFORTS))
@click.pass_obj
def set_suffix(invocation: Invocation, suffix: str, effort: str) -> None:
    """Let a suffix ask for an effort."""
    kept = [each for each in invocation.api.get(_PATH)["items"] if each["suffix"] != suffix]
    _replaced(invocation, [*kept, {"suffix": suffix, "effort": effort}])
    show.said(f"A model whose name ends in {suffix} is the one without it, with an effort of {effort}.")


@suffixes.command("remove")
@click.argument("suffix")
@click.pass_obj
def remove_suffix(invocation: Invocation, suffix: str) -> None:
    """Let a suffix be part of a name like any other."""
    standing = invocation.api.get(_PATH)["items"]
    kept = [each for each in standing if each["suffix"] != suffix]
    if len(kept) == len(standing):
        raise Failure(f"the suffix {suffix} was not set", hint="`monoize suffixes list` shows them.")
    _replaced(invocation, kept)
    show.said(f"Removed the suffix {suffix}.")


def _replaced(invocation: Invocation, suffixes: list[dict[str, Any]]) -> None:
    changed = invocation.api.put(_PATH, {"suffixes": suffixes})
    show.listing(changed, COLUMNS, as_text=invocation.as_text)
