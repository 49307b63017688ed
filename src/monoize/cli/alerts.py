"""`monoize alerts`: what an operator should see to."""

from typing import Final
from urllib.parse import quote

import click

from monoize.cli import show
from monoize.cli.invocation import Invocation
from monoize.cli.values import limit_option
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("raised_at", "kind", "subject", "details", "last_seen_at", "id")
KINDS: Final = (
    "stale_host",
    "validation_failing",
    "quota_near",
    "new_ip",
    "clone_detected",
    "refresh_failing",
    "canonical_invalid",
)


@click.group(cls=RemoteNoun)
def alerts() -> None:
    """What an operator should see to: hosts, accounts and credentials with which something is wrong."""


@alerts.command("list")
@click.option("--kind", type=click.Choice(KINDS), help="Only those of one kind.")
@click.option("--settled", is_flag=True, help="Also those that are settled.")
@limit_option
@click.pass_obj
def list_alerts(invocation: Invocation, kind: str | None, settled: bool, limit: int) -> None:
    """Show the newest alerts that are open."""
    params = {"kind": kind, "settled": settled or None}
    columns = (*COLUMNS[:-1], "resolved_at", "id") if settled else COLUMNS
    show.listing(
        invocation.api.listing("/api/fleet/alerts", params, limit=limit), columns, as_text=invocation.as_text
    )


@alerts.command("resolve")
@click.argument("alert_id")
@click.pass_obj
def resolve_alert(invocation: Invocation, alert_id: str) -> None:
    """Say that it has been seen to."""
    resolved = invocation.api.post(f"/api/fleet/alerts/{quote(alert_id, safe='')}/resolve")
    show.thing(resolved, as_text=invocation.as_text)
    show.said(f"Settled. If it is still wrong with {resolved['subject']}, another alert is raised.")
