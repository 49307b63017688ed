"""Imports on three engines: what is believable is written, what is steep waits, what was set by hand stays."""

import asyncio
import json
from typing import Any

from control.catalog.bench import Bench
from support.price_book import pico

from monoize.base.clock import utc_now
from monoize.control.catalog.actions.imports import Import
from monoize.control.catalog.errors import NoSuchPendingPrice
from monoize.control.catalog.model.records import ModelKey
from monoize.control.catalog.tables import model_prices, pending_prices

OPUS = ModelKey("anthropic", "claude-opus-5")


def listed(**models: dict[str, Any]) -> Import:
    named = {name.replace("_", "-"): {"cost": cost} for name, cost in models.items()}
    return Import("models_dev", json.dumps({"anthropic": {"models": named}}), "https://models.dev/api.json")


def now_s() -> int:
    # A price that was written a moment ago may begin a second later.
    return int(utc_now().timestamp()) + 60


async def outcomes(bench: Bench, wanted: Import) -> list[str]:
    return [each.outcome for each in (await bench.take_over(wanted)).compared]


async def test_new_prices_are_added_and_the_same_list_changes_nothing_again(bench: Bench):
    wanted = listed(claude_opus_5={"input": 5, "output": 25}, claude_haiku_4_5={"input": 1, "output": 5})

    assert ["added", "added"] == await outcomes(bench, wanted)
    assert ["unchanged", "unchanged"] == await outcomes(bench, wanted)
    assert 2 == len(await bench.rows(model_prices))


async def test_finding_a_price_unchanged_counts_as_having_checked_it(bench: Bench):
    await bench.plant()
    before = (await bench.history(OPUS))[-1].source.checked_at
    await outcomes(bench, listed(claude_opus_5={"input": 5, "output": 25, "cache_read": 0.5, "cache_write": 6.25}))

    standing = next(record for record in await bench.history(OPUS) if record.price.kind == "standard")
    assert before < standing.source.checked_at


async def test_a_small_change_follows_and_a_steep_one_waits_while_the_rest_is_written(bench: Bench):
    await outcomes(bench, listed(a={"input": 4, "output": 20}, b={"input": 4, "output": 20}))
    changed = listed(a={"input": 6, "output": 20}, b={"input": 6.000001, "output": 20}, c={"input": 1, "output": 5})

    assert ["changed", "waiting", "added"] == await outcomes(bench, changed)
    rates = [await bench.input_at(now_s(), ModelKey("anthropic", name)) for name in ("a", "b", "c")]
    assert [pico("6"), pico("4"), pico("1")] == rates
    (waiting,) = await bench.pending()
    assert ("b", (("input_usd_per_mtok", "4", "6.000001"),)) == (
        waiting.proposal.key.model_key,
        tuple((change.rate, change.before, change.after) for change in waiting.changes),
    )


async def test_a_confirmed_change_holds_from_its_confirmation(bench: Bench):
    await outcomes(bench, listed(a={"input": 4, "output": 20}))
    await outcomes(bench, listed(a={"input": 40, "output": 20}))
    (waiting,) = await bench.pending()
    written = await bench.confirm(waiting.id)

    assert pico("40") == await bench.input_at(now_s(), ModelKey("anthropic", "a"))
    assert waiting.created_at.timestamp() - 1 <= written.price.effective_from
    assert [] == await bench.pending()


async def test_a_newer_proposal_takes_the_place_of_the_older(bench: Bench):
    await outcomes(bench, listed(a={"input": 4, "output": 20}))
    for dear in (40, 50):
        assert ["waiting"] == await outcomes(bench, listed(a={"input": dear, "output": 20}))

    (waiting,) = await bench.pending()
    assert pico("50") == waiting.proposal.price.input_pico
    assert 1 == len(await bench.rows(pending_prices))


