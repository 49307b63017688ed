"""Prices that were set in place of the book's, and what is added to a charge."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cost_strategies import at_leisure, rates, sheets, usages
from support.price_book import SONNET

from monoize.base.cost.breakdown import Breakdown
from monoize.base.cost.costing import cost_of
from monoize.base.cost.markup import BP_MOST, Markup, markup_on, with_markup
from monoize.base.cost.override import TokenPrices, overridden
from monoize.base.cost.sheet import SUBSCRIPTION, UNPRICED
from monoize.base.cost.usage import Usage

SET = TokenPrices("record-1", input_pico=2_000_000, output_pico=5_000_000)
set_prices = st.builds(TokenPrices, id=st.just("record-1"), input_pico=rates, output_pico=rates)


@at_leisure
@given(usages(), sheets(), set_prices)
def test_what_the_book_can_price_is_priced_as_it_was_set(usage, sheet, prices):
    known, found = cost_of(usage, sheet), cost_of(usage, overridden(sheet, prices))

    if known.total_nano is not None and sheet.prices:
        assert found.total_nano is not None and "override" == found.book
    for line in found.lines:
        assert line.item != "neurons"
        if line.item in ("input", "output"):
            wanted = prices.input_pico if line.item == "input" else prices.output_pico
            assert line.rate_pico in (wanted, None)


def test_a_cached_token_costs_the_same_part_of_an_uncached_one():
    usage = Usage(1_000, 100, cache_read_tokens=1_000, cache_write_5m_tokens=1_000, web_searches=1)
    costing = cost_of(usage, overridden(SONNET, SET))

    assert {
        "input": 2_000_000,
        "cache_write_5m": 2_500_000,
        "cache_read": 200_000,
        "output": 500_000,
        "web_search": 10_000_000,
    } == {line.item: line.nano for line in costing.lines}
    assert ("override", "record-1") == (costing.book, costing.price_id)
    assert 7 * 2_000 == cost_of(Usage(7), overridden(SUBSCRIPTION, SET)).total_nano
    assert None is cost_of(Usage(7), overridden(UNPRICED, SET)).total_nano


@at_leisure
@given(st.integers(0, 10**20), st.integers(0, BP_MOST))
def test_a_markup_is_one_line_and_both_together_are_the_charge(charge_nano, bp):
    markup = markup_on(charge_nano, bp)

    assert with_markup(charge_nano, bp) == charge_nano + (markup.nano if markup else 0)
    assert markup is None or abs(markup.nano * 10_000 - charge_nano * bp) * 2 <= 10_000


def test_a_markup_comes_back_from_json_and_one_that_was_changed_does_not():
    breakdown = Breakdown(cost_of(Usage(1_000), SONNET), 0, markup=markup_on(3_000_000, 250))
    written = json.loads(breakdown.encoded())

    assert {"bp": 250, "of_nano": 3_000_000, "nano": 75_000} == written["markup"]
    assert breakdown == Breakdown.of_json(written)
    for name in written["markup"]:
        with pytest.raises(ValueError):
            Breakdown.of_json({**written, "markup": {**written["markup"], name: 1}})
    with pytest.raises(ValueError):
        Breakdown.of_json({**written, "markup": [1]})
    with pytest.raises(ValueError):
        Markup(0, 1, 0)
