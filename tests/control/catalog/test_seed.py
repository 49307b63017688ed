"""The list that ships with the product, on each engine: it prices known requests to the nano-USD."""

import datetime as dt

import pytest
from control.catalog.bench import Bench, unix_s
from support.price_book import pico

from monoize.base.cost.costing import NANO_NEURONS_FREE_PER_DAY, Pools, cost_of
from monoize.base.cost.usage import Usage
from monoize.control.catalog.actions.seed import Planted
from monoize.control.catalog.model.findings import findings
from monoize.control.catalog.model.records import ModelKey
from monoize.control.catalog.model.seed_list import seed_list
from monoize.control.catalog.store import prices
from monoize.control.catalog.tables import model_prices

NOW = unix_s(2026, 11, 21)
FEBRUARY = unix_s(2026, 2, 20)
LLAMA_70B = ("workers_ai", "@cf/meta/llama-3.3-70b-instruct-fp8-fast")
LLAMA_8B = ("workers_ai", "@cf/meta/llama-3.1-8b-instruct-fp8")


def anthropic(name: str) -> tuple[str, str]:
    return "anthropic", f"claude-{name}"


COSTS = [
    (10_500_000, anthropic("sonnet-4-6"), Usage(1_000, 500), NOW),
    (19_650_000, anthropic("sonnet-4-6"), Usage(2_000, 500, 1_000, cache_read_tokens=8_000), NOW),
    (64_500_000, anthropic("sonnet-4-6"), Usage(500, 200, cache_write_1h_tokens=10_000), NOW),
    (10_000_000, anthropic("haiku-4-5-20251001"), Usage(10_000, 2_000, batch=True), NOW),
    (82_500_000, anthropic("opus-4-6"), Usage(10_000, 1_000, us_only=True), NOW),
    (15_000_000, anthropic("haiku-4-5"), Usage(10_000, 1_000, us_only=True), NOW),
    (450_000_000, anthropic("opus-4-6"), Usage(10_000, 1_000, fast=True), NOW),
    (150_000_000, anthropic("opus-4-8"), Usage(10_000, 1_000, fast=True), NOW),
    (615_000_000, anthropic("sonnet-4-5"), Usage(200_000, 1_000), NOW),
    (1_222_506_000, anthropic("sonnet-4-5"), Usage(200_001, 1_000), NOW),
    (418_500_000, anthropic("sonnet-4-5"), Usage(50_000, 1_000, cache_read_tokens=160_000), NOW),
    (1_691_250_000, anthropic("opus-4-6"), Usage(300_000, 2_000, batch=True, us_only=True), FEBRUARY),
    (3_075_000_000, anthropic("opus-4-6"), Usage(300_000, 2_000), FEBRUARY),
    (1_550_000_000, anthropic("opus-4-6"), Usage(300_000, 2_000), NOW),
    (40_500_000, anthropic("sonnet-4-6"), Usage(1_000, 500, web_searches=3), NOW),
    (18_250_000, anthropic("opus-4-6"), Usage(1_000, 100, web_searches=1, us_only=True), NOW),
    (74_391_900, LLAMA_70B, Usage(100_000, 20_000), NOW),
    (428_857, LLAMA_8B, Usage(1_000, 1_000), NOW),
    (13_500_000, ("openai", "gpt-5"), Usage(2_000, 1_000, cache_read_tokens=8_000), NOW),
    (5_500_000, ("openai", "o4-mini"), Usage(1_000, 1_000, reasoning_tokens=700), NOW),
    (4_050_000, ("google", "gemini-2.5-flash"), Usage(1_000, 1_500), NOW),
    (1_604_850, ("openai", "text-embedding-3-large"), Usage(12_345), NOW),
    (20_000_000, ("openai", "text-embedding-3-small"), Usage(1_000_000), NOW),
    (45_000_000, ("workers_ai", "@cf/black-forest-labs/flux-2-klein-4b"), Usage(units=3), NOW),
    (18_510_000, ("openai", "tts-1-hd"), Usage(units=1_234), NOW),
    (4_302_000, ("workers_ai", "@cf/deepgram/nova-3"), Usage(units=60), NOW),
    (167_000_000, ("openai", "gpt-image-2"), Usage(units=1, variant="high"), NOW),
    (300_000_000, anthropic("sonnet-5"), Usage(100_000, 10_000), unix_s(2026, 8, 31, 23, 59, 59)),
    (450_000_000, anthropic("sonnet-5"), Usage(100_000, 10_000), unix_s(2026, 9, 1)),
    (40_000_000, anthropic("fable-5-1"), Usage(1_000, 100, cache_read_tokens=100_000), NOW),
    (625_000_000, anthropic("opus-5"), Usage(50_000, 15_000), NOW),
    (445_000_000, anthropic("opus-5"), Usage(10_000, 15_000, cache_read_tokens=40_000), NOW),
    (None, ("openai", "gpt-unheard-of"), Usage(1_000, 500), NOW),
]


