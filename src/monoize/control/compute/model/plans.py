"""Plans and machine presets as values: how much of what a month includes, and what a machine is made of. Pure."""

import dataclasses
import datetime as dt
from typing import Final

from monoize.base.ids import is_id

GIB: Final = 2**30
PLAN_NAME: Final = r"^[a-z0-9][a-z0-9._-]{0,63}$"
COUNT_MOST: Final = 100_000
AMOUNT_MOST: Final = 2**62
RATE_CENTS_MOST: Final = 10**9


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What somebody may have, what a month includes, and what more of it costs, in cents for each unit."""

    id: str
    name: str
    max_agents: int
    max_vpses: int
    max_bandwidth_bytes: int
    max_storage_bytes: int
    max_cpu_ms: int
    max_memory_mb_seconds: int
    overage_bandwidth_cost_per_gb_cents: int
    overage_cpu_cost_per_hour_cents: int
    overage_memory_cost_per_gb_hour_cents: int
    created_at: dt.datetime
    updated_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A size of machine at a provider. `image` is what that provider starts."""

    id: str
    name: str
    provider: str
    image: str
    cpu_millicores: int
    memory_mb: int
    disk_gb: int
    created_at: dt.datetime
    updated_at: dt.datetime


def plain_name(text: str) -> str:
    """The name itself. ValueError when it could be read as an id."""
    if is_id(text):
        raise ValueError("must not look like an id")
    return text
