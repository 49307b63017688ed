"""`monoize plans`: how many agents and machines people may have, what a month includes, and what more costs."""

import re
from collections.abc import Callable
from typing import Any, Final

import click

from monoize.cli import ask, find, show
from monoize.cli.invocation import Invocation
from monoize.cli.values import Matching, limit_option, yes_option
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("name", "max_agents", "max_vpses", "max_bandwidth_bytes", "max_cpu_ms", "id")
_PATH: Final = "/api/plans"
_GIB: Final = 2**30
_MS_PER_HOUR: Final = 3_600_000
_MB_SECONDS_PER_GB_HOUR: Final = 1024 * 3600

PLAN: Final = Matching("plan", re.compile(r"[a-z0-9][a-z0-9._-]{0,63}"), "the name or id of a plan")
PRESET: Final = Matching("preset", re.compile(r"[a-z0-9][a-z0-9._-]{0,63}"), "the name or id of a preset")


def _times(unit: int) -> Callable[[Any, Any, int | None], int | None]:
    return lambda _, __, given: None if given is None else given * unit


_TERMS: Final = (
    click.option("--agents", "max_agents", type=click.IntRange(0, 100_000), help="Agents at a time."),
    click.option("--machines", "max_vpses", type=click.IntRange(0, 100_000), help="Machines at a time."),
    click.option(
        "--bandwidth-gb",
        "max_bandwidth_bytes",
        type=click.IntRange(0, 10**6),
        callback=_times(_GIB),
        help="Traffic of a month.",
    ),
    click.option(
        "--storage-gb",
        "max_storage_bytes",
        type=click.IntRange(0, 10**6),
        callback=_times(_GIB),
        help="Storage of each machine.",
    ),
    click.option(
        "--cpu-hours",
        "max_cpu_ms",
        type=click.IntRange(0, 10**6),
        callback=_times(_MS_PER_HOUR),
        help="CPU time of a month.",
    ),
    click.option(
        "--memory-gb-hours",
        "max_memory_mb_seconds",
        type=click.IntRange(0, 10**7),
        callback=_times(_MB_SECONDS_PER_GB_HOUR),
        help="Memory over the time of a month.",
    ),
    click.option(
        "--bandwidth-cents",
        "overage_bandwidth_cost_per_gb_cents",
        type=click.IntRange(0, 10**9),
        help="For each GB of traffic beyond that.",
    ),
    click.option(
        "--cpu-cents",
        "overage_cpu_cost_per_hour_cents",
        type=click.IntRange(0, 10**9),
        help="For each hour of CPU beyond that.",
    ),
    click.option(
        "--memory-cents",
        "overage_memory_cost_per_gb_hour_cents",
        type=click.IntRange(0, 10**9),
        help="For each GB-hour of memory beyond that.",
    ),
)


def terms_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_TERMS):
        command = option(command)
    return command


@click.group(cls=RemoteNoun)
def plans() -> None:
    """What people may have and use. A PLAN is a name or an id."""


@plans.command("list")
@limit_option
@click.pass_obj
def list_plans(invocation: Invocation, limit: int) -> None:
    """Show the newest plans; to whoever does not administer them, their own."""
    show.listing(invocation.api.listing(_PATH, {}, limit=limit), COLUMNS, as_text=invocation.as_text)


@plans.command("show")
@click.argument("plan", type=PLAN)
@click.pass_obj
def show_plan(invocation: Invocation, plan: str) -> None:
    """Show one plan with all its terms."""
    show.thing(invocation.api.get(f"{_PATH}/{plan}"), as_text=invocation.as_text)


@plans.command("create")
@click.argument("name", type=PLAN)
@terms_options
@click.pass_obj
def create_plan(invocation: Invocation, /, name: str, **terms: Any) -> None:
    """Make a plan; without --agents and --machines it allows one of each."""
    body = {"name": name, "max_agents": 1, "max_vpses": 1, **_given(terms)}
    show.thing(invocation.api.create(_PATH, body), as_text=invocation.as_text)
    show.said(f"Created the plan {name}.")
    show.said(f"Say which machines it includes with `monoize plans link {name} PRESET`.")


@plans.command("update")
@click.argument("plan", type=PLAN)
@click.option("--name", type=PLAN, help="Its new name.")
@terms_options
@click.pass_obj
def update_plan(invocation: Invocation, /, plan: str, **terms: Any) -> None:
    """Change what is given and nothing else. It holds for the present month, too."""
    body = _given(terms)
    if not body:
        raise click.UsageError("nothing to change was given")
    changed = invocation.api.patch(f"{_PATH}/{plan}", body)
    show.thing(changed, as_text=invocation.as_text)
    show.said(f"Updated the plan {changed['name']}.")


@plans.command("delete")
@click.argument("plan", type=PLAN)
@yes_option
@click.pass_obj
def delete_plan(invocation: Invocation, plan: str, yes: bool) -> None:
    """Delete a plan. Whoever is on it is on none then, and their machines are stopped."""
    found = invocation.api.get(f"{_PATH}/{plan}")
    ask.confirmed_by_name("plan", found["name"], yes=yes)
    invocation.api.delete(f"{_PATH}/{found['id']}")
    show.said(f"Deleted the plan {found['name']}.")


@plans.command("link")
@click.argument("plan", type=PLAN)
@click.argument("preset", type=PRESET)
@click.pass_obj
def link(invocation: Invocation, plan: str, preset: str) -> None:
    """Let machines of this preset be made by whoever is on the plan."""
    invocation.api.put(f"{_PATH}/{plan}/vps-configs/{preset}", {})
    show.said(f"The plan {plan} includes {preset}.")


@plans.command("unlink")
@click.argument("plan", type=PLAN)
@click.argument("preset", type=PRESET)
@click.pass_obj
def unlink(invocation: Invocation, plan: str, preset: str) -> None:
    """No more of them are made; those that were stay."""
    invocation.api.delete(f"{_PATH}/{plan}/vps-configs/{preset}")
    show.said(f"The plan {plan} does not include {preset} any more.")


@plans.command("assign")
@click.argument("user")
@click.argument("plan", type=PLAN, required=False)
@click.option("--none", "off", is_flag=True, help="Take the user off every plan.")
@click.pass_obj
def assign(invocation: Invocation, user: str, plan: str | None, off: bool) -> None:
    """Put a user on a plan."""
    if off == (plan is not None):
        raise click.UsageError("give a PLAN or --none")
    user_id = find.user_id(invocation.api, user)
    show.thing(invocation.api.put(f"/api/users/{user_id}/plan", {"plan": plan}), as_text=invocation.as_text)
    show.said(f"{user} is on the plan {plan}." if plan else f"{user} is on no plan.")


def _given(terms: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in terms.items() if value is not None}
