"""`monoize usage`: what hosts report that their tools used, and what it would have cost."""

import datetime as dt
from collections.abc import Callable
from typing import Any, Final

import click

from monoize.cli import show
from monoize.cli.api import Json
from monoize.cli.invocation import Invocation
from monoize.cli.ledger import DAY
from monoize.cli.usage_sums import show_summary, show_sums
from monoize.cli.values import limit_option
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("created_at", "host_id", "entries", "total", "cost_nano_usd", "client_ip", "id")
SUMS: Final = ("input", "cached", "output", "reasoning", "total", "cost_nano_usd", "events", "unpriced")
SPANS: Final = ("day", "week", "month", "all_time")

_WHOSE: Final = (
    click.option("--host", metavar="HOST", help="Of one host, by name or id."),
    click.option("--pool", metavar="POOL", help="Of the hosts of one pool."),
)


def whose_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_WHOSE):
        command = option(command)
    return command


@click.group(cls=RemoteNoun)
def usage() -> None:
    """What went through the gateway (show, summary), and what hosts report besides (list, overview, days)."""


usage.add_command(show_sums)
usage.add_command(show_summary)


@usage.command("list")
@whose_options
@limit_option
@click.pass_obj
def list_usage(invocation: Invocation, host: str | None, pool: str | None, limit: int) -> None:
    """Show the newest reports."""
    page = invocation.api.listing("/api/fleet/usage", {"host": host, "pool": pool}, limit=limit)
    show.listing(page, COLUMNS, as_text=invocation.as_text)


@usage.command("overview")
@whose_options
@click.pass_obj
def show_overview(invocation: Invocation, host: str | None, pool: str | None) -> None:
    """Show today, this week, this month and all time, and the hosts that used most."""
    found = invocation.api.get("/api/fleet/usage/overview", {"host": host, "pool": pool})
    if not invocation.as_text:
        show.as_json(found)
        return
    _table("span", [(span, found[span]) for span in SPANS])
    show.said(f"The week began at {show.time(found['week_began_at'])}.")
    if found["top_hosts"]:
        _table("host", [(each["fqdn"] or str(each["host_id"]), each["usage"]) for each in found["top_hosts"]])


@usage.command("days")
@whose_options
@click.option("--since", type=DAY, help="The first day; 30 days before --until when not given.")
@click.option("--until", type=DAY, help="The day after the last; tomorrow when not given.")
@click.pass_obj
def list_days(
    invocation: Invocation,
    host: str | None,
    pool: str | None,
    since: dt.datetime | None,
    until: dt.datetime | None,
) -> None:
    """Show day by day what was used, from the first day on which anything was."""
    params = {"since": since and since.date().isoformat(), "until": until and until.date().isoformat()}
    found = invocation.api.get("/api/fleet/usage/days", {**params, "host": host, "pool": pool})
    if invocation.as_text:
        _table("day", [(each["day"], each["usage"]) for each in found["items"]])
    else:
        show.as_json(found)


def _table(what: str, sums: list[tuple[str, Json]]) -> None:
    rows: list[list[str]] = [[show.clean(name), *(_shown(each, column) for column in SUMS)] for name, each in sums]
    show.table([what, *map(show.label, SUMS)], rows)


def _shown(usage: dict[str, Any], column: str) -> str:
    return show.value(column, usage[column])
