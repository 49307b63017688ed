"""The price book on three engines: who asks about a moment hears what held then, whatever was written since."""

import asyncio

import pytest
from control.catalog.bench import MODEL, Bench, price, unix_s
from sqlalchemy import delete, insert
from support.price_book import pico

from monoize.base.clock import utc_now
from monoize.base.cost.costing import cost_of
from monoize.base.cost.totals import Spend
from monoize.base.cost.usage import Usage
from monoize.control.catalog.actions import sheets
from monoize.control.catalog.actions.book import show_turned
from monoize.control.catalog.errors import (
    NotInItsTime,
    PriceBookTooLarge,
    PriceExists,
    PriceOverlaps,
    PriceSuperseded,
    RateOutOfRange,
)
from monoize.control.catalog.tables import (
    ai_models,
    model_metadata_records,
    model_prices,
    price_book,
    pricing_snapshots,
)


async def test_a_price_holds_from_its_first_second_up_to_that_of_the_next(bench: Bench):
    await bench.set("3", effective_from=100)
    await bench.set("4", effective_from=200)

    assert [None, 3, 3, 4, 4] == [
        found and found // 10**6 for found in [await bench.input_at(at) for at in (99, 100, 199, 200, 10**9)]
    ]


async def test_a_price_set_in_the_midst_of_another_ends_it_and_leaves_the_next_in_place(bench: Bench):
    await bench.set("3", effective_from=100)
    await bench.set("4", effective_from=300)
    await bench.set("3.5", effective_from=200)

    found = {record.price.effective_from: record.price.effective_to for record in await bench.history()}
    assert {100: 200, 200: 300, 300: None} == found


async def test_a_rate_once_written_is_never_changed(bench: Bench):
    first = await bench.set("3", effective_from=100)
    await bench.set("4", effective_from=200)
    await bench.correct(first, "3.3", "15")

    rates = {record.price.id: record.price.input_pico for record in await bench.history()}
    assert (3, pico("3")) == (len(rates), rates[first.price.id])


async def test_a_correction_holds_for_the_whole_time_of_what_it_corrects(bench: Bench):
    wrong = await bench.set("3", effective_from=100)
    right = await bench.correct(wrong, "5", "25")

    assert (wrong.price.id, 1) == (right.supersedes_id, right.price.revision)
    assert pico("5") == await bench.input_at(100) == await bench.input_at(10**9)


async def test_what_was_corrected_does_not_hold_again_when_the_correction_ends(bench: Bench):
    wrong = await bench.set("3", effective_from=100)
    right = await bench.correct(wrong, "3.5", "15")
    await bench.end(right, 200)

    assert (pico("3.5"), None) == (await bench.input_at(199), await bench.input_at(200))
    assert "unpriced" == (await bench.sheet(200)).book


async def test_what_was_corrected_is_neither_corrected_nor_ended_again(bench: Bench):
    wrong = await bench.set("3", effective_from=100)
    await bench.correct(wrong, "3.5", "15")

    with pytest.raises(PriceSuperseded):
        await bench.correct(wrong, "4", "15")
    with pytest.raises(PriceSuperseded):
        await bench.end(wrong, 200)


async def test_a_price_ends_only_within_its_time(bench: Bench):
    made = await bench.set("3", effective_from=100, effective_to=200)

    for at in (50, 100, 200, 300):
        with pytest.raises(NotInItsTime):
            await bench.end(made, at)


async def test_two_prices_do_not_begin_at_once_nor_last_into_each_other(bench: Bench):
    await bench.set("3", effective_from=100)
    with pytest.raises(PriceExists):
        await bench.set("3.1", effective_from=100)
    with pytest.raises(PriceOverlaps):
        await bench.set("3.1", effective_from=50, effective_to=101)
    await bench.set("3.1", effective_from=50, effective_to=90)

    assert [pico("3.1"), None, pico("3")] == [await bench.input_at(at) for at in (50, 90, 100)]


async def test_kinds_variants_and_books_hold_side_by_side(bench: Bench):
    await bench.set("3")
    await bench.set("6", kind="long_context", threshold_tokens=200_000)
    await bench.set(None, None, kind="image", variant="high", unit_pico=10**9)
    await bench.set("2", pricing_source="contract")

    listed = await bench.sheet(1_000, books=("list",))
    assert {("standard", ""), ("long_context", ""), ("image", "high")} == {
        (held.kind, held.variant) for held in listed.prices
    }
    assert "contract" == (await bench.sheet(1_000)).book
    assert pico("2") == await bench.input_at(1_000)


