"""`monoize orphans`: containers that bear our label and belong to no service."""

from typing import Final

import click

from monoize.cli import show
from monoize.cli.invocation import Invocation
from monoize.cli.values import yes_option
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("container_id", "name", "state", "service_id", "release_id", "created_at")
_PATH: Final = "/api/orphans"


@click.group(cls=RemoteNoun)
def orphans() -> None:
    """Containers of Monoize that belong to no service. They stay until somebody adopts or removes them."""


@orphans.command("list")
@click.pass_obj
def list_orphans(invocation: Invocation) -> None:
    """Show them."""
    found = invocation.api.get(_PATH)
    if invocation.json:
        show.as_json(found)
    else:
        show.listing({"items": found, "next_cursor": None}, COLUMNS, as_text=True)


@orphans.command("adopt")
@click.argument("container_id")
@click.option("--name", required=True, help="What the service is called from now on.")
@click.option("--project", required=True, help="The project that it was of; made again if it is gone.")
@click.pass_obj
def adopt_orphan(invocation: Invocation, container_id: str, name: str, project: str) -> None:
    """Make a service of it again, with all containers of its release. They go on as they are."""
    made = invocation.api.create(f"{_PATH}/{container_id}/adopt", {"name": name, "project": project})
    show.thing(made, as_text=invocation.as_text)
    show.said(
        f"{project}/{name} is a service again. Its variables are secrets now; routes and links are not known."
    )


@orphans.command("remove")
@click.argument("container_id")
@click.option("--force", is_flag=True, help="Also if it is running.")
@yes_option
@click.pass_obj
def remove_orphan(invocation: Invocation, container_id: str, force: bool, yes: bool) -> None:
    """Remove one, by its id or the first twelve characters of it."""
    if not yes:
        click.confirm(f"Remove the container {container_id}?", abort=True, err=True)
    invocation.api.delete(f"{_PATH}/{container_id}" + ("?force=true" if force else ""))
    show.said(f"Removed the container {container_id}.")