async def test_known_requests_cost_what_they_cost(bench: Bench):
    await bench.plant()

    found = []
    for _, model, usage, moment in COSTS:
        sheet = await bench.sheet(moment, ModelKey(*model))
        found.append((cost_of(usage, sheet).total_nano, model, usage, moment))
    assert COSTS == found


async def test_a_request_of_august_costs_its_price_of_august_whenever_it_is_priced(bench: Bench):
    await bench.plant()
    model = ModelKey(*anthropic("sonnet-5"))
    august = unix_s(2026, 8, 15)
    before = await bench.input_at(august, model)
    async with bench.database.write() as tx:
        await tx.execute(model_prices.update().values(checked_at=dt.datetime(2030, 1, 1, tzinfo=dt.UTC)))
    await bench.plant()
    later = next(record for record in await bench.history(model) if record.price.effective_from > 0)
    await bench.end(later, unix_s(2026, 10, 1))

    assert pico("2") == before == await bench.input_at(august, model)


async def test_free_neurons_of_the_day_are_not_charged(bench: Bench):
    await bench.plant()
    sheet = await bench.sheet(NOW, ModelKey(*LLAMA_70B))
    usage, pool = Usage(1_000_000, 100_000), Pools(nano_neurons=NANO_NEURONS_FREE_PER_DAY)

    assert (518_633_500, 408_633_500) == (cost_of(usage, sheet).total_nano, cost_of(usage, sheet, pool).total_nano)


async def test_the_premium_for_long_contexts_ends_with_its_day(bench: Bench):
    await bench.plant()
    end = unix_s(2026, 3, 13)
    usage = Usage(300_000, 2_000)

    for name, dear, plain in (
        ("opus-4-6", 3_075_000_000, 1_550_000_000),
        ("sonnet-4-6", 1_845_000_000, 930_000_000),
    ):
        costs = [
            cost_of(usage, await bench.sheet(at, ModelKey(*anthropic(name)))).total_nano for at in (end - 1, end)
        ]
        assert [dear, plain] == costs


async def test_planting_twice_changes_nothing(bench: Bench):
    first = await bench.plant()
    rows = await bench.rows(model_prices)
    again = await bench.plant()

    assert (Planted(added=len(seed_list())), Planted(unchanged=len(seed_list()))) == (first, again)
    assert rows == await bench.rows(model_prices)


async def test_a_list_that_was_planted_is_no_news_until_one_of_its_prices_is_missing(bench: Bench):
    assert await bench.has_news()
    await bench.plant()
    assert not await bench.has_news()

    async with bench.database.write() as tx:
        await tx.execute(model_prices.delete().where(model_prices.c.model_key == "gpt-5"))
    assert await bench.has_news()


async def test_what_somebody_looks_after_stays_as_it_is(bench: Bench):
    model = ModelKey(*anthropic("opus-5"))
    await bench.set("4", "20", **model._asdict())
    planted = await bench.plant()

    assert (len(seed_list()) - 1, 1) == (planted.added, planted.kept)
    assert pico("4") == await bench.input_at(NOW, model)


async def test_a_price_that_was_ended_by_hand_does_not_come_back(bench: Bench):
    model = ModelKey(*anthropic("fable-5"))
    await bench.plant()
    (record,) = await bench.history(model)
    await bench.end(record, NOW)
    await bench.plant()

    assert None is await bench.input_at(NOW, model)


def test_every_price_of_the_list_says_where_it_is_printed_and_when_somebody_looked():
    for proposal in seed_list():
        assert proposal.source.url.startswith("https://")
        assert proposal.source.checked_at <= dt.datetime(2026, 12, 31, tzinfo=dt.UTC)


@pytest.mark.parametrize("moment", [FEBRUARY, NOW])
async def test_the_list_has_nothing_that_an_audit_finds(bench: Bench, moment: int):
    await bench.plant()
    now = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
    async with bench.database.read() as tx:
        held = await prices.holding(tx, moment, most=1_000)

    assert 50 < len(held)
    assert [] == findings(held, now, active_without_rates=[], active_with_fast_mode=[])