async def test_a_rate_that_is_unknown_stays_unknown_and_one_that_is_free_is_free(bench: Bench):
    await bench.set("3", None)
    sheet = await bench.sheet(1_000)

    assert None is cost_of(Usage(1_000, 1), sheet).total_nano
    await bench.set("3", "0", pricing_source="override")
    assert 3_000_000 == cost_of(Usage(1_000, 1), await bench.sheet(1_000)).total_nano


async def test_a_model_that_no_book_knows_is_unpriced_and_missing_from_the_sum(bench: Bench):
    unknown = cost_of(Usage(1_000, 500), await bench.sheet(1_000))
    await bench.set("3")
    known = cost_of(Usage(1_000, 500), await bench.sheet(1_000))

    assert (None, "unpriced") == (unknown.total_nano, unknown.book)
    assert Spend(10_500_000, 2, 1) == Spend.of([unknown.total_nano, known.total_nano])


@pytest.mark.parametrize(
    "rates",
    [{"input_pico": 3 * 10**12}, {"output_pico": 3}, {"cache_read_pico": 99}, {"unit_pico": 2 * 10**14}],
)
async def test_a_rate_in_the_wrong_unit_is_refused(bench: Bench, rates: dict[str, int]):
    with pytest.raises(RateOutOfRange):
        await bench.propose(price(**rates))
    assert [] == list(await bench.rows(model_prices))


async def test_twenty_writers_at_once_leave_no_overlap(bench: Bench):
    await bench.set("3", effective_from=0)
    begins = [1_000 + 10 * ((7 * n) % 20) for n in range(20)]

    await asyncio.gather(*(bench.set("3", effective_from=begin) for begin in begins))

    found = sorted((record.price.effective_from, record.price.effective_to) for record in await bench.history())
    ends = [end for _, end in found]
    assert [begin for begin, _ in found[1:]] + [None] == ends


async def test_of_two_that_set_the_same_price_at_once_one_is_told(bench: Bench):
    both = await asyncio.gather(
        *(bench.set(usd, effective_from=100) for usd in ("3", "3.5")), return_exceptions=True
    )

    assert ["PriceExists", "PriceRecord"] == sorted(type(each).__name__ for each in both)
    assert 1 == len(await bench.history())


async def test_two_prices_set_within_one_second_both_stand_in_the_history(bench: Bench):
    for usd in ("3", "3.1", "3.2"):
        decided = await bench.propose(price(usd), from_now=True)
        assert decided.written

    begins = sorted(record.price.effective_from for record in await bench.history())
    assert begins == sorted(set(begins))


async def test_every_write_is_observed_and_shown_beside_the_model(bench: Bench):
    async with bench.database.write() as tx:
        await tx.execute(insert(ai_models).values(id="mdl", display_name="A", **MODEL._asdict()))
    await bench.set("3", "15", cache_read_pico=300_000)

    (seen,) = await bench.rows(pricing_snapshots)
    assert ("a-model", "0.003", "0.015", "0.0003") == (
        seen.model,
        seen.input_price_per_1k,
        seen.output_price_per_1k,
        seen.cached_price_per_1k,
    )
    (shown,) = await bench.rows(ai_models)
    assert ("3.0", "15.0", "0.3", None) == (
        str(shown.input_rate_per_mtok),
        str(shown.output_rate_per_mtok),
        str(shown.cache_read_rate_per_mtok),
        shown.cache_write_rate_per_mtok,
    )
    (record,) = await bench.rows(model_metadata_records)
    assert ("somebody", 3_000, 15_000, 300, None) == (
        record.models_dev_provider,
        record.input_cost_per_token_nano,
        record.output_cost_per_token_nano,
        record.cache_read_input_cost_per_token_nano,
        record.cache_creation_input_cost_per_token_nano,
    )


async def test_what_is_shown_follows_the_book_and_forgets_a_price_that_ended(bench: Bench):
    async with bench.database.write() as tx:
        await tx.execute(insert(ai_models).values(id="mdl", display_name="A", **MODEL._asdict()))
    made = await bench.set("3", None)
    (seen,) = await bench.rows(pricing_snapshots)
    assert "unknown" == seen.output_price_per_1k
    await bench.end(made, 1_000)

    (shown,) = await bench.rows(ai_models)
    (record,) = await bench.rows(model_metadata_records)
    assert (None, None, None) == (
        shown.input_rate_per_mtok,
        shown.pricing_source,
        record.input_cost_per_token_nano,
    )


