"""`monoize apply`: the configuration of a server made what a file says, after showing what that changes."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import click

from monoize.cli import configuration_file, show
from monoize.cli.api import Json
from monoize.cli.configuration_file import ConfigurationFile
from monoize.cli.failure import Exit, Failure
from monoize.cli.invocation import Invocation
from monoize.cli.verb import RemoteVerb

_SIGNS: Final = {"added": "+", "changed": "~", "waiting": "?", "removed": "-"}
_COUNTED: Final = ("added", "changed", "waiting", "removed")

dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Only show what would change; exit with 4 if it is anything."
)
prune_option = click.option("--prune", is_flag=True, help="Remove what the sections of the file do not name.")


@click.command("apply", cls=RemoteVerb)
@click.argument("file", metavar="FILE")
@dry_run_option
@prune_option
@click.pass_obj
def apply(invocation: Invocation, file: str, dry_run: bool, prune: bool) -> None:
    """Make the configuration what FILE says, all of it or nothing; - is standard input."""
    carry_out(invocation, configuration_file.read(file), dry_run=dry_run, prune=prune)


def carry_out(invocation: Invocation, file: ConfigurationFile, *, dry_run: bool, prune: bool) -> None:
    """What was shown is what is applied: the server refuses it if somebody changes anything in between."""
    body: Json = {"document": file.document, "prune": prune}
    compared = _pointed(file, lambda: invocation.api.post("/api/configuration/preview", body))
    differences: list[Json] = compared["differences"]
    _show(invocation, compared)
    if not differences:
        show.said("Everything is as the file says.")
    elif dry_run:
        raise Failure(f"this would change: {_counts(differences)}", exit=Exit.DIFFERS)
    else:
        body["version"] = compared["version"]
        done = _pointed(file, lambda: invocation.api.create("/api/configuration", body))
        show.said(f"Done: {_counts(done['differences'])}.")
        if any(each["outcome"] == "waiting" for each in done["differences"]):
            show.said("Steep changes of prices wait: look at them with `monoize prices pending`.")


def _pointed(file: ConfigurationFile, ask: Callable[[], Json]) -> Json:
    try:
        return ask()
    except Failure as failure:
        raise file.pointed(failure) from failure


def _show(invocation: Invocation, compared: Json) -> None:
    if invocation.json:
        show.as_json(compared)
        return
    for each in compared["differences"]:
        click.echo(show.clean(f"{_SIGNS[each['outcome']]} {each['kind']} {each['name']}"))
        for change in each["changes"]:
            click.echo(show.clean(f"    {change['field']}: {_change(change)}"))


def _change(change: Mapping[str, Any]) -> str:
    before, after = (_text(change[when]) for when in ("before", "after"))
    return after if change["before"] is None else f"{before} → {after}"


def _text(value: Any) -> str:
    match value:
        case {"redirect": redirect, "multiplier": multiplier}:
            told = [f"as {redirect}"] if redirect else []
            told += [f"×{multiplier}"] if multiplier != "1" else []
            return " ".join(told) or "yes"
        case _:
            return show.value("", value)


def _counts(differences: list[Json]) -> str:
    outcomes = [each["outcome"] for each in differences]
    return ", ".join(f"{outcomes.count(each)} {each}" for each in _COUNTED if each in outcomes)
