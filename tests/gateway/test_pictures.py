"""What pictures cost, by the piece and by their tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.base.cost.costing import cost_of
from monoize.base.cost.price import Price
from monoize.base.cost.sheet import SUBSCRIPTION, UNPRICED, PriceSheet
from monoize.base.cost.usage import InvalidUsage
from monoize.gateway import pictures
from monoize.gateway.pictures import Pictures

VARIANTS = {"low": 11, "medium": 42, "high": 167, "high 1536x1024": 250, "1024x1024": 100}
wishes = st.builds(
    Pictures,
    count=st.integers(1, 10),
    quality=st.sampled_from([None, "auto", "low", "high", "max"]),
    size=st.sampled_from([None, "auto", "1024x1024", "1536x1024", "7x7"]),
)


def sheet(**nano_by_variant: int) -> PriceSheet:
    return PriceSheet.of(
        Price(id=name, provider="p", model_key="m", kind="image", variant=name, unit_pico=nano * 1_000)
        for name, nano in nano_by_variant.items()
    )


def most(wanted: Pictures, prices: PriceSheet) -> int | None:
    return pictures.most(prices, wanted, 10**6)


@pytest.mark.parametrize(
    ("quality", "size", "nano"),
    [
        ("low", None, 100),
        ("low", "7x7", 11),
        ("high", "1536x1024", 250),
        ("high", "1024x1024", 167),
        ("high", None, 250),
        (None, "1024x1024", 167),
        ("max", "1024x1024", 100),
        ("auto", "auto", 250),
        (None, None, 250),
        ("max", None, 100),
        ("max", "7x7", None),
    ],
)
def test_the_price_that_says_most_counts_and_the_dearest_where_it_is_open(
    quality: str | None, size: str | None, nano: int | None
):
    wanted = Pictures(count=3, quality=quality, size=size)

    assert (None if nano is None else 3 * nano) == most(wanted, sheet(**VARIANTS))


def test_one_price_for_all_is_the_price_of_each():
    assert [40, 40] == [most(Pictures(quality=quality), sheet(**{"": 40})) for quality in (None, "high")]


@given(wishes, wishes)
def test_what_was_held_covers_what_comes_of_what_was_asked(asked: Pictures, came: Pictures):
    """Whatever the answer says of what was left to the model; and never more of them than were asked for."""
    prices = sheet(**VARIANTS)
    quality = came.quality if asked.quality in (None, "auto") else asked.quality
    size = came.size if asked.size in (None, "auto") else asked.size
    report = {"images": min(asked.count, came.count), "quality": quality, "size": size}
    used = pictures.usage_of(report, prices, asked)
    held, cost = most(asked, prices), cost_of(used, prices).total_nano if used else None

    assert held is None or cost is None or cost <= held
    assert held is None or cost_of(pictures.guessed(prices, asked, 10), prices).total_nano == held


def test_other_units_are_no_images():
    seconds = PriceSheet.of([Price(id="s", provider="p", model_key="m", unit_pico=1_000)])

    assert not pictures.are_sold_by_the_piece(seconds)
    assert most(Pictures(), seconds) is None


def test_what_is_paid_by_the_month_holds_nothing_and_what_nobody_knows_is_unknown():
    assert (0, None) == (most(Pictures(), SUBSCRIPTION), most(Pictures(), UNPRICED))


def test_tokens_are_counted_where_there_is_no_price_for_a_piece():
    tokens = PriceSheet.of([Price(id="t", provider="p", model_key="m", input_pico=1_000, output_pico=2_000)])
    told = pictures.usage_of({"images": 2, "usage": {"input_tokens": 5, "output_tokens": 7}}, tokens, Pictures())

    assert 10**6 + 2 * 2 * pictures.TOKENS_MOST == most(Pictures(count=2), tokens)
    assert told is not None
    assert (5, 7) == (told.input_tokens, told.output_tokens)
    assert pictures.usage_of({"images": 2, "usage": None}, tokens, Pictures()) is None
    with pytest.raises(InvalidUsage):
        pictures.usage_of({"images": 2, "usage": {"input_tokens": -5, "output_tokens": 7}}, tokens, Pictures())
