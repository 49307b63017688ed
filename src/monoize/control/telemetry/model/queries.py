"""What may be asked about usage, and how sums are told to people. Pure."""

import dataclasses
import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from typing import Final, Literal, NamedTuple

from monoize.base.clock import DAY_MS
from monoize.base.cost.measures import CacheUse, shown
from monoize.base.money import round_half_up
from monoize.control.edge.wire import NanoUsd
from monoize.control.telemetry.errors import NotTold, SpanTooLong
from monoize.control.telemetry.model.calls import Source
from monoize.control.telemetry.model.reported import ReportedKey
from monoize.control.telemetry.model.usage import HOUR_MS, Figures, UsageKey, begin, percentile_ms

Step = Literal["hour", "day"]
Dimension = Literal[
    "tenant_id", "user_id", "api_key_id", "agent_id", "host_id", "provider", "model", "served_model"
]
"""Columns of the sums."""
Figure = Literal[
    "calls",
    "input_tokens",
    "output_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "cost_nano",
    "charge_nano",
]
"""What groups may be ranked by."""
Names = tuple[str | int, ...]
"""Of one group, in the order of the dimensions."""
DIMENSIONS_OF: Final[Mapping[Source, frozenset[str]]] = {
    "gateway": frozenset(UsageKey._fields),
    "reported": frozenset(ReportedKey._fields),
}
WEIGHT_OF: Final[Mapping[Source, Figure]] = {"gateway": "charge_nano", "reported": "cost_nano"}
"""What most of it is looked at for: nobody is charged for what hosts report."""
BEHIND: Final = frozenset[Dimension]({"tenant_id", "user_id", "provider", "served_model"})
"""What is told only to those who may read everybody's ledger."""
STEP_MS: Final[Mapping[Step, int]] = {"hour": HOUR_MS, "day": DAY_MS}
STEPS_MOST: Final[Mapping[Step, int]] = {"hour": 24 * 31, "day": 400}
STEPS_UNASKED: Final[Mapping[Step, int]] = {"hour": 48, "day": 30}
DIMENSIONS_MOST: Final = 2
ROWS_MOST: Final = 10_000

UsageFilter = Mapping[Dimension, str | int]


class Span(NamedTuple):
    """Whole hours or whole days of what was used through the gateway, or of what hosts report."""

    step: Step
    since_ms: int
    until_ms: int
    source: Source = "gateway"


class Group(NamedTuple):
    """`at_ms` is None where the whole span is one."""

    at_ms: int | None
    names: Names
    figures: Figures


def span_of(
    step: Step,
    since: dt.datetime | None,
    until: dt.datetime | None,
    now: dt.datetime,
    source: Source = "gateway",
) -> Span:
    """The hours or days that touch what was asked for; the newest ones if nothing was."""
    length_ms = STEP_MS[step]
    end_ms = _ms(until) if until else _ms(now) + 1
    end_ms = begin(end_ms + length_ms - 1, length_ms)
    begin_ms = begin(_ms(since), length_ms) if since else end_ms - STEPS_UNASKED[step] * length_ms
    if end_ms - begin_ms > STEPS_MOST[step] * length_ms:
        raise SpanTooLong(most=STEPS_MOST[step], step=step)
    return Span(step, begin_ms, end_ms, source)


def check_dimensions(source: Source, asked: Collection[Dimension]) -> None:
    if not DIMENSIONS_OF[source].issuperset(asked):
        raise NotTold(source=source, told=sorted(DIMENSIONS_OF[source] - {"at_ms"}))


def moment(at_ms: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(milliseconds=at_ms)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Rates are parts of one, as text with six digits. What it cost us is null to those who may not know it.

    `drift`: by which part of the estimates the charges of the same requests differ from them.
    """

    calls: int
    failed_calls: int
    error_rate: str
    estimated_calls: int
    unpriced_calls: int
    input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cache_read_input_tokens: int
    cache_creation_input_tokens: int
    total_input_tokens: int
    cache_hit_rate: str
    charge_nano_usd: NanoUsd
    cost_nano_usd: NanoUsd | None
    cache_savings_nano_usd: NanoUsd | None
    cache_efficiency: str | None
    mean_ms: int | None
    p50_ms: int | None
    p95_ms: int | None
    mean_first_byte_ms: int | None
    drift: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class UsageRow:
    at: dt.datetime | None
    by: Mapping[Dimension, str | None]
    usage: Usage


@dataclasses.dataclass(frozen=True, slots=True)
class UsageTable:
    since: dt.datetime
    until: dt.datetime
    step: Step | None
    items: Sequence[UsageRow]
    total: Usage


@dataclasses.dataclass(frozen=True, slots=True)
class Ranking:
    """The greatest in their order, and all others together."""

    greatest: Sequence[UsageRow]
    others: Usage
    total: Usage


@dataclasses.dataclass(frozen=True, slots=True)
class Course:
    """The greatest by their names and all others together, step by step; where nothing was, nothing is."""

    greatest: Mapping[str | None, Mapping[dt.datetime, Usage]]
    others: Mapping[dt.datetime, Usage]


@dataclasses.dataclass(frozen=True, slots=True)
class Summary:
    """Of today and of this month, in UTC, and the month day by day."""

    today: Usage
    month: Usage
    days: Sequence[UsageRow]


def told(figures: Figures, *, sees_behind: bool) -> Usage:
    timed, use = sum(figures.durations), _cache_use(figures)
    return Usage(
        calls=figures.calls,
        failed_calls=figures.failed,
        error_rate=_ratio(figures.failed, figures.calls),
        estimated_calls=figures.estimated,
        unpriced_calls=figures.unpriced,
        input_tokens=figures.input_tokens,
        output_tokens=figures.output_tokens,
        reasoning_tokens=figures.reasoning_tokens,
        cache_read_input_tokens=figures.cache_read_input_tokens,
        cache_creation_input_tokens=figures.cache_creation_input_tokens,
        total_input_tokens=use.total_input_tokens,
        cache_hit_rate=shown(use.hit_rate),
        charge_nano_usd=figures.charge_nano,
        cost_nano_usd=figures.cost_nano if sees_behind else None,
        cache_savings_nano_usd=figures.saved_nano if sees_behind else None,
        cache_efficiency=shown(use.efficiency) if sees_behind else None,
        mean_ms=_mean(figures.duration_ms, timed),
        p50_ms=percentile_ms(figures.durations, 0.5),
        p95_ms=percentile_ms(figures.durations, 0.95),
        mean_first_byte_ms=_mean(figures.first_byte_ms, figures.first_bytes),
        drift=_drift(figures),
    )


def _cache_use(figures: Figures) -> CacheUse:
    read = figures.cache_read_input_tokens
    return CacheUse(
        figures.input_tokens + figures.cache_creation_input_tokens + read,
        read,
        Fraction(figures.saved_nano),
        Fraction(figures.most_saved_nano),
    )


def _drift(figures: Figures) -> str | None:
    estimate = figures.compared_estimate_nano
    return _ratio(figures.compared_charge_nano - estimate, estimate) if estimate else None


def _ratio(part: int, whole: int) -> str:
    return shown(Fraction(part, whole) if whole else Fraction(0))


def _mean(sum: int, count: int) -> int | None:
    return round_half_up(sum, count) if count else None


def _ms(at: dt.datetime) -> int:
    return (at - _EPOCH) // dt.timedelta(milliseconds=1)


_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
