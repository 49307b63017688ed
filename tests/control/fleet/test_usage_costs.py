"""What reported tokens come to, and what is taken for their number."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.price_book import GPT_5, SONNET_WITH_PREMIUM, cached_price, price

from monoize.base.cost import costing
from monoize.base.cost.sheet import UNPRICED, PriceSheet
from monoize.base.cost.usage import Usage
from monoize.control.fleet.model.usage import COST_NANO_MOST, COUNT_MOST, cost_of, counted
from monoize.control.fleet.model.usage_lines import Counts

LINE = "Token usage: total=1,250 input=1,000 output=250"
TOKENS = st.integers(0, 10**8)


@given(TOKENS, TOKENS, TOKENS)
def test_a_report_costs_what_one_request_with_its_tokens_would(input_: int, cached: int, output: int):
    used = Usage(input_, output, cache_read_tokens=cached)

    nano, price_id = cost_of(Counts(input=input_, output=output, cached=cached), GPT_5)

    assert (costing.cost_of(used, GPT_5).total_nano, "gpt-5/standard") == (nano, price_id)


def test_many_short_requests_do_not_become_one_long_one():
    tokens = Counts(input=1_000_000, output=0)

    assert 3_000_000_000 == cost_of(tokens, SONNET_WITH_PREMIUM)[0]


def test_tokens_without_a_price_have_no_cost():
    no_cached_rate = PriceSheet.of([price("m", "1", "5")])

    assert (None, None) == cost_of(Counts(input=1, output=1), UNPRICED)
    assert (None, None) == cost_of(Counts(input=1, cached=1), no_cached_rate)
    assert (None, None) == cost_of(Counts(total=100), GPT_5)
    assert (None, None) == cost_of(Counts(), GPT_5)


def test_a_cost_that_nobody_has_ever_had_is_none():
    dear = PriceSheet.of([dataclasses.replace(cached_price("m", "1", "1", "1"), input_pico=2**62)])

    assert (None, None) == cost_of(Counts(input=COUNT_MOST), dear)
    assert COST_NANO_MOST >= (cost_of(Counts(input=COUNT_MOST), GPT_5)[0] or 0) > 0


@pytest.mark.parametrize(
    ("given_", "line", "counts", "kept"),
    [
        (Counts(), LINE, Counts(1250, 1000, 250), LINE),
        (Counts(total=7), LINE, Counts(total=7), LINE),
        (Counts(input=3, output=4), None, Counts(7, 3, 4), None),
        (Counts(total=9, input=3, output=4), None, Counts(9, 3, 4), None),
        (Counts(input=3), "", Counts(input=3), None),
        (Counts(), f"Token usage: total={COUNT_MOST + 1}", Counts(), f"Token usage: total={COUNT_MOST + 1}"),
    ],
)
def test_numbers_that_are_sent_count_before_those_in_a_line(
    given_: Counts, line: str | None, counts: Counts, kept: str | None
):
    assert (counts, kept) == counted(given_, line)
