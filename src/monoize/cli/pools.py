"""`monoize pools`: which hosts share one login, and on what terms."""

import re
from collections.abc import Callable
from typing import Any, Final

import click

from monoize.cli import ask, show
from monoize.cli.invocation import Invocation
from monoize.cli.values import Matching, limit_option, yes_option
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("name", "tool", "mode", "validation", "client_version", "refresh_error", "id")
_PATH: Final = "/api/fleet/pools"

POOL: Final = Matching("pool", re.compile(r"[a-z0-9][a-z0-9._-]{0,63}"), "the name or id of a pool")
_TERMS: Final = (
    click.option("--tool", type=click.Choice(["codex", "claude", "gemini"]), help="Whose login it is."),
    click.option(
        "--mode",
        type=click.Choice(["shared", "hub", "api_key", "gateway"]),
        help="Hosts renew the login themselves, the hub alone does, it is an API key, or there is none.",
    ),
    click.option(
        "--validation", type=click.Choice(["required", "advisory", "off"]), help="Whether logins are tried."
    ),
    click.option("--keep", "payloads_kept", type=click.IntRange(1, 1000), help="How many earlier logins are kept."),
    click.option(
        "--inactivity-days", type=click.IntRange(0, 3650), help="Then silent hosts are forgotten; 0: never."
    ),
    click.option("--quota-stops/--quota-warns", "quota_hard_fail", default=None, help="What a spent quota does."),
    click.option(
        "--quota-limit", "quota_limit_percent", type=click.IntRange(50, 100), help="What counts as spent."
    ),
    click.option(
        "--week-partition",
        "quota_week_partition",
        type=click.Choice(["0", "5", "7"]),
        callback=lambda _, __, given: None if given is None else int(given),
        help="Days that the weekly quota is divided into; 0: none.",
    ),
    click.option("--silent/--talkative", "silent", default=None, help="Whether its couriers say little."),
)


def terms_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_TERMS):
        command = option(command)
    return command


@click.group(cls=RemoteNoun)
def pools() -> None:
    """Sets of hosts with one login. A POOL is a name or an id."""


@pools.command("list")
@limit_option
@click.pass_obj
def list_pools(invocation: Invocation, limit: int) -> None:
    """Show the newest pools."""
    show.listing(invocation.api.listing(_PATH, {}, limit=limit), COLUMNS, as_text=invocation.as_text)


@pools.command("show")
@click.argument("pool", type=POOL)
@click.pass_obj
def show_pool(invocation: Invocation, pool: str) -> None:
    """Show one pool with all its terms."""
    show.thing(invocation.api.get(f"{_PATH}/{pool}"), as_text=invocation.as_text)


@pools.command("create")
@click.argument("name", type=POOL)
@terms_options
@click.pass_obj
def create_pool(invocation: Invocation, /, name: str, **terms: Any) -> None:
    """Make a pool."""
    show.thing(invocation.api.create(_PATH, {"name": name, **_given(terms)}), as_text=invocation.as_text)
    show.said(f"Created the pool {name}.")
    show.said(f"Give it hosts with `monoize hosts register FQDN --pool {name}`.")


@pools.command("update")
@click.argument("pool", type=POOL)
@click.option("--name", type=POOL, help="Its new name.")
@click.option("--version", "client_version", metavar="VERSION", help="Of the tool, which its hosts are held to.")
@click.option("--any-version", is_flag=True, help="Its hosts are no longer held to one.")
@terms_options
@click.pass_obj
def update_pool(invocation: Invocation, /, pool: str, any_version: bool, **terms: Any) -> None:
    """Change what is given and nothing else."""
    if any_version and terms["client_version"]:
        raise click.UsageError("--version and --any-version exclude each other")
    body = _given(terms) | ({"client_version": None} if any_version else {})
    if not body:
        raise click.UsageError("nothing to change was given")
    changed = invocation.api.patch(f"{_PATH}/{pool}", body)
    show.thing(changed, as_text=invocation.as_text)
    show.said(f"Updated the pool {changed['name']}.")


@pools.command("delete")
@click.argument("pool", type=POOL)
@yes_option
@click.pass_obj
def delete_pool(invocation: Invocation, pool: str, yes: bool) -> None:
    """Delete a pool without hosts, with every login that was kept of it."""
    found = invocation.api.get(f"{_PATH}/{pool}")
    ask.confirmed_by_name("pool", found["name"], yes=yes)
    invocation.api.delete(f"{_PATH}/{found['id']}")
    show.said(f"Deleted the pool {found['name']} with its logins.")


def _given(terms: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in terms.items() if value is not None}
