"""`monoize registries`: where private images are pulled from."""

from typing import Final

import click

from monoize.cli import ask, show
from monoize.cli.invocation import Invocation
from monoize.cli.upstreams import given
from monoize.cli.values import limit_option, yes_option
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("id", "name", "type", "server", "username", "updated_at")
TYPES: Final = ("ghcr", "ecr", "dockerhub", "generic")
_PATH: Final = "/api/registries"


@click.group(cls=RemoteNoun)
def registries() -> None:
    """Where private images are pulled from. Passwords go in and never come out."""


@registries.command("list")
@limit_option
@click.pass_obj
def list_registries(invocation: Invocation, limit: int) -> None:
    """Show the newest registries."""
    show.listing(invocation.api.listing(_PATH, {}, limit=limit), COLUMNS, as_text=invocation.as_text)


@registries.command("create")
@click.argument("name")
@click.option("--server", required=True, metavar="HOST", help="Such as ghcr.io or registry.example.com:5000.")
@click.option("--username", required=True)
@click.option("--type", "kind", type=click.Choice(TYPES), default="generic", show_default=True)
@click.pass_obj
def create_registry(invocation: Invocation, name: str, server: str, username: str, kind: str) -> None:
    """Make a registry known. Its password is read from stdin."""
    password = ask.first_line("password")
    body = {"name": name, "type": kind, "server": server, "username": username, "password": password}
    show.thing(invocation.api.create(_PATH, body), as_text=invocation.as_text)


@registries.command("update")
@click.argument("registry_id", type=int, metavar="ID")
@click.option("--name")
@click.option("--server", metavar="HOST")
@click.option("--username")
@click.option("--password-stdin", is_flag=True, help="Read a new password from stdin.")
@click.pass_obj
def update_registry(
    invocation: Invocation,
    registry_id: int,
    name: str | None,
    server: str | None,
    username: str | None,
    password_stdin: bool,
) -> None:
    """Change a registry; the next pull uses it."""
    password = ask.first_line("password") if password_stdin else None
    body = given({"name": name, "server": server, "username": username, "password": password})
    show.thing(invocation.api.patch(f"{_PATH}/{registry_id}", body), as_text=invocation.as_text)


@registries.command("test")
@click.argument("registry_id", type=int, metavar="ID")
@click.pass_obj
def log_in(invocation: Invocation, registry_id: int) -> None:
    """Log in to it, as a pull would."""
    invocation.api.post(f"{_PATH}/{registry_id}/test")
    show.said(f"The registry {registry_id} takes these credentials.")


@registries.command("delete")
@click.argument("registry_id", type=int, metavar="ID")
@yes_option
@click.pass_obj
def delete_registry(invocation: Invocation, registry_id: int, yes: bool) -> None:
    """Delete a registry that no service uses."""
    found = invocation.api.get(f"{_PATH}/{registry_id}")
    ask.confirmed_by_name("registry", found["name"], yes=yes)
    invocation.api.delete(f"{_PATH}/{registry_id}")
    show.said(f"Deleted the registry {found['name']}.")
