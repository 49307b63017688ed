"""`monoize escalations`: what people were called for."""

from typing import Final

import click

from monoize.cli import find, show
from monoize.cli.invocation import Invocation
from monoize.cli.values import limit_option
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("subject", "detail", "reason", "agent_id", "created_at", "acknowledged_by", "id")
_PATH: Final = "/api/escalations"


@click.group(cls=RemoteNoun)
def escalations() -> None:
    """Agents that broke down, and failures that come again and again. An ESCALATION is an id."""


@escalations.command("list")
@click.option("--record", metavar="RECORD", help="Only those of this agent record.")
@click.option("--all", "everything", is_flag=True, help="Also those that somebody looks after.")
@limit_option
@click.pass_obj
def list_escalations(invocation: Invocation, record: str | None, everything: bool, limit: int) -> None:
    """Show what nobody looks after yet."""
    agent_id = find.agent_record(invocation.api, record)["id"] if record else None
    params = {"agent_id": agent_id, "is_open": None if everything else "true"}
    show.listing(invocation.api.listing(_PATH, params, limit=limit), COLUMNS, as_text=invocation.as_text)


@escalations.command("acknowledge")
@click.argument("escalation")
@click.pass_obj
def acknowledge(invocation: Invocation, escalation: str) -> None:
    """Say that you look after one: nobody else is told."""
    seen = invocation.api.post(f"{_PATH}/{escalation}/acknowledge")
    if invocation.json:
        show.as_json(seen)
    show.said(f"You look after {seen['subject']}.")
