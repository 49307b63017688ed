"""Plans, standings, readings and machines as values, for tests of what is decided about them."""

import datetime as dt
from typing import Any, Final

from monoize.control.compute.model.machines import Reading
from monoize.control.compute.model.overage import Balance, Standing, Usage
from monoize.control.compute.model.plans import Plan

NOW: Final = dt.datetime(2026, 5, 17, 12, tzinfo=dt.UTC)
MONTH: Final = dt.date(2026, 5, 1)
GB: Final = 2**30
HOUR_MS: Final = 3_600_000
GB_HOUR: Final = 1024 * 3600


def plan(**changes: Any) -> Plan:
    """One of each unit is included, and the next costs 10, 100 and 1000 cents."""
    values: dict[str, Any] = {
        "id": "01a1fc11-0000-7000-8000-000000000001",
        "name": "small",
        "max_agents": 2,
        "max_vpses": 2,
        "max_bandwidth_bytes": GB,
        "max_storage_bytes": GB,
        "max_cpu_ms": HOUR_MS,
        "max_memory_mb_seconds": GB_HOUR,
        "overage_bandwidth_cost_per_gb_cents": 10,
        "overage_cpu_cost_per_hour_cents": 100,
        "overage_memory_cost_per_gb_hour_cents": 1000,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Plan(**{**values, **changes})


def standing(usage: Usage, *, budget: int = 0, charged: int = 0, nano: int = 1, **changes: Any) -> Standing:
    return Standing(MONTH, plan(**changes), usage, budget, charged, Balance(nano))


def reading(cpu_ms: int | None, *, epoch: str = "a", after_s: int = 0, memory: int | None = None) -> Reading:
    return Reading(epoch=epoch, at=NOW + dt.timedelta(seconds=after_s), cpu_ms=cpu_ms, memory_mb_seconds=memory)