async def test_a_name_that_two_providers_use_shows_the_price_of_the_first(bench: Bench):
    await bench.set("3")
    await bench.set("9", provider="another")

    (record,) = await bench.rows(model_metadata_records)
    assert ("somebody", 3_000) == (record.models_dev_provider, record.input_cost_per_token_nano)


async def test_what_is_refused_leaves_nothing_behind(bench: Bench):
    await bench.set("3", effective_from=100)
    before = [await bench.rows(table) for table in (model_prices, pricing_snapshots, model_metadata_records)]
    with pytest.raises(PriceExists):
        await bench.set("3.1", effective_from=100)

    assert before == [
        await bench.rows(table) for table in (model_prices, pricing_snapshots, model_metadata_records)
    ]


async def test_a_snapshot_holds_the_sheets_of_now_and_of_the_days_to_come(bench: Bench):
    now = unix_s(2026, 8, 30)
    await bench.set("2", effective_to=unix_s(2026, 9, 1))
    await bench.set("3", effective_from=unix_s(2026, 9, 1))
    await bench.set("3.5", effective_from=unix_s(2027, 1, 1))
    await bench.set("9", model_key="another", effective_to=now)

    async with bench.database.read() as tx:
        found = await sheets.snapshot(tx, from_s=now, days=7)

    assert [MODEL] == list(found)
    assert [(now, pico("2")), (unix_s(2026, 9, 1), pico("3"))] == [
        (timed.begins_s, timed.sheet.prices[0].input_pico) for timed in found[MODEL]
    ]


async def test_a_snapshot_says_the_same_as_asking_for_each_moment(bench: Bench):
    for begin in (10, 20, 30, 40):
        await bench.set("3", effective_from=begin)
        await bench.set("2", pricing_source="contract", effective_from=begin + 5, effective_to=begin + 8)

    async with bench.database.read() as tx:
        timed = (await sheets.snapshot(tx, from_s=10, days=1))[MODEL]
    for at in range(10, 50):
        held = [each.sheet for each in timed if each.begins_s <= at][-1]
        asked = await bench.sheet(at)
        assert (held.book, held.prices, held.changes_at_s) == (asked.book, asked.prices, asked.changes_at_s)


async def test_a_snapshot_is_bounded(bench: Bench):
    for name in ("a", "b", "c"):
        await bench.set("3", model_key=name)

    async with bench.database.read() as tx:
        assert 3 == len(await sheets.snapshot(tx, from_s=0, days=1, most=3))
        with pytest.raises(PriceBookTooLarge):
            await sheets.snapshot(tx, from_s=0, days=1, most=2)


async def test_the_generation_of_the_book_grows_with_what_is_written(bench: Bench):
    async with bench.database.read() as tx:
        before = await sheets.generation(tx)
    await bench.set("3")
    async with bench.database.read() as tx:
        assert before + 1 == await sheets.generation(tx)


async def test_a_book_whose_lock_is_missing_takes_no_price(bench: Bench):
    async with bench.database.write() as tx:
        await tx.execute(delete(price_book))
    with pytest.raises(AssertionError, match="is missing"):
        await bench.set("3")


async def test_what_is_shown_follows_prices_that_begin_and_end_by_the_clock(bench: Bench):
    async with bench.database.write() as tx:
        await tx.execute(insert(ai_models).values(id="mdl", display_name="A", **MODEL._asdict()))
    tomorrow = int(utc_now().timestamp()) + 86_400
    await bench.set("3", effective_to=tomorrow)
    await bench.set("4", effective_from=tomorrow, effective_to=tomorrow + 10)

    shown = []
    for after, until in ((0, 1), (tomorrow - 1, tomorrow), (tomorrow, tomorrow + 9), (tomorrow, tomorrow + 10)):
        async with bench.database.write() as tx:
            await show_turned(tx, after, until)
        shown.append((await bench.rows(ai_models))[0].input_rate_per_mtok)
    assert ["3.0", "4.0", "4.0", "None"] == [str(rate) for rate in shown]
