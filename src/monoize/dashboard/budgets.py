"""What may be spent in a time and how much of it is: budgets of keys, of machines and of agents, as meters.

Read for the home page, so bounded: the keys of one person, and the newest agents that have windows of their own.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Final, NamedTuple

from monoize.base.clock import utc_now
from monoize.control.compute.actions import usage
from monoize.control.compute.services import Compute
from monoize.control.edge.wire import PAGE_MOST, Window
from monoize.control.governance.actions import records, spending
from monoize.control.governance.errors import ConfigTampered
from monoize.control.governance.model.records import RecordFilter
from monoize.control.governance.model.windows import WindowUse
from monoize.control.identity.actions import keys
from monoize.control.ledger.actions import statements
from monoize.dashboard.charts import share
from monoize.dashboard.format import short_usd
from monoize.dashboard.gauges import budget_of, gauges_of
from monoize.dashboard.session import Person
from monoize.infra.db import Tx

SHOWN_MOST: Final = 6
AGENTS_MOST: Final = 10
_ALL: Final = Window(PAGE_MOST, None)
_PERIODS: Final = {"day": "today", "week": "this week", "month": "this month", "total": "for good"}


class Budget(NamedTuple):
    """For `ui.meter`; `href` leads to where it is set."""

    label: str
    full: float
    said: str
    href: str


async def budgets_of(tx: Tx, person: Person, compute: Compute) -> Sequence[Budget]:
    """The fullest first."""
    found = [*await _of_keys(tx, person), *await _of_machines(tx, person, compute), *await _of_agents(tx, person)]
    return sorted(found, key=lambda budget: -budget.full)[:SHOWN_MOST]


def window_meter(use: WindowUse, label: str, href: str = "") -> Budget:
    said = _said(use.spent_nano_usd, use.limit_nano_usd)
    return Budget(label, share(use.spent_nano_usd, use.limit_nano_usd), said, href)


def period_said(use: WindowUse) -> str:
    return _PERIODS[use.period]


async def _of_keys(tx: Tx, person: Person) -> list[Budget]:
    owned = await keys.list_keys(tx, _ALL, user_id=person.user_id)
    bound = [key for key in owned.items if (key.daily_budget_nano_usd, key.monthly_budget_nano_usd) != (None, None)]
    if not bound:
        return []
    ids = [key.id for key in bound]
    today = utc_now().date()
    until = today + dt.timedelta(days=1)
    of_day = await statements.spent_with_keys(tx, ids, since=today, until=until)
    of_month = await statements.spent_with_keys(tx, ids, since=today.replace(day=1), until=until)
    budgets: list[Budget] = []
    for key in bound:
        for limit, spent, when in (
            (key.daily_budget_nano_usd, of_day, "today"),
            (key.monthly_budget_nano_usd, of_month, "this month"),
        ):
            if limit is not None:
                used = spent.get(key.id, 0)
                label = f"Key {key.name}, {when}"
                budgets.append(Budget(label, share(used, limit), _said(used, limit), f"/keys/{key.id}"))
    return budgets


async def _of_machines(tx: Tx, person: Person, compute: Compute) -> list[Budget]:
    """What the plan includes, for those who use some of it, and what may be spent beyond."""
    month = await usage.of_user(tx, person.user_id, compute.drivers.metered, utc_now())
    meters = [meter for meter in gauges_of(month) if meter.full > 0]
    if month.overage_budget_cents or month.overage_cost_cents:
        meters.append(budget_of(month))
    return [Budget(f"Machines: {meter.label.lower()}", meter.full, meter.said, "/plan") for meter in meters]


async def _of_agents(tx: Tx, person: Person) -> list[Budget]:
    if not person.may("governance.read"):
        return []
    active = (await records.list_records(tx, _ALL, RecordFilter(status="active"))).items
    limited = [each for each in active if not each.baseline and each.policies["budgets_json"].get("windows")]
    budgets: list[Budget] = []
    for record in limited[:AGENTS_MOST]:
        try:
            windows = await spending.windows_of(tx, record, utc_now())
        except ConfigTampered:  # Nothing is in force, and its own page says why.
            continue
        budgets += [
            window_meter(use, f"Agent {record.name}, {period_said(use)}", f"/agent-records/{record.id}")
            for use in windows
        ]
    return budgets


def _said(spent: int, limit: int) -> str:
    return f"{short_usd(spent)} of {short_usd(limit)}"
