"""`monoize config`: the settings that are in force on this machine, and where each came from."""

from pathlib import Path

import click

from monoize.cli import show
from monoize.cli.invocation import Invocation
from monoize.cli.values import config_option
from monoize.cli.verb import LocalNoun

COLUMNS = ("name", "value", "source")


@click.group(cls=LocalNoun)
def config() -> None:
    """This machine's settings."""


@config.command("show")
@config_option
@click.pass_obj
def show_config(invocation: Invocation, config: Path | None) -> None:
    """Show every setting with its value and source; secrets are hidden."""
    from monoize.infra.settings import load

    rows = load(file=config).rows()
    items = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    if invocation.json:
        show.as_json(items)
    else:
        show.table(COLUMNS, [[show.value(name, item[name]) for name in COLUMNS] for item in items])
