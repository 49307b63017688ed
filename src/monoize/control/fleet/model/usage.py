"""What hosts say that their tools used: entries as they come in, what they cost, and what is answered. Pure.

An entry sums up many requests, so it pays ordinary rates: nobody says which of them were long, fast or batched.
"""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from monoize.base.cost.costing import Item, line_of, total_of
from monoize.base.cost.sheet import PriceSheet
from monoize.base.money import usd_of_nano
from monoize.control.edge.wire import NanoUsd
from monoize.control.fleet.model.tools import ToolName
from monoize.control.fleet.model.usage_lines import Counts, cleaned, counts_in
from monoize.control.telemetry.model.reported import EARLIER_MOST, UsageRow, UsageSum

ENTRIES_MOST: Final = 200
COUNT_MOST: Final = 10**10
COST_NANO_MOST: Final = 10**15
"""Of one entry: a million dollars. What comes to more was not used, and is not priced."""

AHEAD_MOST: Final = dt.timedelta(seconds=300)

PROVIDER_OF: Final[Mapping[ToolName, str]] = {"codex": "openai", "claude": "anthropic", "gemini": "google"}
"""By whose prices each tool pays."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    counts: Counts
    at: dt.datetime
    model: str | None = None
    line: str | None = None
    idempotency_key: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    entries: Sequence[Entry]
    idempotency_key: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ingest:
    """Some entries that came in together."""

    id: int
    host_id: int | None
    entries: int
    total: int | None
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    reasoning_tokens: int | None
    cost_nano_usd: NanoUsd | None
    client_ip: str | None
    created_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ShownEntry:
    """`cost` is exact, in USD, and None where no price was known."""

    recorded_at: dt.datetime
    line: str | None
    total: int | None
    input: int | None
    output: int | None
    cached: int | None
    reasoning: int | None
    cost: str | None
    model: str | None

    @classmethod
    def of(cls, row: UsageRow) -> "ShownEntry":
        plain = {name: getattr(row, name) for name in cls.__dataclass_fields__ if name != "cost"}
        return cls(**plain, cost=shown_usd(row.cost_nano_usd))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """`recorded` entries are new; the others had been reported before."""

    host_id: int
    recorded: int
    usages: Sequence[ShownEntry]
    ingest_id: int | None
    cost: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MonthUsage:
    """What a host has used since the first of the month."""

    total: int
    input: int
    output: int
    cached: int
    reasoning: int
    cost: str
    events: int

    @classmethod
    def of(cls, used: UsageSum) -> "MonthUsage":
        plain = {name: getattr(used, name) for name in cls.__dataclass_fields__ if name != "cost"}
        return cls(**plain, cost=usd_of_nano(used.cost_nano_usd))


def counted(given: Counts, line: str | None) -> tuple[Counts, str | None]:
    """What was counted by whoever sends it, else what the line says, and the line as it is kept."""
    line = cleaned(line) or None if line is not None else None
    counts = counts_in(line) if line and given.is_empty else given
    counts = Counts(*(count if count is None or count <= COUNT_MOST else None for count in counts))
    if counts.total is None and counts.input is not None and counts.output is not None:
        counts = counts._replace(total=counts.input + counts.output)
    return counts, line


def check_moment(at: dt.datetime, now: dt.datetime) -> dt.datetime:
    if not now - EARLIER_MOST <= at <= now + AHEAD_MOST:
        raise ValueError("must lie within the last 31 days")
    return min(at, now)


def cost_of(counts: Counts, sheet: PriceSheet) -> tuple[int | None, str | None]:
    """(nano-USD, id of the price); None where a price is missing that it takes, or nothing was counted."""
    rates = sheet.rates_when(fast=False, long=False, batch=False, us_only=False)
    quantities: Mapping[Item, tuple[int | None, int | None]] = {
        "input": (counts.input, rates.input_pico),
        "cache_read": (counts.cached, rates.cache_read_pico),
        "output": (counts.output, rates.output_pico),
    }
    lines = [line_of(item, tokens, rate) for item, (tokens, rate) in quantities.items() if tokens is not None]
    nano = total_of(lines) if lines else None
    return (nano, rates.price_id) if nano is not None and nano <= COST_NANO_MOST else (None, None)


def sum_of_known(numbers: Iterable[int | None]) -> int | None:
    """None when none of them is known."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def shown_usd(nano: int | None) -> str | None:
    return None if nano is None else usd_of_nano(nano)
