"""Which rows of the price book a request pays."""

import dataclasses
import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cost_strategies import at_leisure, sheets, usages
from support.price_book import OPUS, SEARCH_PICO, SONNET, in_neurons, pico, price, sonnet

from monoize.base.cost.costing import Pools, cost_of
from monoize.base.cost.price import BOOKS_BY_PRECEDENCE, Price
from monoize.base.cost.sheet import SUBSCRIPTION, UNPRICED, PriceSheet, base_row
from monoize.base.cost.usage import Usage

ROWS = {
    kind: price("a-model", "1", "1", kind=kind, threshold_tokens=100)
    for kind in ("standard", "long_context", "fast", "fast_long_context", "batch")
}


@pytest.mark.parametrize(
    ("kind", "fast", "long", "batch"),
    [
        ("standard", False, False, False),
        ("batch", False, False, True),
        ("long_context", False, True, False),
        ("long_context", False, True, True),
        ("fast", True, False, False),
        ("fast_long_context", True, True, False),
    ],
)
def test_speed_comes_before_length_and_length_before_batch(kind, fast, long, batch):
    assert ROWS[kind] is base_row(ROWS, fast=fast, long=long, batch=batch)


@pytest.mark.parametrize("missing", ["standard", "long_context", "fast", "fast_long_context"])
def test_no_other_row_stands_in_for_a_missing_one(missing):
    rest = {kind: row for kind, row in ROWS.items() if kind != missing}

    assert (
        base_row(rest, fast=missing.startswith("fast"), long=missing.endswith("long_context"), batch=False) is None
    )


@at_leisure
@given(usages(), sheets())
def test_looking_up_the_rates_is_choosing_the_row(usage, sheet):
    rows = {row.kind: row for row in sheet.prices if not row.variant}
    threshold = rows.get("fast_long_context" if usage.fast else "long_context")
    long = threshold is not None and usage.total_input_tokens > threshold.threshold_tokens
    row = base_row(rows, fast=usage.fast, long=long, batch=usage.batch)

    rates = sheet.rates_for(usage)
    assert (row and row.id, row and row.kind) == (rates.price_id, rates.kind)
    asked = {"batch": usage.batch, "us_only": usage.us_only, "fast": usage.fast, "long_context": long}
    assert {flag for flag, holds in asked.items() if holds} == rates.flags


def test_a_model_without_a_premium_has_no_long_context():
    assert (False, False) == (SONNET.is_long(10**9, fast=False), OPUS.is_long(10**9, fast=True))


def test_fast_mode_without_a_fast_row_is_unpriced_and_not_standard():
    assert cost_of(Usage(1, 1, fast=True), SONNET).total_nano is None


def test_a_fast_row_for_long_contexts_has_its_own_threshold():
    sheet = PriceSheet.of(
        [
            sonnet(),
            price("claude-sonnet-4-6", "6", "30", kind="long_context", threshold_tokens=100),
            price("claude-sonnet-4-6", "30", "150", kind="fast"),
            price("claude-sonnet-4-6", "60", "300", kind="fast_long_context", threshold_tokens=200),
        ]
    )

    assert 150 * 30_000 == cost_of(Usage(150, fast=True), sheet).total_nano
    assert 201 * 60_000 == cost_of(Usage(201, fast=True), sheet).total_nano
    assert 101 * 6_000 == cost_of(Usage(101), sheet).total_nano


def test_an_explicit_batch_row_is_paid_as_it_is_and_halved_no_further():
    sheet = PriceSheet.of([sonnet(), price("claude-sonnet-4-6", "2", "9", kind="batch")])
    costing = cost_of(Usage(1_000, 100, batch=True), sheet)

    assert (2_900_000, "batch") == (costing.total_nano, costing.kind)
    assert {()} == {line.multipliers_bp for line in costing.lines}


def test_a_row_without_cache_rates_keeps_the_ratios_of_the_ordinary_row():
    sheet = PriceSheet.of(
        [
            price("a-model", "4", "8", "5", "8", "0.1"),
            price("a-model", "12", "24", kind="fast"),
            price("a-model", "2", "4", kind="batch", cache_read_pico=pico("0.03")),
        ]
    )
    fast = sheet.rates_for(Usage(fast=True))
    batch = sheet.rates_for(Usage(batch=True))

    assert tuple(map(pico, ("15", "24", "0.3"))) == (
        fast.cache_write_5m_pico,
        fast.cache_write_1h_pico,
        fast.cache_read_pico,
    )
    assert (pico("2.5"), pico("0.03")) == (batch.cache_write_5m_pico, batch.cache_read_pico)


