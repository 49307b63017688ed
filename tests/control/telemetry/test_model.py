"""What a recorded call says is what its usage and its prices say, though the event does not repeat them."""

import datetime as dt

import pytest
from control.telemetry.bench import NOON_MS, event
from hypothesis import given
from hypothesis import strategies as st
from support.cost_strategies import at_leisure, sheets, usages
from support.price_book import GPT_5, LLAMA_70B

from monoize.base.clock import utc_day
from monoize.base.cost.measures import CacheUse, cache_use
from monoize.base.cost.sheet import SUBSCRIPTION, UNPRICED, PriceSheet
from monoize.base.cost.usage import Usage
from monoize.contract.events import decode, encode
from monoize.control.telemetry.model.calls import RecordedCall
from monoize.control.telemetry.model.sums import BIG_INTEGER_MOST
from monoize.control.telemetry.model.usage import Figures, by_day, by_hour, total

QUANTITIES = (
    "input_tokens",
    "output_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "cache_read_tokens",
    "reasoning_tokens",
    "web_searches",
    "code_seconds",
    "batch",
    "us_only",
    "fast",
)
every_sheet = sheets() | st.sampled_from([SUBSCRIPTION, UNPRICED, LLAMA_70B])


def recorded(usage: Usage, sheet: PriceSheet) -> RecordedCall:
    charged = decode(encode(event(usage, sheet)))
    assert charged.call is not None
    return RecordedCall.of(charged, charged.call)


def quantities(usage: Usage) -> list[object]:
    return [getattr(usage, name) for name in QUANTITIES]


@at_leisure
@given(usages(), every_sheet)
def test_every_quantity_and_flag_arrives_whatever_the_price_is_for(usage: Usage, sheet: PriceSheet):
    assert quantities(usage) == quantities(recorded(usage, sheet).call.usage)


@at_leisure
@given(usages(), every_sheet)
def test_the_cache_is_measured_as_by_the_price_sheet(usage: Usage, sheet: PriceSheet):
    expected, found = cache_use(usage, sheet.rates_for(usage), sheet.book), recorded(usage, sheet).cache

    assert (expected.hit_rate, expected.efficiency, expected.savings_nano, expected.unpriced_calls) == (
        *(found.hit_rate, found.efficiency, found.savings_nano, found.unpriced_calls),
    )


@at_leisure
@given(st.lists(st.tuples(usages(), every_sheet), max_size=5))
def test_a_day_is_the_sum_of_its_calls(calls: list[tuple[Usage, PriceSheet]]):
    each = [recorded(usage, sheet) for usage, sheet in calls]
    costs = [call.event.cost_nano for call in each]

    day = total(by_day(by_hour(each)).values())

    assert (len(each), sum(cost or 0 for cost in costs), costs.count(None)) == (
        day.calls,
        day.cost_nano,
        day.unpriced,
    )
    assert sum(usage.cache_write_tokens for usage, _ in calls) == day.cache_creation_input_tokens
    assert sum(usage.input_tokens for usage, _ in calls) == day.input_tokens


def test_a_prompt_that_came_from_the_cache_alone_is_measured_against_the_full_price():
    usage = Usage(0, 100, cache_read_tokens=8_000)

    assert CacheUse(8_000, 8_000, 9_000_000, 9_000_000) == recorded(usage, GPT_5).cache


def test_a_call_belongs_to_the_day_on_which_it_began():
    charged = event(at_ms=NOON_MS // 86_400_000 * 86_400_000 - 1)
    assert charged.call is not None

    (key,) = by_day(by_hour([RecordedCall.of(charged, charged.call)]))
    assert dt.date(2026, 2, 7) == utc_day(key.at_ms)


def test_no_sum_leaves_64_bits():
    most = Figures(calls=1, cost_nano=BIG_INTEGER_MOST)

    with pytest.raises(ValueError, match="too large"):
        total([most, Figures(calls=1, cost_nano=1)])
