"""`monoize nginx`: what nginx serves at present."""

from typing import Final

import click

from monoize.cli import show
from monoize.cli.failure import Failure
from monoize.cli.invocation import Invocation
from monoize.cli.verb import RemoteNoun

HISTORY: Final = ("id", "status", "active", "routes", "created_at", "error")
_PATH: Final = "/api/nginx"


@click.group(cls=RemoteNoun)
def nginx() -> None:
    """The server in front of all routes."""


@nginx.command("status")
@click.pass_obj
def status(invocation: Invocation) -> None:
    """Show what is served, and what was told to it of late. Fails when it is not what it should be."""
    found = invocation.api.get(_PATH)
    if invocation.as_text:
        show.record(
            [(name, show.value(name, found[name])) for name in ("set_up", "running", "generation", "routes")]
        )
        show.listing({"items": found["history"], "next_cursor": None}, HISTORY, as_text=True)
    else:
        show.as_json(found)
    if found["trouble"]:
        raise Failure(f"nginx does not serve the newest routes: {found['trouble']}", hint="`monoize nginx reload`")


@nginx.command("config")
@click.pass_obj
def config(invocation: Invocation) -> None:
    """Print what nginx reads for all routes."""
    preview = invocation.api.get(f"{_PATH}/config")
    if invocation.as_text:
        click.echo(preview["config"], nl=False)
    else:
        show.as_json(preview)


@nginx.command("reload")
@click.pass_obj
def reload(invocation: Invocation) -> None:
    """Make nginx serve what there is, even where nothing seems to have changed."""
    invocation.api.post(f"{_PATH}/reload")
    show.said("nginx serves the routes as they are.")
