"""`monoize environments`: sets of variables that services share."""

from typing import Any, Final

import click

from monoize.cli import ask, find, show
from monoize.cli.invocation import Invocation
from monoize.cli.secrets import public_option, value_from_stdin
from monoize.cli.upstreams import given
from monoize.cli.values import limit_option, yes_option
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("id", "name", "kind", "inherits_id", "description")
VARIABLES: Final = ("key", "value", "is_secret", "version", "updated_at")
KINDS: Final = ("development", "staging", "production", "testing")
_PATH: Final = "/api/environments"


@click.group(cls=RemoteNoun)
def environments() -> None:
    """Sets of variables that services share, and that inherit from one another."""


@environments.command("list")
@limit_option
@click.pass_obj
def list_environments(invocation: Invocation, limit: int) -> None:
    """Show the newest environments."""
    show.listing(invocation.api.listing(_PATH, {}, limit=limit), COLUMNS, as_text=invocation.as_text)


@environments.command("show")
@click.argument("name")
@click.pass_obj
def show_environment(invocation: Invocation, name: str) -> None:
    """Show the variables of one environment itself, without those that it inherits."""
    found = find.environment_id(invocation.api, name)
    variables = invocation.api.get(f"{_PATH}/{found}/variables")
    if invocation.json:
        show.as_json(variables)
    else:
        show.listing({"items": variables, "next_cursor": None}, VARIABLES, as_text=True)


@environments.command("create")
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS), required=True)
@click.option("--inherits", metavar="NAME", help="The environment whose variables it has as well.")
@click.option("--description", help="What it is for.")
@click.pass_obj
def create_environment(
    invocation: Invocation, name: str, kind: str, inherits: str | None, description: str | None
) -> None:
    """Make an environment."""
    parent = None if inherits is None else find.environment_id(invocation.api, inherits)
    body = given({"name": name, "kind": kind, "inherits_id": parent, "description": description})
    show.thing(invocation.api.create(_PATH, body), as_text=invocation.as_text)


@environments.command("update")
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS))
@click.option("--inherits", metavar="NAME", help="Another one; an empty text is none.")
@click.option("--description", help="What it is for; an empty text clears it.")
@click.pass_obj
def update_environment(
    invocation: Invocation, name: str, kind: str | None, inherits: str | None, description: str | None
) -> None:
    """Change an environment. Services hear of it with their next release."""
    body: dict[str, Any] = given({"kind": kind})
    if inherits is not None:
        body["inherits_id"] = find.environment_id(invocation.api, inherits) if inherits else None
    if description is not None:
        body["description"] = description or None
    changed = invocation.api.patch(f"{_PATH}/{find.environment_id(invocation.api, name)}", body)
    show.thing(changed, as_text=invocation.as_text)


@environments.command("delete")
@click.argument("name")
@yes_option
@click.pass_obj
def delete_environment(invocation: Invocation, name: str, yes: bool) -> None:
    """Delete an environment that nothing uses."""
    found = find.environment_id(invocation.api, name)
    ask.confirmed_by_name("environment", name, yes=yes)
    invocation.api.delete(f"{_PATH}/{found}")
    show.said(f"Deleted the environment {name}.")


@environments.command("set")
@click.argument("name")
@click.argument("key")
@public_option
@click.pass_obj
def set_variable(invocation: Invocation, name: str, key: str, public: bool) -> None:
    """Give a variable the value that is read from stdin."""
    found = find.environment_id(invocation.api, name)
    values = {key: {"value": value_from_stdin(key), "is_secret": not public}}
    variables = invocation.api.put(f"{_PATH}/{found}/variables", {"values": values})
    if invocation.json:
        show.as_json(variables)
    show.said(f"Set {key} of {name}. Services get it with their next release.")


@environments.command("unset")
@click.argument("name")
@click.argument("key")
@click.pass_obj
def unset_variable(invocation: Invocation, name: str, key: str) -> None:
    """Take a variable away."""
    invocation.api.delete(f"{_PATH}/{find.environment_id(invocation.api, name)}/variables/{key}")
    show.said(f"Deleted {key} of {name}.")
