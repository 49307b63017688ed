"""`monoize tenants`: the organisations that users and tokens belong to."""

import shlex

import click

from monoize.cli import find, show
from monoize.cli.invocation import Invocation
from monoize.cli.values import limit_option
from monoize.cli.verb import RemoteNoun

COLUMNS = ("name", "status", "created_at", "id")


@click.group(cls=RemoteNoun)
def tenants() -> None:
    """Organisations. A TENANT is a name or an id."""


@tenants.command("list")
@limit_option
@click.pass_obj
def list_tenants(invocation: Invocation, limit: int) -> None:
    """Show the newest tenants."""
    page = invocation.api.listing("/api/tenants", {}, limit=limit)
    show.listing(page, COLUMNS, as_text=invocation.as_text)


@tenants.command("create")
@click.argument("name")
@click.pass_obj
def create_tenant(invocation: Invocation, name: str) -> None:
    """Make a tenant."""
    show.thing(invocation.api.create("/api/tenants", {"name": name}), as_text=invocation.as_text)
    show.said(f"Created the tenant {name}.")
    show.said(f"Give it users with `monoize users create USERNAME --tenant {shlex.quote(name)}`.")


@tenants.command("suspend")
@click.argument("tenant")
@click.pass_obj
def suspend_tenant(invocation: Invocation, tenant: str) -> None:
    """Shut out all users, keys and tokens of a tenant."""
    name = _set_status(invocation, tenant, "suspended")
    show.said(f"Suspended the tenant {name}: its users, keys and tokens are refused.")
    show.said(f"Undo it with `monoize tenants activate {shlex.quote(name)}`.")


@tenants.command("activate")
@click.argument("tenant")
@click.pass_obj
def activate_tenant(invocation: Invocation, tenant: str) -> None:
    """Let a suspended tenant in again."""
    name = _set_status(invocation, tenant, "active")
    show.said(f"Activated the tenant {name}: its users, keys and tokens work again.")


def _set_status(invocation: Invocation, tenant: str, status: str) -> str:
    """The tenant's name."""
    tenant_id = find.tenant_id(invocation.api, tenant)
    changed = invocation.api.patch(f"/api/tenants/{tenant_id}", {"status": status})
    if invocation.json:
        show.as_json(changed)
    return str(changed["name"])
