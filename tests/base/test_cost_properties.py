"""What holds for the cost of any usage at any price."""

import dataclasses
import random
from fractions import Fraction

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support.cost_strategies import at_leisure, pools, rates, sheets, usages

from monoize.base.cost.costing import MEASURES, Pools, cost_of
from monoize.base.cost.price import GEO_MULTIPLIER_BP_MOST, RATE_MOST, Price
from monoize.base.cost.sheet import PriceSheet
from monoize.base.cost.totals import Spend, subscription_on
from monoize.base.cost.usage import MILLI_NEURONS_MOST, QUANTITY_MOST, Usage
from monoize.base.money import NANO_USD_BOUND

TOKENS = (
    "input_tokens",
    "output_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "cache_read_tokens",
)
QUANTITIES = (*TOKENS, "web_searches", "code_seconds", "units")


@at_leisure
@given(usages(), sheets(), pools)
def test_the_total_is_the_sum_of_the_lines_and_unknown_if_one_of_them_is(usage, sheet, free):
    costing = cost_of(usage, sheet, free)
    nanos = [line.nano for line in costing.lines]

    assert (None if None in nanos else sum(nanos)) == costing.total_nano
    assert (costing.total_nano is None) <= (costing.book == "unpriced")


@at_leisure
@given(usages(), sheets(), pools)
def test_a_line_is_within_half_a_nano_of_its_exact_amount(usage, sheet, free):
    for line in cost_of(usage, sheet, free).lines:
        if line.nano is not None:
            exact = Fraction((line.quantity - line.free) * line.rate_pico, MEASURES[line.item].per * 1_000)
            for basis_points in line.multipliers_bp:
                exact *= Fraction(basis_points, 10_000)
            assert Fraction(-1, 2) < line.nano - exact <= Fraction(1, 2)


@at_leisure
@given(usages(), sheets(), pools)
def test_no_line_is_negative_and_none_is_about_nothing(usage, sheet, free):
    for line in cost_of(usage, sheet, free).lines:
        assert line.nano is None or line.nano >= 0
        assert 0 <= line.free <= line.quantity > 0


@at_leisure
@given(usages(), sheets())
def test_a_line_is_unknown_exactly_when_its_rate_is(usage, sheet):
    for line in cost_of(usage, sheet).lines:
        assert (line.rate_pico is None) == (line.nano is None)


@at_leisure
@given(usages(), sheets(), st.sampled_from(QUANTITIES), st.integers(1, 1_000))
def test_using_more_at_the_same_rates_never_costs_less(usage, sheet, quantity, more):
    larger = msgspec.structs.replace(usage, **{quantity: getattr(usage, quantity) + more})
    assume(sheet.rates_for(usage) is sheet.rates_for(larger))
    before, after = cost_of(usage, sheet).total_nano, cost_of(larger, sheet).total_nano

    assert after is None or before is not None
    assert after is None or before <= after


@at_leisure
@given(usages(), sheets(rates))
def test_two_halves_cost_what_the_whole_does_but_for_a_nano_in_each_line(usage, sheet):
    halved = ("milli_neurons", *TOKENS, "web_searches", "units")
    half = msgspec.structs.replace(usage, code_seconds=0)
    whole = msgspec.structs.replace(half, **{name: 2 * (getattr(half, name) or 0) for name in halved})
    half = msgspec.structs.replace(half, milli_neurons=half.milli_neurons or 0)
    assume(sheet.rates_for(half) is sheet.rates_for(whole))

    for one, both in zip(cost_of(half, sheet).lines, cost_of(whole, sheet).lines, strict=True):
        assert one.item == both.item
        if one.nano is not None:
            assert -1 <= 2 * one.nano - both.nano <= 1


@at_leisure
@given(usages(), sheets(), pools)
def test_what_is_taken_from_the_pools_is_there_and_lowers_only_their_lines(usage, sheet, free):
    paid, helped = cost_of(usage, sheet), cost_of(usage, sheet, free)

    left = free.less(helped.free)
    assert (free.nano_neurons, free.code_seconds) == (
        left.nano_neurons + helped.free.nano_neurons,
        left.code_seconds + helped.free.code_seconds,
    )
    for without, line in zip(paid.lines, helped.lines, strict=True):
        assert without.quantity == line.quantity
        if line.item not in ("neurons", "code_execution"):
            assert without == line
        elif line.nano is not None:
            assert line.nano <= without.nano


def test_a_pool_cannot_hold_less_than_nothing():
    with pytest.raises(ValueError):
        Pools(nano_neurons=-1)
    with pytest.raises(ValueError):
        Pools(code_seconds=1).less(Pools(code_seconds=2))


def test_pools_are_used_up_in_the_order_of_the_requests():
    usage, free = Usage(code_seconds=400), Pools(code_seconds=1_000)
    sheet = PriceSheet.of([Price(id="p", provider="somebody", model_key="a-model")])
    taken = []
    for _ in range(4):
        costing = cost_of(usage, sheet, free)
        free = free.less(costing.free)
        taken.append(costing.free.code_seconds)

    assert [400, 400, 200, 0] == taken


@at_leisure
@given(st.lists(st.none() | st.integers(0, 10**20), max_size=20), st.randoms())
def test_the_order_of_summing_does_not_matter(totals, chance: random.Random):
    shuffled = chance.sample(totals, len(totals))
    cut = chance.randint(0, len(totals))

    assert Spend.of(totals) == Spend.of(shuffled)
    assert Spend.of(totals) == Spend.of(shuffled[:cut]) + Spend.of(shuffled[cut:])


@at_leisure
@given(st.dates(), st.integers(0, 10**15))
def test_the_days_of_a_month_add_up_to_its_price(day, monthly_nano):
    month = [day.replace(day=n) for n in range(1, 32) if _exists(day, n)]

    assert monthly_nano == sum(subscription_on(one, monthly_nano) for one in month)


def _exists(day, n):
    try:
        day.replace(day=n)
    except ValueError:
        return False
    return True


def test_the_dearest_conceivable_request_is_still_an_amount_that_the_tables_hold():
    dearest = Price(
        id="p",
        provider="somebody",
        model_key="a-model",
        **{
            field.name: RATE_MOST
            for field in dataclasses.fields(Price)
            if field.name.endswith(("_pico", "_per_mtok")) and field.name != "neuron_pico"
        },
        geo_multiplier_bp=GEO_MULTIPLIER_BP_MOST,
    )
    most = {name: QUANTITY_MOST for name in QUANTITIES if name not in TOKENS}
    tokens = Usage(QUANTITY_MOST, QUANTITY_MOST, us_only=True, **most)
    reported = msgspec.structs.replace(tokens, milli_neurons=MILLI_NEURONS_MOST)
    in_neurons = dataclasses.replace(dearest, neuron_pico=RATE_MOST)

    for usage, price in ((tokens, dearest), (tokens, in_neurons), (reported, in_neurons)):
        assert 2**63 < cost_of(usage, PriceSheet.of([price])).total_nano < NANO_USD_BOUND
