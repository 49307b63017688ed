"""Calls of providers as they are kept, and what they add up to. Pure.

What cannot be kept as it is raises ValueError, or `invalid_usage` where the quantities are to blame: whoever brings
it sets it aside, for a person to look at. Nothing is cut to fit.
"""

import dataclasses
import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from monoize.base.cost.breakdown import Breakdown
from monoize.base.cost.costing import NANO_NEURONS_PER_MILLI, Costing, Item, Line
from monoize.base.cost.measures import CacheUse, cache_use
from monoize.base.cost.price import NO_MULTIPLIER_BP, RATE_MOST
from monoize.base.cost.sheet import PriceSheet, Rates
from monoize.base.cost.usage import Usage
from monoize.base.money import PICO_PER_NANO, round_half_up
from monoize.contract.events import Charged, ProviderCall
from monoize.control.edge.wire import NanoUsd, storable
from monoize.control.identity.model import DEFAULT_TENANT_ID

BIG_INTEGER_MOST: Final = 2**63 - 1
INTEGER_MOST: Final = 2**31 - 1
COST_DAYS_MOST: Final = 31
COSTS_MOST: Final = 50_000
MODEL_CHARS_MOST: Final = 191
PROVIDER_CHARS_MOST: Final = 64

_ID_CHARS_MOST: Final = 64
_TENANT_CHARS_MOST: Final = 36
_NAME_CHARS_MOST: Final = 191
_BREAKDOWN_BYTES_MOST: Final = 16_384
_TIME_MS_MOST: Final = 253_402_300_799_999  # the last moment of the year 9999
_NO_BREAKDOWN: Final = b"{}"
_NOT_COSTED: Final = Costing((), None, "unpriced", None, None)


class DayKey(NamedTuple):
    """What calls have in common that are summed up together."""

    tenant_id: str
    day: dt.date
    provider: str
    model: str


