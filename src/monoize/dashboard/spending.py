"""What was spent, day by day: added up from the daily sums that the rooms keep. Pure.

People see what they were charged; whoever may read everybody's ledger sees what the whole house costs at its
providers. No row of a request is read for it.
"""

import dataclasses
import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from monoize.control.ledger.model.entries import DaySum
from monoize.control.telemetry.model.calls import Cost
from monoize.dashboard.charts import Chart, Series, sparkline, stacked
from monoize.dashboard.charts import Line as Drawn
from monoize.dashboard.format import day_of_month, short_usd

DAYS: Final = 30
SHOWN_APART_MOST: Final = 6
OTHERS: Final = "others"
_CHARGES: Final = frozenset({"request_charge", "api_key_charge", "compute_overage"})


@dataclasses.dataclass(frozen=True, slots=True)
class Spent:
    """So much of one kind on one day."""

    day: dt.date
    what: str
    nano_usd: int
    calls: int
    unpriced: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Spending:
    today_nano_usd: int
    month_nano_usd: int
    calls_today: int
    calls_month: int
    unpriced_month: int
    line: Drawn
    calls_line: Drawn
    chart: Chart


def charged(sums: Iterable[DaySum]) -> list[Spent]:
    """The charges among what moved one user's balances; top-ups and transfers are not spending."""
    return [
        Spent(one.day, _WORDS[one.kind], -one.total_nano_usd, one.entries) for one in sums if one.kind in _CHARGES
    ]


_WORDS: Final = {
    "request_charge": "requests",
    "api_key_charge": "requests on keys' own balances",
    "compute_overage": "machines",
}


def cost(costs: Iterable[Cost]) -> list[Spent]:
    return [Spent(one.day, one.provider, one.cost_nano_usd, one.calls, one.unpriced_calls) for one in costs]


def first_day(today: dt.date) -> dt.date:
    """The first of the days that are asked for: the chart's, among which are those of this month."""
    return min(today - dt.timedelta(days=DAYS - 1), today.replace(day=1))


def added_up(spent: Sequence[Spent], today: dt.date, title: str) -> Spending:
    month = [one for one in spent if (one.day.year, one.day.month) == (today.year, today.month)]
    now = [one for one in spent if one.day == today]
    days = [today - dt.timedelta(days=back) for back in reversed(range(DAYS))]
    return Spending(
        today_nano_usd=sum(one.nano_usd for one in now),
        month_nano_usd=sum(one.nano_usd for one in month),
        calls_today=sum(one.calls for one in now),
        calls_month=sum(one.calls for one in month),
        unpriced_month=sum(one.unpriced for one in month),
        line=sparkline(_daily(spent, days, "nano_usd")),
        calls_line=sparkline(_daily(spent, days, "calls")),
        chart=stacked(title, [day_of_month(day) for day in days], _series(spent, days), _shown),
    )


def _series(spent: Sequence[Spent], days: Sequence[dt.date]) -> list[Series]:
    """One for each of those that came to most, and one for all others."""
    totals = Counter[str]()
    for one in spent:
        totals[one.what] += one.nano_usd
    apart = [what for what, _ in totals.most_common(SHOWN_APART_MOST)]
    groups: dict[str, list[Spent]] = {what: [] for what in apart}
    for one in spent:
        groups.setdefault(one.what if one.what in apart else OTHERS, []).append(one)
    return [Series(what, _daily(group, days, "nano_usd")) for what, group in groups.items()]


def _daily(spent: Iterable[Spent], days: Sequence[dt.date], number: str) -> list[int]:
    sums = Counter[dt.date]()
    for one in spent:
        sums[one.day] += getattr(one, number)
    return [sums[day] for day in days]


def _shown(nano_usd: float) -> str:
    return short_usd(int(nano_usd))
