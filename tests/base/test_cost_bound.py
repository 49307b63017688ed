"""What is held before a request is sent covers whatever it turns out to be."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cost_strategies import allowances, at_leisure, rates, sheets, unknown_or_rates, usages_within
from support.price_book import (
    FLASH_LITE,
    GPT_5,
    LLAMA_70B,
    OPUS,
    OPUS_WITH_PREMIUM,
    SONNET,
    SONNET_WITH_PREMIUM,
    pico,
    price,
)

from monoize.base.cost.bound import Allowance, upper_bound
from monoize.base.cost.costing import NANO_NEURONS_FREE_PER_DAY, Pools, cost_of
from monoize.base.cost.price import Price
from monoize.base.cost.sheet import SUBSCRIPTION, UNPRICED, PriceSheet
from monoize.base.cost.usage import IncompatibleFlags, InvalidUsage, Usage


@settings(at_leisure, max_examples=300)
@given(st.data(), allowances(), sheets(rates) | sheets(unknown_or_rates))
def test_whatever_is_used_within_the_allowance_costs_at_most_the_bound(data, allowance, sheet):
    bound = upper_bound(allowance, sheet)
    cost_nano = cost_of(data.draw(usages_within(allowance)), sheet).total_nano

    if bound is not None and cost_nano is not None:
        assert cost_nano <= bound


@settings(at_leisure, max_examples=200)
@given(st.data(), allowances(), sheets())
def test_with_a_bound_only_an_unknown_price_of_cache_reads_can_leave_the_cost_unknown(data, allowance, sheet):
    usage = data.draw(usages_within(allowance))
    costing = cost_of(usage, sheet)

    if upper_bound(allowance, sheet) is not None:
        assert {"cache_read"} >= {line.item for line in costing.lines if line.nano is None}


@pytest.mark.case(49)
def test_a_prompt_and_the_allowed_output_are_held_at_full_price():
    allowance = Allowance(input_tokens=20_000, output_tokens=4_096)

    assert 202_400_000 == upper_bound(allowance, OPUS)


@pytest.mark.parametrize(
    ("nano", "asked"),
    [
        (20_000 * 6_250 + 102_400_000, {"writes_cache_5m": True}),
        (20_000 * 10_000 + 102_400_000, {"writes_cache_5m": True, "writes_cache_1h": True}),
        (101_200_000, {"batch": True}),
        (222_640_000, {"us_only": True}),
        (6 * 202_400_000, {"fast": True}),
        (232_400_000, {"web_searches": 3}),
        (252_400_000, {"code_seconds": 3_600}),
    ],
)
def test_what_was_asked_for_is_held_at_its_own_price(nano, asked):
    assert nano == upper_bound(Allowance(input_tokens=20_000, output_tokens=4_096, **asked), OPUS)


def test_the_long_context_is_held_only_if_the_prompt_can_reach_it():
    at = Allowance(input_tokens=200_000, output_tokens=1_000)
    above = Allowance(input_tokens=200_001, output_tokens=1_000)

    assert 615_000_000 == upper_bound(at, SONNET_WITH_PREMIUM)
    assert 1_222_506_000 == upper_bound(above, SONNET_WITH_PREMIUM)


def test_a_prompt_shorter_than_it_was_counted_is_covered_where_short_ones_are_dearer():
    cheap_when_long = price("a-model", "1", "1", kind="long_context", threshold_tokens=100)
    sheet = PriceSheet.of([price("a-model", "2", "2"), cheap_when_long])

    assert 101 * 2_000 == upper_bound(Allowance(input_tokens=101), sheet)


def test_cache_reads_that_are_dearer_than_the_prompt_are_covered():
    sheet = PriceSheet.of([price("a-model", "1", "1", cache_read_pico=pico("3"))])

    assert 10 * 3_000 == upper_bound(Allowance(input_tokens=10), sheet)


def test_fast_mode_may_be_refused_and_then_the_long_context_counts():
    allowance = Allowance(input_tokens=300_000, fast=True)

    assert 300_000 * 30_000 == upper_bound(allowance, OPUS_WITH_PREMIUM)


def test_fractions_of_a_nano_are_held_as_whole_ones_for_each_token():
    assert 3 * 38 == upper_bound(Allowance(input_tokens=3, batch=True), FLASH_LITE)


def test_neurons_are_held_as_their_tokens_count_them():
    assert 74_391_900 == upper_bound(Allowance(input_tokens=100_000, output_tokens=20_000), LLAMA_70B)


def test_without_a_price_there_is_no_bound():
    assert upper_bound(Allowance(input_tokens=1), UNPRICED) is None
    assert upper_bound(Allowance(input_tokens=1, fast=True), SONNET) is None
    assert upper_bound(Allowance(input_tokens=1, writes_cache_5m=True), GPT_5) is None
    assert upper_bound(Allowance(web_searches=1), GPT_5) is None
    assert upper_bound(Allowance(units=1), SONNET) is None


def test_under_a_subscription_nothing_is_held():
    assert 0 == upper_bound(Allowance(input_tokens=10**6, output_tokens=10**6), SUBSCRIPTION)


def test_units_are_held_at_the_price_of_their_variant():
    sheet = PriceSheet.of(
        Price(id=name, provider="openai", model_key="gpt-image-2", kind="image", variant=name, unit_pico=pico)
        for name, pico in (("low", 11 * 10**9), ("high", 167 * 10**9))
    )

    assert 334_000_000 == upper_bound(Allowance(units=2, variant="high"), sheet)
    assert upper_bound(Allowance(units=2, variant="medium"), sheet) is None


@pytest.mark.parametrize("field", ["input_tokens", "output_tokens", "web_searches", "code_seconds", "units"])
@pytest.mark.parametrize("quantity", [-1, 1.5, True, None, 10**9 + 1])
def test_an_allowance_is_whole_and_bounded(field, quantity):
    with pytest.raises(InvalidUsage) as refused:
        Allowance(**{field: quantity})
    assert {"field": field} == refused.value.details


def test_nobody_is_allowed_fast_mode_in_a_batch():
    with pytest.raises(IncompatibleFlags):
        Allowance(fast=True, batch=True)


def test_what_is_free_today_does_not_lower_the_bound():
    """Requests that run at once would each count on the same free pool."""
    usage, free = Usage(100_000, 20_000), Pools(nano_neurons=NANO_NEURONS_FREE_PER_DAY)
    allowance = Allowance(input_tokens=100_000, output_tokens=20_000)

    assert 0 == cost_of(usage, LLAMA_70B, free).total_nano
    assert cost_of(usage, LLAMA_70B).total_nano == upper_bound(allowance, LLAMA_70B)