def test_cache_rates_that_nobody_knows_stay_unknown():
    no_cache = PriceSheet.of([price("a-model", "4", "8"), price("a-model", "12", "24", kind="fast")])
    free_input = PriceSheet.of(
        [price("a-model", "0", "8", "1", "1", "1"), price("a-model", "12", "24", kind="fast")]
    )

    for sheet in (no_cache, free_input):
        assert sheet.rates_for(Usage(fast=True)).cache_read_pico is None
        assert cost_of(Usage(cache_read_tokens=1, fast=True), sheet).total_nano is None


@pytest.mark.parametrize("quantity", ["output_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens"])
def test_an_unknown_rate_leaves_the_cost_unknown_only_where_it_is_needed(quantity):
    sheet = PriceSheet.of([price("a-model", "4")])
    costing = cost_of(msgspec.structs.replace(Usage(10), **{quantity: 1}), sheet)

    assert 40_000 == cost_of(Usage(10), sheet).total_nano
    assert (None, "unpriced") == (costing.total_nano, costing.book)
    assert [40_000, None] == sorted((line.nano for line in costing.lines), key=lambda nano: nano is None)


def test_a_rate_of_zero_is_known_and_a_missing_one_is_not():
    free, unknown = price("a-model", "0", "0"), price("a-model")

    assert (0, "list") == (
        cost_of(Usage(1, 1), PriceSheet.of([free])).total_nano,
        cost_of(Usage(1, 1), PriceSheet.of([free])).book,
    )
    assert cost_of(Usage(1, 1), PriceSheet.of([unknown])).total_nano is None


def test_searches_cost_the_same_on_every_row_unless_it_says_otherwise():
    sheet = PriceSheet.of([sonnet(), price("claude-sonnet-4-6", "30", "150", kind="fast")])

    assert SEARCH_PICO // 1_000 == cost_of(Usage(web_searches=1, fast=True), sheet).total_nano


def test_the_variant_decides_the_price_of_a_unit_and_an_unknown_one_is_unpriced():
    sheet = PriceSheet.of(
        price("gpt-image-2", kind="image", variant=quality, unit_pico=milli * 10**9, id=quality)
        for quality, milli in (("low", 11), ("medium", 42), ("high", 167))
    )
    costing = cost_of(Usage(units=2, variant="high"), sheet)

    assert (334_000_000, "image", "high") == (costing.total_nano, costing.kind, costing.price_id)
    for variant in ("", "ultra"):
        assert cost_of(Usage(units=2, variant=variant), sheet).total_nano is None


def test_the_image_row_prices_units_before_the_standard_row():
    rows = [price("a-model", kind=kind, unit_pico=pico("1"), id=kind) for kind in ("image", "standard")]

    for order in itertools.permutations(rows):
        assert "image" == cost_of(Usage(units=1), PriceSheet.of(order)).price_id


def test_images_are_units_and_output_tokens_are_never_their_number():
    sheet = PriceSheet.of([price("an-image-model", kind="image", unit_pico=15 * 10**9)])

    assert cost_of(Usage(10, 3), sheet).total_nano is None


def test_neurons_that_the_provider_counted_win_over_our_own_count():
    sheet = in_neurons("llama", 1_000_000, 1_000_000)
    counted = cost_of(Usage(1_000, 1_000, milli_neurons=38_987), sheet, Pools(nano_neurons=987_000_000))

    assert [("neurons", 38_987_000_000, 418_000)] == [
        (line.item, line.quantity, line.nano) for line in counted.lines
    ]


def test_a_model_in_neurons_pays_them_instead_of_its_tokens():
    sheet = PriceSheet.of([dataclasses.replace(in_neurons("llama", 10**6, 10**6).prices[0], input_pico=10**9)])

    assert ["neurons"] == [line.item for line in cost_of(Usage(1_000, 1_000), sheet).lines]


