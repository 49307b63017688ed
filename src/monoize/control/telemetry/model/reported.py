"""What coding CLIs say they used: rows that hosts report, kept apart from the calls that the gateway has measured.

Who reports may be wrong, and pays by subscription; so nothing of this moves a balance or is held against a bill.
"""

import dataclasses
import datetime as dt
from typing import Final, NamedTuple

from monoize.control.edge.wire import NanoUsd

UNKNOWN_MODEL: Final = ""
"""In the sums, where no model was named."""

DAY_MOST: Final = 10**16
"""Of one host, model and day: what it says cannot spoil the sums over all of them."""


class ReportedKey(NamedTuple):
    """What rows have in common that are summed up together."""

    host_id: int
    day: dt.date
    provider: str
    model: str
    tenant_id: str


class ReportedSum(NamedTuple):
    """`cost_nano` adds up the priced rows; `unpriced`, a part of `events`, are missing from it."""

    events: int = 0
    total: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cost_nano: int = 0
    unpriced: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """One row. `input_tokens` are without the cached, `reasoning_tokens` a part of the output; None: not said."""

    host_id: int
    ingest_id: int
    tenant_id: str
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
        day = self.at.astimezone(dt.UTC).date()
        return ReportedKey(self.host_id, day, self.provider, self.model or UNKNOWN_MODEL, self.tenant_id)

    @property
    def sum(self) -> ReportedSum:
        return ReportedSum(
            events=1,
            total=self.total or 0,
            input_tokens=self.input_tokens or 0,
            output_tokens=self.output_tokens or 0,
            cached_tokens=self.cached_tokens or 0,
            reasoning_tokens=self.reasoning_tokens or 0,
            cost_nano=self.cost_nano or 0,
            unpriced=int(self.cost_nano is None),
        )


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