async def test_what_was_set_by_hand_is_never_overwritten(bench: Bench):
    await bench.set("4", "20", **OPUS._asdict())
    await bench.set("1", "2", pricing_source="override", provider="anthropic", model_key="claude-haiku-4-5")
    wanted = listed(claude_opus_5={"input": 5, "output": 25}, claude_haiku_4_5={"input": 1, "output": 5})

    assert ["kept", "added"] == await outcomes(bench, wanted)
    assert pico("4") == await bench.input_at(now_s(), OPUS)
    assert "override" == (await bench.sheet(now_s(), ModelKey("anthropic", "claude-haiku-4-5"))).book


async def test_a_price_that_ended_does_not_come_back_unseen(bench: Bench):
    await outcomes(bench, listed(a={"input": 4, "output": 20}, b={"input": 4, "output": 20}))
    for name in ("a", "b"):
        (record,) = await bench.history(ModelKey("anthropic", name))
        await bench.end(record, record.price.effective_from + 1)
    ended = await bench.set("4", "20", provider="anthropic", model_key="c", effective_from=1)
    await bench.end(ended, 2)
    again = listed(a={"input": 4, "output": 20}, b={"input": 40, "output": 20}, c={"input": 4, "output": 20})

    # The prices end a second after they began, which may still be to come.
    await asyncio.sleep(1.1)
    assert ["waiting", "waiting", "kept"] == await outcomes(bench, again)


async def test_whoever_confirms_while_others_propose_and_import_never_waits_in_a_circle(bench: Bench):
    await outcomes(bench, listed(a={"input": 4, "output": 20}))
    for dear in (40, 160, 640):
        await outcomes(bench, listed(a={"input": dear, "output": 20}))
        (waiting,) = await bench.pending()
        results = await asyncio.gather(
            bench.confirm(waiting.id),
            *(outcomes(bench, listed(a={"input": dear + 1, "output": 20})) for _ in range(4)),
            return_exceptions=True,
        )
        failed = {type(result) for result in results if isinstance(result, BaseException)}
        assert failed <= {NoSuchPendingPrice}
        for left in await bench.pending():
            await bench.confirm(left.id)


async def test_what_a_list_is_silent_about_stays(bench: Bench):
    await bench.plant()
    await outcomes(bench, listed(claude_opus_5={"input": 6, "output": 30}))
    sheet = await bench.sheet(now_s(), OPUS)
    standard = next(price for price in sheet.prices if price.kind == "standard")

    assert [pico(usd) for usd in ("6", "30", "7.5", "12", "0.6")] == [
        standard.input_pico,
        standard.output_pico,
        standard.cache_write_5m_pico,
        standard.cache_write_1h_pico,
        standard.cache_read_pico,
    ]
    assert (11_000, 10_000_000_000) == (standard.geo_multiplier_bp, standard.web_search_pico)


async def test_a_preview_says_what_the_import_then_does_and_changes_nothing(bench: Bench):
    await outcomes(bench, listed(a={"input": 4, "output": 20}, b={"input": 4, "output": 20}))
    await bench.set("4", "20", provider="anthropic", model_key="d")
    wanted = listed(
        a={"input": 4, "output": 20},
        b={"input": 40, "output": 20},
        c={"input": 1, "output": 5},
        d={"input": 1, "output": 5},
        e={"input": 1_000_000, "output": 5},
        f={},
    )
    before = [await bench.rows(table) for table in (model_prices, pending_prices)]
    shown = await bench.preview(wanted)

    assert before == [await bench.rows(table) for table in (model_prices, pending_prices)]
    assert shown.counts == {"unchanged": 1, "waiting": 1, "added": 1, "kept": 1}
    assert (1, 1) == (len(shown.listed.refused), shown.listed.unpriced)
    done = await bench.take_over(wanted)
    assert [(each.outcome, each.changes) for each in shown.compared] == [
        (each.outcome, each.changes) for each in done.compared
    ]


async def test_hundreds_of_prices_come_in_at_once(bench: Bench):
    wanted = listed(**{f"m{n}": {"input": 1 + n, "output": 5} for n in range(900)})

    assert {"added": 900} == (await bench.take_over(wanted)).counts
    assert {"unchanged": 900} == (await bench.take_over(wanted)).counts