def test_the_cached_part_of_a_prompt_takes_neurons_like_the_rest():
    sheet = in_neurons("llama", 1_000_000, 0)

    assert cost_of(Usage(1_000), sheet).total_nano == cost_of(Usage(400, 0, 100, 200, 300), sheet).total_nano


def test_tokens_of_unknown_neurons_leave_the_cost_unknown():
    sheet = PriceSheet.of([price("llama", neuron_pico=11_000_000, input_milli_neurons_per_mtok=10**6)])

    assert 11_000 == cost_of(Usage(1_000), sheet).total_nano
    assert [("output", None)] == [(line.item, line.nano) for line in cost_of(Usage(1, 1), sheet).lines]


def test_an_override_comes_before_a_contract_before_the_list_before_an_estimate():
    prices = [price("a-model", "1", pricing_source=book) for book in BOOKS_BY_PRECEDENCE]

    for n, book in enumerate(BOOKS_BY_PRECEDENCE):
        assert book == PriceSheet.at(reversed(prices[n:]), 0).book
    assert UNPRICED == PriceSheet.at([], 0)


def test_somebody_elses_bill_is_looked_up_only_when_asked_for():
    prices = [price("a-model", "1"), price("a-model", "0", pricing_source="byok")]

    assert "list" == PriceSheet.at(prices, 0).book
    assert "byok" == PriceSheet.at(prices, 0, ["byok"]).book


def test_a_correction_holds_instead_of_the_row_it_corrects():
    wrong = price("claude-opus-4-6", "15", "75", id="wrong")
    right = price("claude-opus-4-6", "5", "25", id="right", revision=1)

    for order in itertools.permutations([wrong, right]):
        assert (right,) == PriceSheet.at(order, 0).prices


def test_a_sheet_says_when_the_next_one_holds():
    prices = [
        price("a-model", "1", effective_from=100, effective_to=200),
        price("a-model", "2", effective_from=200),
        price("a-model", "1", pricing_source="override", effective_from=150, effective_to=160),
    ]

    changes = {moment: PriceSheet.at(prices, moment).changes_at_s for moment in (0, 100, 149, 150, 160, 199, 200)}
    assert {0: 100, 100: 150, 149: 150, 150: 160, 160: 200, 199: 200, 200: None} == changes


@at_leisure
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 5)), max_size=4), st.integers(0, 25))
def test_until_it_changes_a_sheet_stays_the_same(spans, moment):
    prices = [
        price("a-model", str(n), id=str(n), revision=n, effective_from=begins, effective_to=begins + lasts)
        for n, (begins, lasts) in enumerate(spans)
    ]
    sheet = PriceSheet.at(prices, moment)

    until = moment + 10 if sheet.changes_at_s is None else sheet.changes_at_s
    assert all(sheet == PriceSheet.at(prices, later) for later in range(moment, until))


def test_rows_that_cannot_hold_side_by_side_make_no_sheet():
    one = price("a-model", "1")
    for other in (
        price("a-model", "2"),
        price("another-model", "1", kind="fast"),
        price("a-model", "1", kind="fast", provider="another"),
        price("a-model", "1", kind="fast", pricing_source="contract"),
    ):
        with pytest.raises(ValueError):
            PriceSheet.of([one, other])


@pytest.mark.parametrize(
    "fields",
    [
        {"input_pico": -1},
        {"input_pico": 3.0},
        {"output_pico": True},
        {"unit_pico": 2**63},
        {"neuron_pico": "11"},
        {"input_milli_neurons_per_mtok": -1},
        {"currency": "EUR"},
        {"geo_multiplier_bp": 0},
        {"geo_multiplier_bp": 2**31},
        {"kind": "long_context"},
        {"kind": "fast_long_context"},
        {"effective_from": 10, "effective_to": 10},
    ],
)
def test_a_row_that_cannot_be_a_price_is_refused(fields):
    with pytest.raises(ValueError):
        Price(id="p", provider="somebody", model_key="a-model", **fields)


def test_nothing_used_is_a_known_cost_of_zero_on_any_sheet():
    for sheet in (UNPRICED, SUBSCRIPTION, SONNET):
        assert 0 == cost_of(Usage(), sheet).total_nano
