"""`monoize overage`: what machines have used this month, and how much may be spent beyond the plan."""

from typing import Any, Final

import click

from monoize.cli import find, show
from monoize.cli.api import Json
from monoize.cli.invocation import Invocation
from monoize.cli.values import USD
from monoize.cli.verb import RemoteNoun

MACHINES: Final = (
    "name",
    "provider",
    "state",
    "bandwidth_bytes",
    "cpu_used_ms",
    "memory_used_mb_seconds",
    "storage_used_bytes",
    "id",
)
_GAUGES: Final = ("bandwidth", "storage", "cpu", "memory")
_NANO_PER_CENT: Final = 10_000_000

user_option = click.option("--user", metavar="USER", help="Somebody else, by username or id.")


@click.group(cls=RemoteNoun)
def overage() -> None:
    """What your machines have used this month, and what may be spent beyond the plan."""


@overage.command("show")
@user_option
@click.pass_obj
def show_overage(invocation: Invocation, user: str | None) -> None:
    """Show what was used of the plan, what is beyond it, and each machine's part."""
    told: Json = invocation.api.get(f"/api/users/{_of(invocation, user)}/usage")
    if not invocation.as_text:
        show.as_json(told)
        return
    rows = [(name, _gauge(told[name])) for name in _GAUGES]
    rows += [(show.label(name), show.value(name, told[name])) for name in ("month", "plan", "allowed")]
    rows += [
        (show.label(name), _usd(told[name]))
        for name in ("overage_cost_cents", "overage_budget_cents", "overage_charged_cents")
    ]
    show.record(rows)
    if told["machines"]:
        show.said("")
        titles = [show.label(name) for name in MACHINES]
        show.table(titles, [[show.value(name, each[name]) for name in MACHINES] for each in told["machines"]])


@overage.command("set")
@click.argument("usd", type=USD)
@user_option
@click.pass_obj
def set_budget(invocation: Invocation, usd: str, user: str | None) -> None:
    """Allow so many USD beyond the plan this month, in whole cents; 0 allows nothing."""
    cents, rest = divmod(int(usd), _NANO_PER_CENT)
    if rest:
        raise click.UsageError("a budget is a whole number of cents")
    told = invocation.api.put(f"/api/users/{_of(invocation, user)}/overage-budget", {"budget_cents": cents})
    show.thing(told, as_text=invocation.as_text)
    show.said("Machines that were stopped for the limit start again with `monoize machines start`.")


def _of(invocation: Invocation, user: str | None) -> str:
    return find.user_id(invocation.api, user) or "me"


def _gauge(told: Any) -> str:
    if told is None:
        return "not metered"
    return f"{told['used']} of {told['limit']}{', exceeded' if told['exceeded'] else ''}"


def _usd(cents: int) -> str:
    return f"{show.usd(str(cents * _NANO_PER_CENT))} USD"
