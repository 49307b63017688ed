"""`monoize db`: the schema of the database that this machine's settings name."""

import dataclasses
from pathlib import Path

import click

from monoize.cli import show
from monoize.cli.failure import Failure
from monoize.cli.invocation import Invocation
from monoize.cli.values import config_option
from monoize.cli.verb import LocalNoun


@click.group(cls=LocalNoun)
def db() -> None:
    """This machine's database."""


@db.command("status")
@config_option
@click.pass_obj
def status(invocation: Invocation, config: Path | None) -> None:
    """Show which migrations the database has, and which it is still to get."""
    import asyncio

    from monoize.infra.settings import load
    from monoize.main import schema

    found = asyncio.run(schema.status(load(file=config).settings))
    if invocation.json:
        show.as_json(dataclasses.asdict(found))
        return
    show.record([("database", found.database)])
    click.echo()
    rows = [[name, "applied"] for name in found.applied] + [[name, "pending"] for name in found.pending]
    show.table(["migration", "state"], rows)
    if found.pending:
        show.said("`monoize db migrate` applies what is pending; `monoize serve` does so when it starts.")


@db.command("migrate")
@config_option
@click.pass_obj
def migrate(invocation: Invocation, config: Path | None) -> None:
    """Apply the migrations that are pending."""
    import asyncio

    from monoize.infra.settings import load
    from monoize.main import schema

    applied = asyncio.run(schema.migrate(load(file=config).settings))
    if invocation.json:
        show.as_json({"applied": applied})
    for name in applied:
        show.said(f"Applied {name}.")
    show.said("The schema is current. `monoize db verify` compares it with this version of Monoize.")


@db.command("verify")
@config_option
@click.pass_obj
def verify(invocation: Invocation, config: Path | None) -> None:
    """Compare the live schema with this version of Monoize; exit with 1 if they differ."""
    import asyncio

    from monoize.infra.settings import load
    from monoize.main import schema

    differences = asyncio.run(schema.verify(load(file=config).settings))
    if invocation.json:
        show.as_json({"differences": differences})
    else:
        for difference in differences:
            click.echo(difference)
    if differences:
        raise Failure(
            f"the schema differs in {len(differences)} places",
            hint="`monoize db migrate` adds what is missing; what is not ours was added by somebody else.",
        )
    show.said("The schema is the one of this version of Monoize.")
