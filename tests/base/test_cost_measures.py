"""How well a prompt cache did, for one request and for many."""

from fractions import Fraction
from functools import reduce
from operator import add

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cache import cache_use
from support.cost_strategies import at_leisure, rates, sheets, usages
from support.price_book import FLASH_LITE, GPT_5, LLAMA_70B, SONNET, cached_price

from monoize.base.cost.costing import cost_of
from monoize.base.cost.measures import CacheUse, shown
from monoize.base.cost.sheet import SUBSCRIPTION, UNPRICED, PriceSheet
from monoize.base.cost.usage import Usage


@at_leisure
@given(usages(), sheets())
def test_both_ratios_lie_between_nothing_and_all(usage, sheet):
    use = cache_use(usage, sheet)

    assert 0 <= use.hit_rate <= 1
    assert 0 <= use.efficiency <= 1


@at_leisure
@given(st.lists(st.tuples(usages(), sheets()), min_size=1, max_size=4))
def test_sums_are_exact_whatever_their_order(requests):
    uses = [cache_use(usage, sheet) for usage, sheet in requests]

    assert reduce(add, uses) == reduce(add, reversed(uses))
    assert sum(use.savings for use in uses) == reduce(add, uses).savings


@at_leisure
@given(usages(), sheets(rates))
def test_savings_are_what_the_same_prompt_would_have_cost_more_without_a_cache(usage, sheet):
    plain = Usage(
        usage.total_input_tokens, usage.output_tokens, batch=usage.batch, us_only=usage.us_only, fast=usage.fast
    )
    cached = Usage(
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_write_5m_tokens,
        usage.cache_write_1h_tokens,
        usage.cache_read_tokens,
        batch=usage.batch,
        us_only=usage.us_only,
        fast=usage.fast,
    )
    with_cache, without = cost_of(cached, sheet), cost_of(plain, sheet)
    if with_cache.total_nano is not None and without.total_nano is not None:
        # Each of the six rounded lines may be off by half a nano.
        assert abs(without.total_nano - with_cache.total_nano - cache_use(cached, sheet).savings) <= 3


def test_ratios_of_many_come_from_their_sums_not_from_their_mean():
    large, small = Usage(99_000, cache_read_tokens=1_000), Usage(0, cache_read_tokens=1_000)
    both = cache_use(large, SONNET) + cache_use(small, SONNET)

    assert Fraction(2_000, 101_000) == both.hit_rate == both.efficiency


def test_writes_count_as_misses():
    assert Fraction(1, 4) == cache_use(Usage(1, 0, 1, 1, 1), SONNET).hit_rate


def test_everything_read_from_the_cache_is_an_efficiency_of_one():
    assert 1 == cache_use(Usage(cache_read_tokens=5), SONNET).efficiency


def test_a_write_pays_for_itself_after_one_read_in_five_minutes_and_after_two_in_an_hour():
    def savings(write_5m, write_1h, reads):
        return cache_use(Usage(0, 0, write_5m, write_1h, 100 * reads), SONNET).savings

    assert savings(100, 0, 0) < 0 < savings(100, 0, 1)
    assert savings(0, 100, 1) < 0 < savings(0, 100, 2)


def test_savings_that_nobody_can_know_are_counted_apart():
    read = Usage(0, cache_read_tokens=10)
    unknown = cache_use(read, FLASH_LITE)

    assert CacheUse(10, 10, unpriced_calls=1) == unknown == cache_use(read, UNPRICED)
    assert 1 == (unknown + cache_use(read, GPT_5)).unpriced_calls


@pytest.mark.parametrize("sheet", [FLASH_LITE, LLAMA_70B, SUBSCRIPTION])
def test_where_no_cache_is_paid_nothing_is_saved(sheet):
    assert (0, 0, 0) == (
        cache_use(Usage(10), sheet).savings,
        cache_use(Usage(10), sheet).efficiency,
        cache_use(Usage(10), sheet).unpriced_calls,
    )


def test_reads_dearer_than_the_prompt_are_a_loss():
    sheet = PriceSheet.of([cached_price("a-model", "1", "1", "2")])

    use = cache_use(Usage(cache_read_tokens=10), sheet)
    assert (-10_000, 0) == (use.savings_nano, use.efficiency)


@pytest.mark.parametrize(
    ("text", "ratio"),
    [
        ("0", Fraction(0)),
        ("1", Fraction(1)),
        ("0.4", Fraction(2, 5)),
        ("0.727273", Fraction(8, 11)),
        ("0.000001", Fraction(1, 2_000_000)),
        ("0", Fraction(1, 2_000_001)),
    ],
)
def test_a_ratio_is_shown_with_at_most_six_digits(text, ratio):
    assert text == shown(ratio)
