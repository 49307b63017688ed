"""What coding CLIs say they used: rows that hosts report, kept apart from the calls that the gateway has measured.

Who reports may be wrong, and pays by subscription; so nothing of this moves a balance or is held against a bill.
"""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from monoize.base.clock import DAY_MS
from monoize.control.edge.wire import NanoUsd
from monoize.control.telemetry.model.sums import added
from monoize.control.telemetry.model.usage import HOUR_MS, NOBODY, begin

SUM_MOST: Final = 10**16
"""Of one host, model, and hour or day: what it says cannot spoil the sums over all of them."""

EARLIER_MOST: Final = dt.timedelta(days=31)
"""How long after it was used something may be reported."""
KEPT_LEAST: Final = EARLIER_MOST + dt.timedelta(days=1)
"""Rows that somebody may still report once more are known again by these."""


class ReportedKey(NamedTuple):
    """What rows have in common that are summed up together. `at_ms`: when its hour or its day began."""

    host_id: int
    at_ms: int
    provider: str
    model: str
    tenant_id: str
    user_id: str


class ReportedSum(NamedTuple):
    """Named as what the gateway measures, where it is the same; `calls` are rows, each of many requests.

    `cost_nano` adds up the priced rows; `unpriced`, a part of `calls`, are missing from it.
    """

    calls: int = 0
    unpriced: int = 0
    total_tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    reasoning_tokens: int = 0
    cost_nano: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """One row. `input_tokens` are without the cached, `reasoning_tokens` a part of the output; None: not said."""

    host_id: int
    ingest_id: int
    tenant_id: str
    user_id: str | None = None
    provider: str
    at: dt.datetime
    idempotency_key: str | None = None
    model: str | None = None
    line: str | None = None
    total: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_nano: int | None = None
    price_id: str | None = None

    @property
    def key(self) -> ReportedKey:
        return ReportedKey(
            self.host_id,
            begin(int(self.at.timestamp() * 1000), HOUR_MS),
            self.provider,
            self.model or NOBODY,
            self.tenant_id,
            self.user_id or NOBODY,
        )

    @property
    def sum(self) -> ReportedSum:
        return ReportedSum(
            calls=1,
            unpriced=int(self.cost_nano is None),
            total_tokens=self.total or 0,
            input_tokens=self.input_tokens or 0,
            output_tokens=self.output_tokens or 0,
            cache_read_input_tokens=self.cached_tokens or 0,
            reasoning_tokens=self.reasoning_tokens or 0,
            cost_nano=self.cost_nano or 0,
        )


def by_hour(rows: Iterable[Reported]) -> dict[ReportedKey, ReportedSum]:
    sums: dict[ReportedKey, list[ReportedSum]] = {}
    for row in rows:
        sums.setdefault(row.key, []).append(row.sum)
    return _summed_up(sums)


def by_day(hours: Mapping[ReportedKey, ReportedSum]) -> dict[ReportedKey, ReportedSum]:
    sums: dict[ReportedKey, list[ReportedSum]] = {}
    for key, each in hours.items():
        sums.setdefault(key._replace(at_ms=begin(key.at_ms, DAY_MS)), []).append(each)
    return _summed_up(sums)


def _summed_up(sums: Mapping[ReportedKey, Sequence[ReportedSum]]) -> dict[ReportedKey, ReportedSum]:
    return {key: ReportedSum(*added(each)) for key, each in sums.items()}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UsageRow:
    """A row as it is kept."""

    recorded_at: dt.datetime
    line: str | None
    total: int | None
    input: int | None
    output: int | None
    cached: int | None
    reasoning: int | None
    cost_nano_usd: NanoUsd | None
    model: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UsageSum:
    """What some rows come to; `unpriced` of the `events` have no known cost."""

    total: int = 0
    input: int = 0
    output: int = 0
    cached: int = 0
    reasoning: int = 0
    cost_nano_usd: NanoUsd = 0
    events: int = 0
    unpriced: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DayUsage:
    day: dt.date
    usage: UsageSum


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HostUsage:
    host_id: int
    usage: UsageSum
