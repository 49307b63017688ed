"""Limits of a role as they are kept, and what is in force of them at a moment."""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, get_args

import msgspec

from monoize.contract.limits import PRESETS, WITHOUT_A_ROW, CostTier, LimitName, Limits

LIMIT_NAMES: Final[tuple[LimitName, ...]] = get_args(LimitName)
LIST_NAMES: Final = ("allowed_operations", "blocked_operations", "allowed_tools")
WARN_AT_PERCENT: Final = 80


@dataclasses.dataclass(frozen=True, slots=True)
class AgentLimits:
    """What agents of a role may do in a tenant. Null is without limit, of `allowed_tools` as well."""

    id: str
    tenant_id: str
    agent_role_id: str
    cost_tier: CostTier
    max_ai_calls_per_day: int | None
    max_tokens_per_request: int | None
    max_d1_queries_per_minute: int | None
    max_r2_operations_per_day: int | None
    rate_limit_per_minute: int | None
    max_concurrent: int | None
    allowed_operations: Sequence[str]
    blocked_operations: Sequence[str]
    allowed_tools: Sequence[str] | None
    is_corrupt: bool
    notes: str | None
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class LimitOverride:
    """One limit, raised or lowered until a moment: who did it, and why."""

    id: str
    limits_id: str
    limit_name: LimitName
    value: int | None
    reason: str
    granted_by: str
    until: dt.datetime
    created_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Preset:
    """The values of a tier; null is without limit."""

    cost_tier: CostTier
    max_ai_calls_per_day: int | None
    max_tokens_per_request: int | None
    max_d1_queries_per_minute: int | None
    max_r2_operations_per_day: int | None
    rate_limit_per_minute: int | None
    max_concurrent: int | None
    allowed_operations: Sequence[str]
    blocked_operations: Sequence[str]
    allowed_tools: Sequence[str] | None


@dataclasses.dataclass(frozen=True, slots=True)
class CounterUse:
    """How much of a limit is used. A day begins anew at midnight (UTC), a minute is the last sixty seconds."""

    counter: str
    window: str
    limit: int
    used: int
    is_nearly_used_up: bool


def preset(cost_tier: CostTier) -> Preset:
    values = msgspec.structs.asdict(PRESETS[cost_tier])
    return Preset(**{field.name: values[field.name] for field in dataclasses.fields(Preset)})


def filled_in(cost_tier: CostTier, given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a tier, and over them whatever was given."""
    return {**dataclasses.asdict(preset(cost_tier)), **given}


def in_force(found: AgentLimits | None, overrides: Iterable[LimitOverride], now: dt.datetime) -> Limits:
    """Of several overrides of one limit the one that was given last holds."""
    if found is None:
        return WITHOUT_A_ROW
    raised = {each.limit_name: each.value for each in sorted(overrides, key=_age) if each.until > now}
    numbers = {name: getattr(found, name) for name in LIMIT_NAMES} | raised
    tools = found.allowed_tools
    return Limits(
        cost_tier=found.cost_tier,
        **numbers,
        allowed_operations=tuple(found.allowed_operations),
        blocked_operations=tuple(found.blocked_operations),
        allowed_tools=None if tools is None else tuple(tools),
        is_corrupt=found.is_corrupt,
    )


def _age(override: LimitOverride) -> tuple[dt.datetime, str]:
    return override.created_at, override.id


def is_nearly_used_up(used: int, limit: int) -> bool:
    return used * 100 >= limit * WARN_AT_PERCENT
