import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cost_strategies import at_leisure

from monoize.base.money import (
    NANO_PER_USD,
    NANO_USD_BOUND,
    MoneyOverflow,
    Multiplier,
    bounded,
    charge_of,
    decimal_text,
    nano_of_usd,
    round_half_up,
    round_up,
    truncate,
    usd_of_nano,
)

amounts = st.integers(-NANO_USD_BOUND, NANO_USD_BOUND - 1)
denominators = st.integers(1, 10**30)
multipliers = st.builds(Multiplier, st.integers(0, 10**18 - 1))


@pytest.mark.parametrize(
    ("expected", "numerator"), [(0, 0), (0, 4), (1, 5), (1, 14), (2, 15), (0, -5), (-1, -6), (-1, -15), (-2, -16)]
)
def test_a_half_rounds_to_the_greater_neighbour(expected, numerator):
    assert expected == round_half_up(numerator, 10)


@at_leisure
@given(amounts, denominators)
def test_rounding_lands_within_half_a_step_and_never_on_the_lower_half(numerator, denominator):
    error = round_half_up(numerator, denominator) - Fraction(numerator, denominator)

    assert Fraction(-1, 2) < error <= Fraction(1, 2)


@at_leisure
@given(amounts, denominators)
def test_rounding_up_is_the_least_whole_number_that_is_not_below(numerator, denominator):
    assert 0 <= round_up(numerator, denominator) - Fraction(numerator, denominator) < 1


@at_leisure
@given(amounts, denominators)
def test_truncation_only_ever_comes_nearer_to_zero(numerator, denominator):
    exact, whole = Fraction(numerator, denominator), truncate(numerator, denominator)

    assert int(exact) == whole
    assert abs(whole) <= abs(exact)


@pytest.mark.parametrize("rounding", [round_half_up, round_up, truncate])
@pytest.mark.parametrize("denominator", [0, -1])
def test_a_denominator_is_positive(rounding, denominator):
    with pytest.raises(ValueError):
        rounding(1, denominator)


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (0, "0"),
        (0, "-0.0"),
        (25 * NANO_PER_USD, "25"),
        (-500_000_000, "-0.5"),
        (1_234_567_891, "+1.234567891"),
        (1, "0.000000001"),
        (7 * NANO_PER_USD, "007.000"),
    ],
)
def test_usd_is_read_exactly(nano, text):
    assert nano == nano_of_usd(text)


@pytest.mark.parametrize(
    ("nano", "text"), [(999_999_999, "0.9999999999"), (-999_999_999, "-0.9999999999"), (0, "-0.0000000009")]
)
def test_digits_after_the_ninth_decimal_are_cut_off(nano, text):
    assert nano == nano_of_usd(text)


NO_AMOUNTS = [
    "",
    " 1",
    "1 ",
    "1\n",
    ".5",
    "5.",
    "1,5",
    "1_000",
    "1e3",
    "--1",
    "+-1",
    "NaN",
    "inf",
    "$1",
    "١",
    "1.٥",
]


@pytest.mark.parametrize("text", [*NO_AMOUNTS, "0x1", "1" * 65, "0." + "0" * 100])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(ValueError):
        nano_of_usd(text)


@at_leisure
@given(amounts)
def test_usd_text_comes_back_as_the_same_amount(nano):
    assert nano == nano_of_usd(usd_of_nano(nano))


@at_leisure
@given(amounts)
def test_usd_text_has_no_trailing_zeros(nano):
    assert re.fullmatch(r"-?(0|[1-9][0-9]*)(\.[0-9]{0,8}[1-9])?", usd_of_nano(nano))


@pytest.mark.parametrize(
    ("text", "scaled", "decimals"),
    [("-1.5", -1500, 3), ("0.001", 1, 3), ("7", 7, 0), ("10", 10, 0), ("0", 0, 9), ("-0.000001", -1, 6)],
)
def test_scaled_numbers_are_written_in_plain_digits(text, scaled, decimals):
    assert text == decimal_text(scaled, decimals)


def test_money_ends_where_the_tables_end():
    assert NANO_USD_BOUND - 1 == bounded(NANO_USD_BOUND - 1)
    assert -NANO_USD_BOUND == bounded(-NANO_USD_BOUND)
    for beyond in (NANO_USD_BOUND, -NANO_USD_BOUND - 1):
        with pytest.raises(MoneyOverflow):
            bounded(beyond)
        with pytest.raises(MoneyOverflow):
            nano_of_usd(usd_of_nano(beyond))


@pytest.mark.parametrize(
    ("billionths", "text"),
    [
        (1_250_000_000, "1.25"),
        (0, "0"),
        (1, "0.000000001"),
        (10**18 - 1, "999999999.999999999"),
        (NANO_PER_USD, "01"),
    ],
)
def test_a_multiplier_is_read_exactly(billionths, text):
    assert billionths == Multiplier.of_text(text).billionths


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1.", ".5", "1.0000000001", "1000000000", "1e1", "NaN", "1\n", "١"]
)
def test_what_is_no_multiplier_is_refused(text):
    with pytest.raises(ValueError):
        Multiplier.of_text(text)


@pytest.mark.parametrize("billionths", [-1, 10**18, True, None, "1"])
def test_a_multiplier_out_of_range_cannot_be_made(billionths):
    with pytest.raises(ValueError):
        Multiplier(billionths)


@at_leisure
@given(multipliers)
def test_the_text_of_a_multiplier_comes_back_as_the_same_multiplier(multiplier):
    assert multiplier == Multiplier.of_text(str(multiplier))


@at_leisure
@given(st.integers(0, 10**20), st.lists(multipliers, max_size=3))
def test_a_charge_is_the_exact_product_cut_once(cost_nano, several):
    exact = Fraction(cost_nano)
    for multiplier in several:
        exact *= Fraction(multiplier.billionths, NANO_PER_USD)
    if exact < NANO_USD_BOUND:
        assert int(exact) == charge_of(cost_nano, *several)
    else:
        with pytest.raises(MoneyOverflow):
            charge_of(cost_nano, *several)


def test_multipliers_are_multiplied_before_the_charge_is_cut():
    half, double = Multiplier.of_text("0.5"), Multiplier.of_text("2")

    assert 1 == charge_of(1, half, double)
    assert 0 == charge_of(1, half)
    assert 0 == charge_of(-1, half)


def test_a_charge_beyond_what_can_be_booked_is_an_error():
    with pytest.raises(MoneyOverflow):
        charge_of(NANO_USD_BOUND - 1, Multiplier.of_text("1.1"))
