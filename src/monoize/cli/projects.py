"""`monoize projects`: groups of services that share a network."""

from typing import Final
from urllib.parse import quote

import click

from monoize.cli import ask, find, show
from monoize.cli.invocation import Invocation
from monoize.cli.removals import followed
from monoize.cli.upstreams import given
from monoize.cli.values import limit_option, yes_option
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("id", "name", "description", "created_at")
volumes_option = click.option("--with-volumes", is_flag=True, help="Delete their volumes and what is in them, too.")


@click.group(cls=RemoteNoun)
def projects() -> None:
    """Groups of services that share a network. A PROJECT is a name or an id."""


@projects.command("list")
@limit_option
@click.pass_obj
def list_projects(invocation: Invocation, limit: int) -> None:
    """Show the newest projects."""
    show.listing(invocation.api.listing("/api/projects", {}, limit=limit), COLUMNS, as_text=invocation.as_text)


@projects.command("show")
@click.argument("project")
@click.pass_obj
def show_project(invocation: Invocation, project: str) -> None:
    """Show everything about one project."""
    found = find.project_id(invocation.api, project)
    show.thing(invocation.api.get(f"/api/projects/{found}"), as_text=invocation.as_text)


@projects.command("create")
@click.argument("name")
@click.option("--description", help="What it is for.")
@click.pass_obj
def create_project(invocation: Invocation, name: str, description: str | None) -> None:
    """Make a project."""
    made = invocation.api.create("/api/projects", given({"name": name, "description": description}))
    show.thing(made, as_text=invocation.as_text)
    show.said(f"Created the project {name}. `monoize services create {quote(name)}/NAME --image IMAGE` goes on.")


@projects.command("update")
@click.argument("project")
@click.option("--name", help="Another name.")
@click.option("--description", help="What it is for; an empty text clears it.")
@click.pass_obj
def update_project(invocation: Invocation, project: str, name: str | None, description: str | None) -> None:
    """Change its name or description."""
    found = find.project_id(invocation.api, project)
    body = given({"name": name})
    if description is not None:
        body["description"] = description or None
    show.thing(invocation.api.patch(f"/api/projects/{found}", body), as_text=invocation.as_text)


@projects.command("delete")
@click.argument("project")
@volumes_option
@yes_option
@click.pass_obj
def delete_project(invocation: Invocation, project: str, with_volumes: bool, yes: bool) -> None:
    """Delete a project with all its services, and say of each thing what became of it."""
    found = invocation.api.get(f"/api/projects/{find.project_id(invocation.api, project)}")
    ask.confirmed_by_name("project", found["name"], yes=yes)
    body = {"name": found["name"], "with_volumes": with_volumes}
    removal = followed(invocation.api, invocation.api.remove(f"/api/projects/{found['id']}", body))
    if invocation.json:
        show.as_json(removal)
    show.said(f"Deleted the project {found['name']}.")
