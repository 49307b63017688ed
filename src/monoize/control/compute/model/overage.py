"""What a month's use comes to: the exact price of what is beyond the plan, and whether somebody may go on. Pure.

All arithmetic is in whole numbers, with one rounding up to a whole cent at the end. Use within the plan is free and
always allowed; beyond it, as long as its price is within the budget and there is money on the account.
"""

import dataclasses
import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Final, Literal

from monoize.base.money import round_up
from monoize.control.compute.model.plans import Plan

NANO_PER_CENT: Final = 10_000_000
WARN_AT_PERCENT: Final = (80, 100)
_BYTES_PER_GB: Final = 2**30
_MS_PER_HOUR: Final = 3_600_000
_MB_SECONDS_PER_GB_HOUR: Final = 1024 * 3600

Metered = Literal["bandwidth", "cpu", "memory"]
Subject = Literal["bandwidth", "cpu", "memory", "budget"]


@dataclasses.dataclass(frozen=True, slots=True)
class Usage:
    """What was used in a month, of one machine or of all of somebody's."""

    bandwidth_bytes: int = 0
    cpu_used_ms: int = 0
    memory_used_mb_seconds: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Balance:
    """What is on the account; `unlimited` means that owing is no reason to refuse anything."""

    nano_usd: int
    unlimited: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Standing:
    """Where somebody stands in a month. Without a plan nothing is theirs to use."""

    month: dt.date
    plan: Plan | None
    usage: Usage
    budget_cents: int
    charged_cents: int
    balance: Balance

    @property
    def overage_cents(self) -> int:
        return overage_cents(self.plan, self.usage) if self.plan else 0

    @property
    def allowed(self) -> bool:
        if self.plan is None:
            return False
        if not self.overage_cents:
            return True
        return self.overage_cents <= self.budget_cents and (self.balance.unlimited or self.balance.nano_usd > 0)

    @property
    def due_cents(self) -> int:
        """How much more is to be charged. Never beyond what was agreed to; and nothing is ever taken back."""
        return max(0, min(self.overage_cents, self.budget_cents) - self.charged_cents)


def month_of(moment: dt.datetime) -> dt.date:
    """The first day of its month, in UTC."""
    return moment.astimezone(dt.UTC).date().replace(day=1)


def overage_cents(plan: Plan, used: Usage) -> int:
    """The price of all that is beyond the plan."""
    over_bandwidth = max(0, used.bandwidth_bytes - plan.max_bandwidth_bytes)
    over_cpu = max(0, used.cpu_used_ms - plan.max_cpu_ms)
    over_memory = max(0, used.memory_used_mb_seconds - plan.max_memory_mb_seconds)
    priced = (
        (over_bandwidth * plan.overage_bandwidth_cost_per_gb_cents, _BYTES_PER_GB),
        (over_cpu * plan.overage_cpu_cost_per_hour_cents, _MS_PER_HOUR),
        (over_memory * plan.overage_memory_cost_per_gb_hour_cents, _MB_SECONDS_PER_GB_HOUR),
    )
    whole = _BYTES_PER_GB * _MS_PER_HOUR * _MB_SECONDS_PER_GB_HOUR
    return round_up(sum(cents * (whole // unit) for cents, unit in priced), whole)


def reached(standing: Standing) -> Sequence[tuple[Subject, int]]:
    """Of what somebody should hear: which part of their plan or budget is used up to which percentage.

    Of two steps at once only the higher.
    """
    steps = [
        (subject, max((percent for percent in WARN_AT_PERCENT if used * 100 >= limit * percent), default=0))
        for subject, used, limit in _gauges(standing)
        if used
    ]
    return [(subject, percent) for subject, percent in steps if percent]


def _gauges(standing: Standing) -> Iterator[tuple[Subject, int, int]]:
    plan, usage = standing.plan, standing.usage
    if plan is None:
        return
    yield "bandwidth", usage.bandwidth_bytes, plan.max_bandwidth_bytes
    yield "cpu", usage.cpu_used_ms, plan.max_cpu_ms
    yield "memory", usage.memory_used_mb_seconds, plan.max_memory_mb_seconds
    yield "budget", standing.overage_cents, standing.budget_cents
