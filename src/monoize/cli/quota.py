"""`monoize quota`: how much of their allowance the accounts of pools have used."""

from typing import Any, Final
from urllib.parse import quote

import click

from monoize.cli import show
from monoize.cli.api import Json
from monoize.cli.invocation import Invocation
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("pool", "verdict", "five_hours", "week", "day", "plan_type", "fetched_at", "error")
HISTORY_COLUMNS: Final = ("fetched_at", "primary_used_percent", "secondary_used_percent")


@click.group(cls=RemoteNoun)
def quota() -> None:
    """How much of their allowance the accounts of pools have used. A POOL is a name or an id."""


@quota.command("list")
@click.pass_obj
def list_quotas(invocation: Invocation) -> None:
    """Show every pool whose account can be asked; after an arrow, what it comes to at this pace."""
    found = invocation.api.get("/api/fleet/quota")
    if invocation.as_text:
        _show([_row(each) for each in found["items"]])
    else:
        show.as_json(found)


@quota.command("refresh")
@click.argument("pool")
@click.pass_obj
def refresh_quota(invocation: Invocation, pool: str) -> None:
    """Ask the account of one pool now, unless it was asked less than five minutes ago."""
    found = invocation.api.post(f"{_address(pool)}/refresh")
    if invocation.as_text:
        _show([_row(found)])
    else:
        show.as_json(found)
    usage = found["standing"]["chatgpt_usage"]
    if usage is not None:
        show.said(f"It can be asked again at {show.time(usage['next_eligible_at'])}.")


@quota.command("history")
@click.argument("pool")
@click.option("--days", type=click.IntRange(1, 400), default=60, show_default=True, help="How far back.")
@click.pass_obj
def show_history(invocation: Invocation, pool: str, days: int) -> None:
    """Show how much of the short and of the long window was used, over time."""
    found = invocation.api.get(f"{_address(pool)}/history", {"days": days})
    if invocation.as_text:
        rows = [[show.value(name, point[name]) for name in HISTORY_COLUMNS] for point in found["items"]]
        show.table(["at", "five hours %", "week %"], rows)
    else:
        show.as_json(found)


def _show(rows: list[dict[str, Any]]) -> None:
    show.table(
        [show.label(name) for name in COLUMNS], [[show.value(name, row[name]) for name in COLUMNS] for row in rows]
    )


def _row(each: Json) -> dict[str, Any]:
    standing = each["standing"]
    usage = standing["chatgpt_usage"] or {}
    return dict.fromkeys(COLUMNS) | {
        "pool": each["pool"],
        "verdict": standing["quota_verdict"],
        "five_hours": _window(usage.get("primary_window")),
        "week": _window(usage.get("secondary_window")),
        "day": _percent(usage.get("daily_used_percent"), usage.get("daily_projected_percent")),
        **{name: usage.get(name) for name in ("plan_type", "fetched_at", "error")},
    }


def _window(window: Json | None) -> str | None:
    return _percent(window["used_percent"], window["projected_percent"]) if window else None


def _percent(used: int | None, projected: int | None) -> str | None:
    if used is None:
        return None
    return f"{used} %" if projected is None else f"{used} % → {projected} %"


def _address(pool: str) -> str:
    return f"/api/fleet/quota/{quote(pool, safe='')}"
