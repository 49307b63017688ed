"""`monoize stop`: the kill switch."""

from typing import Final

import click

from monoize.cli import find, show
from monoize.cli.api import Json
from monoize.cli.invocation import Invocation
from monoize.cli.values import limit_option
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("scope", "subject", "reason", "stopped_by", "created_at", "id")
_PATH: Final = "/api/stops"

reason_option = click.option("--reason", required=True, help="Why; whoever is refused is told.")


@click.group(cls=RemoteNoun)
def stop() -> None:
    """The kill switch: within a second, for everybody, whatever their role. A STOP is an id."""


@stop.command("everything")
@reason_option
@click.pass_obj
def stop_everything(invocation: Invocation, reason: str) -> None:
    """Stop all agents and all requests to models."""
    _made(invocation, {"scope": "global", "reason": reason}, "Everything")


@stop.command("tenant")
@click.argument("tenant")
@reason_option
@click.pass_obj
def stop_tenant(invocation: Invocation, tenant: str, reason: str) -> None:
    """Stop a tenant: its agents, its keys, and agents of others that it uses."""
    tenant_id = find.tenant_id(invocation.api, tenant)
    _made(invocation, {"scope": "tenant", "subject": tenant_id, "reason": reason}, f"The tenant {tenant}")


@stop.command("agent")
@click.argument("record")
@reason_option
@click.pass_obj
def stop_agent(invocation: Invocation, record: str, reason: str) -> None:
    """Stop all agents of a record, which is named by its name or its id."""
    found = find.agent_record(invocation.api, record)
    _made(invocation, {"scope": "agent", "subject": found["id"], "reason": reason}, f"The agent {found['name']}")


@stop.command("list")
@limit_option
@click.pass_obj
def list_stops(invocation: Invocation, limit: int) -> None:
    """Show what is stopped now."""
    show.listing(invocation.api.listing(_PATH, {}, limit=limit), COLUMNS, as_text=invocation.as_text)


@stop.command("lift")
@click.argument("stop_id", metavar="STOP")
@click.option("--reason", help="Why, for those who read the audit log.")
@click.pass_obj
def lift_stop(invocation: Invocation, stop_id: str, reason: str | None) -> None:
    """Let what was stopped go on."""
    lifted = invocation.api.create(f"{_PATH}/{stop_id}/lift", {} if reason is None else {"reason": reason})
    show.thing(lifted, as_text=invocation.as_text)
    show.said("Lifted: what was stopped by it may go on.")


def _made(invocation: Invocation, body: Json, what: str) -> None:
    made = invocation.api.create(_PATH, body)
    show.thing(made, as_text=invocation.as_text)
    show.said(f"{what} is stopped. `monoize stop lift {made['id']}` lets it go on.")
