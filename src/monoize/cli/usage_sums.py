"""`monoize usage show` and `usage summary`: what went through the gateway, or hosts report, summed up."""

from collections.abc import Sequence
from typing import Any, Final

import click

from monoize.cli import find, show
from monoize.cli.api import Json
from monoize.cli.hosts import HOST
from monoize.cli.invocation import Invocation
from monoize.cli.keys import owner_option
from monoize.cli.values import TIME
from monoize.cli.verb import RemoteVerb

DIMENSIONS: Final = ("tenant", "user", "key", "agent", "host", "provider", "model", "served_model")
SUMS: Final = (
    "calls",
    "error_rate",
    "total_input_tokens",
    "output_tokens",
    "cache_hit_rate",
    "p50_ms",
    "p95_ms",
    "charge_nano_usd",
)
REPORTED_SUMS: Final = ("calls", "total_input_tokens", "output_tokens", "cache_hit_rate")
BEHIND: Final = ("cost_nano_usd", "unpriced_calls")
"""What those see who may read everybody's ledger."""


source_option = click.option(
    "--source",
    type=click.Choice(["gateway", "reported"]),
    help="What went through the gateway, or what hosts report besides; the gateway when not given.",
)


@click.command("show", cls=RemoteVerb)
@owner_option
@source_option
@click.option("--everybody", is_flag=True, help="Of all users.")
@click.option("--by", metavar="NAMES", help=f"At most two, with a comma: {', '.join(DIMENSIONS)}.")
@click.option("--step", type=click.Choice(["hour", "day"]), help="A row for each; one for all of the time without.")
@click.option("--since", type=TIME, help="30 days, or 48 hours, before --until when not given.")
@click.option("--until", type=TIME, help="Now when not given.")
@click.option("--key", metavar="KEY", help="Only with this key.")
@click.option("--agent", metavar="AGENT", help="Only of this agent.")
@click.option("--host", type=HOST, metavar="HOST", help="Only of this one, of what hosts report.")
@click.option("--model", help="Only for this model, as it was asked for.")
@click.option("--provider", help="Only through this provider.")
@click.pass_obj
def show_sums(
    invocation: Invocation,
    /,
    user: str | None,
    everybody: bool,
    by: str | None,
    key: str | None,
    agent: str | None,
    host: str | None,
    **filters: str | None,
) -> None:
    """Show what requests to models came to, what was charged most first."""
    if user and everybody:
        raise click.UsageError("--user and --everybody exclude each other")
    owner_id = find.user_id(invocation.api, user)
    params: Json = {
        **filters,
        "group_by": by,
        "user_id": owner_id,
        "everybody": everybody or None,
        "key_id": find.key(invocation.api, key, owner_id=owner_id)["id"] if key else None,
        "agent_id": find.agent(invocation.api, agent, owner_id=owner_id)["id"] if agent else None,
        "host_id": invocation.api.get(f"/api/fleet/hosts/{host}")["id"] if host else None,
    }
    found = invocation.api.get("/api/telemetry/usage", params)
    if not invocation.as_text:
        show.as_json(found)
        return
    items = found["items"] if by or found["step"] else []
    when = ["at"] if found["step"] else []
    names = list(items[0]["by"]) if items else []
    rows = [
        [*(show.time(row["at"]) for _ in when), *(show.value(name, row["by"][name]) for name in names)]
        for row in items
    ]
    titles = [*when, *names] or ["span"]
    rows.append(["total", *[""] * (len(titles) - 1)])
    _table(titles, rows, [*(row["usage"] for row in items), found["total"]], filters["source"])


@click.command("summary", cls=RemoteVerb)
@owner_option
@source_option
@click.option("--everybody", is_flag=True, help="Of all users.")
@click.pass_obj
def show_summary(invocation: Invocation, user: str | None, everybody: bool, source: str | None) -> None:
    """Show today and this month (UTC)."""
    if user and everybody:
        raise click.UsageError("--user and --everybody exclude each other")
    params = {"user_id": find.user_id(invocation.api, user), "everybody": everybody or None, "source": source}
    found = invocation.api.get("/api/telemetry/summary", params)
    if invocation.as_text:
        _table(["span"], [["today"], ["month"]], [found["today"], found["month"]], source)
    else:
        show.as_json(found)


def _table(
    titles: Sequence[str], names: Sequence[Sequence[str]], sums: Sequence[dict[str, Any]], source: str | None
) -> None:
    columns = (
        *(REPORTED_SUMS if source == "reported" else SUMS),
        *(BEHIND if sums[-1]["cost_nano_usd"] is not None else ()),
    )
    rows = [
        [*row, *(show.value(column, usage[column]) for column in columns)]
        for row, usage in zip(names, sums, strict=True)
    ]
    show.table([*map(show.label, titles), *map(show.label, columns)], rows)
