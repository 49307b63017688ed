"""What a month has used beside what the plan includes, as meters. Pure."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from monoize.control.compute.model.answers import Gauge, MonthUsage
from monoize.control.compute.model.overage import NANO_PER_CENT
from monoize.dashboard.charts import share
from monoize.dashboard.format import long_bytes, usd

_MS_PER_HOUR: Final = 3_600_000
_MB_SECONDS_PER_GB_HOUR: Final = 1024 * 3600


class Meter(NamedTuple):
    """For `ui.meter`."""

    label: str
    full: float
    said: str


def gauges_of(month: MonthUsage) -> Sequence[Meter]:
    """Without what no provider of theirs meters."""
    meters = [Meter("Traffic", _full(month.bandwidth), _of(month.bandwidth, long_bytes))]
    if month.cpu:
        meters.append(Meter("CPU time", _full(month.cpu), _of(month.cpu, cpu_hours)))
    if month.memory:
        meters.append(Meter("Memory", _full(month.memory), _of(month.memory, gb_hours)))
    meters.append(Meter("Storage of the fullest machine", _full(month.storage), _of(month.storage, long_bytes)))
    return meters


def budget_of(month: MonthUsage) -> Meter:
    cost, budget = month.overage_cost_cents, month.overage_budget_cents
    return Meter("Budget for overage", share(cost, budget), f"{cents(cost)} of {cents(budget)}")


def cents(amount: int) -> str:
    return usd(amount * NANO_PER_CENT)


def cpu_hours(ms: int) -> str:
    return f"{ms / _MS_PER_HOUR:,.1f} h"


def gb_hours(mb_seconds: int) -> str:
    return f"{mb_seconds / _MB_SECONDS_PER_GB_HOUR:,.1f} GB-hours"


def _full(gauge: Gauge) -> float:
    return share(gauge.used, gauge.limit)


def _of(gauge: Gauge, show: Callable[[int], str]) -> str:
    return f"{show(gauge.used)} of {show(gauge.limit)}"
