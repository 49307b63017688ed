"""`monoize lockdown`: administrators alone may use projects, and nothing is deployed, until it is lifted."""

import click

from monoize.cli import show
from monoize.cli.invocation import Invocation
from monoize.cli.verb import RemoteNoun


@click.group(cls=RemoteNoun)
def lockdown() -> None:
    """Administrators alone may use projects, and nothing is deployed. What runs goes on."""


@lockdown.command("show")
@click.pass_obj
def show_lockdown(invocation: Invocation) -> None:
    """Show whether it is on, why, and since when."""
    show.thing(invocation.api.get("/api/lockdown"), as_text=invocation.as_text)


@lockdown.command("begin")
@click.option("--reason", required=True, help="What people are told who are refused.")
@click.pass_obj
def begin(invocation: Invocation, reason: str) -> None:
    """Lock everybody out but administrators."""
    show.thing(invocation.api.put("/api/lockdown", {"reason": reason}), as_text=invocation.as_text)
    show.said("Locked down. `monoize lockdown lift` ends it.")


@lockdown.command("lift")
@click.pass_obj
def lift(invocation: Invocation) -> None:
    """End it."""
    invocation.api.delete("/api/lockdown")
    show.said("The lockdown is lifted.")
