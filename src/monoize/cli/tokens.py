"""`monoize tokens`: named tokens, the credentials of programs that call the control API."""

from typing import Any, get_args
from urllib.parse import quote

import click

from monoize.base.principal import Permission, TokenRole
from monoize.cli import ask, find, show
from monoize.cli.invocation import Invocation
from monoize.cli.values import TIME, limit_option, yes_option
from monoize.cli.verb import RemoteNoun

COLUMNS = ("name", "role", "scopes", "expires_at", "last_used_at", "created_at", "projects")


@click.group(cls=RemoteNoun)
def tokens() -> None:
    """Named tokens for programs."""


@tokens.command("list")
@limit_option
@click.pass_obj
def list_tokens(invocation: Invocation, limit: int) -> None:
    """Show the newest tokens."""
    show.listing(invocation.api.listing("/api/tokens", {}, limit=limit), COLUMNS, as_text=invocation.as_text)


@tokens.command("create")
@click.argument("name")
@click.option("--role", type=click.Choice(get_args(TokenRole)), default="viewer", show_default=True)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(get_args(Permission)),
    help="Only this of what the role may do; repeatable.",
)
@click.option("--project", "projects", metavar="PROJECT", multiple=True, help="Only these projects; repeatable.")
@click.option("--expires-at", type=TIME, help="When it stops working.")
@click.option("--tenant", metavar="TENANT", help="Name or id of the tenant it belongs to.")
@click.pass_obj
def create_token(
    invocation: Invocation,
    name: str,
    role: str,
    scopes: tuple[str, ...],
    projects: tuple[str, ...],
    expires_at: str | None,
    tenant: str | None,
) -> None:
    """Make a token. Its secret is printed this once, alone on stdout."""
    body: dict[str, Any] = {"name": name, "role": role}
    if scopes:
        body["scopes"] = list(scopes)
    if projects:
        body["projects"] = [find.project_id(invocation.api, project) for project in projects]
    if expires_at:
        body["expires_at"] = expires_at
    if tenant:
        body["tenant_id"] = find.tenant_id(invocation.api, tenant)
    created = invocation.api.create("/api/tokens", body)
    show.secret(created, as_text=invocation.as_text)
    show.said(f"Created the token {name} as {role}. Keep its secret: it is not shown again.")
    show.said("A program reads it from MONOIZE_TOKEN, or keeps it with `monoize login --token-stdin`.")


@tokens.command("delete")
@click.argument("name")
@yes_option
@click.pass_obj
def delete_token(invocation: Invocation, name: str, yes: bool) -> None:
    """Delete a token; what still uses it is refused at once."""
    ask.confirmed_by_name("token", name, yes=yes)
    invocation.api.delete(f"/api/tokens/{quote(name, safe='')}")
    show.said(f"Deleted the token {name}. Programs that use it are refused now.")