class DaySum(NamedTuple):
    """`cost_nano` adds up the priced calls; `unpriced_calls`, a part of `calls`, are missing from it."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_creation_input_tokens: int = 0
    cache_read_input_tokens: int = 0
    cost_nano: int = 0
    unpriced_calls: int = 0


def total(sums: Iterable[DaySum]) -> DaySum:
    found = DaySum(*map(sum, zip(*sums, strict=True)))
    if max(found) > BIG_INTEGER_MOST:
        raise ValueError("a sum of a day would leave the range of signed 64-bit numbers")
    return found


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """What the calls of one model came to on one day (UTC), of all tenants."""

    provider: str
    day: dt.date
    model: str
    calls: int
    unpriced_calls: int
    cost_nano_usd: NanoUsd


@dataclasses.dataclass(frozen=True, slots=True)
class Costs:
    items: Sequence[Cost]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCall:
    """One call of a provider. A cost or a rate that is None is unknown, which is not nought."""

    id: str
    request_id: str
    user_id: str
    tenant_id: str
    session_id: str | None
    agent_id: str | None
    provider: str
    model: str
    tool_choice: str | None
    at_ms: int
    is_estimated: bool
    has_failed: bool
    usage: Usage
    costing: Costing
    rates: Rates
    cache: CacheUse
    estimate_nano: int | None
    milli_neurons: int | None
    breakdown_json: str

    @classmethod
    def of(cls, event: Charged, call: ProviderCall) -> "RecordedCall":
        breakdown = _breakdown(event)
        costing = breakdown.costing if breakdown else _NOT_COSTED
        lines = {line.item: line for line in costing.lines}
        usage = _usage(call, costing, lines)
        rates = _rates(call, lines)
        neurons = lines.get("neurons")
        return cls(
            id=_text(event.id, _ID_CHARS_MOST),
            request_id=_text(event.request_id, _NAME_CHARS_MOST),
            user_id=_text(event.user_id, _NAME_CHARS_MOST),
            # What belongs to nobody in particular still cost something.
            tenant_id=_text(call.tenant_id or DEFAULT_TENANT_ID, _TENANT_CHARS_MOST),
            session_id=_text_or_none(call.session_id, _NAME_CHARS_MOST),
            agent_id=_text_or_none(call.agent_id, _ID_CHARS_MOST),
            provider=_text(call.provider, PROVIDER_CHARS_MOST),
            model=_text(call.model, MODEL_CHARS_MOST),
            tool_choice=call.tool_choice,
            # The moment whose prices were taken.
            at_ms=_within(breakdown.event_time_ms if breakdown else event.at_ms, _TIME_MS_MOST),
            is_estimated=event.is_estimated,
            has_failed=event.log is not None and event.log.status == "error",
            usage=usage,
            costing=costing,
            rates=rates,
            cache=_cache_use(usage, costing, rates),
            estimate_nano=_estimate(event, breakdown),
            milli_neurons=_milli_neurons(neurons.quantity) if neurons else None,
            breakdown_json=bytes(event.breakdown).decode(),
        )

    @property
    def key(self) -> DayKey:
        day = dt.datetime.fromtimestamp(self.at_ms // 1000, dt.UTC).date()
        return DayKey(self.tenant_id, day, self.provider, self.model)

    @property
    def sum(self) -> DaySum:
        cost_nano = self.costing.total_nano
        return DaySum(
            calls=1,
            input_tokens=self.usage.input_tokens,
            output_tokens=self.usage.output_tokens,
            cache_creation_input_tokens=self.usage.cache_write_tokens,
            cache_read_input_tokens=self.usage.cache_read_tokens,
            cost_nano=cost_nano or 0,
            unpriced_calls=int(cost_nano is None),
        )

    def line(self, item: Item) -> Line | None:
        return next((line for line in self.costing.lines if line.item == item), None)


def _breakdown(event: Charged) -> Breakdown | None:
    """None when there is none: then the cost is unknown, whatever was put by for it."""
    content = bytes(event.breakdown)
    if content == _NO_BREAKDOWN:
        return None
    if len(content) > _BREAKDOWN_BYTES_MOST:
        raise ValueError(f"a cost breakdown has at most {_BREAKDOWN_BYTES_MOST} bytes")
    breakdown = Breakdown.of_json(msgspec.json.decode(content))
    total_nano = breakdown.costing.total_nano
    if event.cost_nano is not None and event.cost_nano != total_nano:
        raise ValueError("the cost is not the total of its breakdown")
    if total_nano is not None:
        _within(total_nano, BIG_INTEGER_MOST)
    return breakdown


def _usage(call: ProviderCall, costing: Costing, lines: Mapping[Item, Line]) -> Usage:
    def quantity(told: int | None, item: Item) -> int:
        if told is None:
            return lines[item].quantity if item in lines else 0
        return told

    return Usage(
        input_tokens=quantity(call.input_tokens, "input"),
        output_tokens=quantity(call.output_tokens, "output"),
        cache_write_5m_tokens=quantity(call.cache_write_5m_tokens, "cache_write_5m"),
        cache_write_1h_tokens=quantity(call.cache_write_1h_tokens, "cache_write_1h"),
        cache_read_tokens=quantity(call.cache_read_tokens, "cache_read"),
        reasoning_tokens=call.reasoning_tokens,
        web_searches=quantity(call.web_searches, "web_search"),
        code_seconds=quantity(call.code_seconds, "code_execution"),
        batch="batch" in costing.flags,
        us_only="us_only" in costing.flags,
        fast="fast" in costing.flags,
    )


def _rates(call: ProviderCall, lines: Mapping[Item, Line]) -> Rates:
    """What this call paid, as far as its lines tell; all lines of tokens have the same multipliers."""
    multipliers_bp = next((line.multipliers_bp for line in lines.values() if line.unit == "token"), ())
    neurons = lines.get("neurons")
    return Rates(
        input_pico=_rate(lines, "input", call.input_rate_pico),
        output_pico=_rate(lines, "output"),
        cache_write_5m_pico=_rate(lines, "cache_write_5m"),
        cache_write_1h_pico=_rate(lines, "cache_write_1h"),
        cache_read_pico=_rate(lines, "cache_read", call.cache_read_rate_pico),
        neuron_pico=_rate(lines, "neurons") if neurons else None,
        multipliers_bp=multipliers_bp,
        multiplier=math.prod(multipliers_bp),
        divisor=PICO_PER_NANO * NO_MULTIPLIER_BP ** len(multipliers_bp),
    )


def _rate(lines: Mapping[Item, Line], item: Item, otherwise: int | None = None) -> int | None:
    rate_pico = lines[item].rate_pico if item in lines else otherwise
    return None if rate_pico is None else _within(rate_pico, RATE_MOST)


def _cache_use(usage: Usage, costing: Costing, rates: Rates) -> CacheUse:
    """By a sheet that holds these rates alone."""
    sheet = PriceSheet(costing.book, rates={(usage.fast, False, usage.batch, usage.us_only): rates})
    use = cache_use(usage, sheet)
    if abs(use.savings_nano) > BIG_INTEGER_MOST:
        raise ValueError("what the cache saved would leave the range of signed 64-bit numbers")
    return use


def _estimate(event: Charged, breakdown: Breakdown | None) -> int | None:
    estimate_nano = breakdown.estimate_nano if breakdown else event.cost_nano
    return None if estimate_nano is None else _within(estimate_nano, BIG_INTEGER_MOST)


def _milli_neurons(nano_neurons: int) -> int:
    return _within(round_half_up(nano_neurons, NANO_NEURONS_PER_MILLI), INTEGER_MOST)


def _within(number: int, most: int) -> int:
    if not 0 <= number <= most:
        raise ValueError(f"{number} is not within 0 and {most}")
    return number


def _text(value: str, chars_most: int) -> str:
    if not 0 < len(storable(value)) <= chars_most:
        raise ValueError(f"a name here has 1 to {chars_most} characters")
    return value


def _text_or_none(value: str | None, chars_most: int) -> str | None:
    return None if value is None else _text(value, chars_most)
