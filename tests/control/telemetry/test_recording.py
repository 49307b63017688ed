"""Calls of providers as rows: what each used and cost, once, and their sums of each day beside them."""

import asyncio
import json
import random

import msgspec
import pytest
from control.telemetry.bench import DAY_MS, NOON_MS, TENANT, USAGE_NANO, Bench, event
from sqlalchemy import insert
from support.price_book import HAIKU, LLAMA_70B, OPUS, OPUS_WITH_PREMIUM, SONNET, SONNET_WITH_PREMIUM

from monoize.base.clock import utc_day
from monoize.base.cost.price import RATE_MOST, Price
from monoize.base.cost.sheet import SUBSCRIPTION, UNPRICED, PriceSheet
from monoize.base.cost.usage import InvalidUsage, Usage
from monoize.base.ids import new_id
from monoize.contract.events import FailedCall, RequestLog, ToolChoice, decode, encode
from monoize.control.catalog.tables import ai_models
from monoize.control.identity.model import DEFAULT_TENANT_ID
from monoize.control.telemetry.actions.calls import BATCH_MOST
from monoize.control.telemetry.model.sums import BIG_INTEGER_MOST
from monoize.control.telemetry.model.tool_prompts import tool_prompt_tokens

MACHINE = "01a1fc11-0000-7000-8000-0000000000bb"
DEAR = PriceSheet.of([Price(id="dear", provider="p", model_key="m", input_pico=RATE_MOST)])


async def test_a_call_is_kept_with_what_it_used_and_cost(bench: Bench):
    session, agent = "session-1", "agent-1"
    call = event(estimate_nano=31_000_000, session_id=session, agent_id=agent, tool_choice="auto")

    await bench.record(call)

    (row,) = await bench.rows()
    assert (call.id, TENANT, session, agent, call.user_id) == (
        *(row.id, row.tenant_id, row.session_id, row.agent_id, row.created_by),
    )
    assert ("llm", "request", 1, "call", "info") == (
        *(row.metric_type, row.metric_name, row.metric_value, row.unit, row.severity),
    )
    assert ("anthropic", "claude-sonnet-4-6", "auto", "list") == (
        *(row.provider, row.model_used, row.tool_choice, row.pricing_source),
    )
    assert (2_000, 500, 1_000, 8_000, 11_000) == (
        row.input_tokens,
        row.output_tokens,
        row.cache_creation_input_tokens,
        row.cache_read_input_tokens,
        row.total_input_tokens,
    )
    assert (NOON_MS, USAGE_NANO, 300) == (row.timestamp, row.cost_nano, row.cache_ttl_seconds)
    facts = {"request_id": call.request_id, "reasoning_tokens": 30, "model": "sonnet"}
    assert facts == json.loads(row.metadata_json)
    assert json.loads(bytes(call.breakdown)) == json.loads(row.cost_breakdown_json)
    shown = (row.computed_cost_usd, row.cost_estimate, row.cache_cost_savings_usd)
    assert ("0.019650", "0.031000", "0.020850") == tuple(f"{value:.6f}" for value in shown)
    assert ("0.727273", "0.702020") == (f"{row.cache_hit_rate:.6f}", f"{row.cache_efficiency_score:.6f}")
    assert (3, 15, 0.3, 3.75) == (
        row.input_rate_per_mtok,
        row.output_rate_per_mtok,
        row.cache_read_rate_per_mtok,
        row.cache_write_rate_per_mtok,
    )


@pytest.mark.parametrize(
    ("usage", "sheet", "flags"),
    [
        (Usage(1, 1), SONNET, (0, 0, 0, 0)),
        (Usage(1, 1, batch=True), SONNET, (1, 0, 0, 0)),
        (Usage(1, 1, us_only=True), OPUS, (0, 1, 0, 0)),
        (Usage(1, 1, us_only=True, fast=True), OPUS, (0, 1, 1, 0)),
        (Usage(200_001, 1), SONNET_WITH_PREMIUM, (0, 0, 0, 1)),
        (Usage(300_000, 1, batch=True, us_only=True), OPUS_WITH_PREMIUM, (1, 1, 0, 1)),
    ],
)
async def test_flags_are_those_that_were_paid_for(
    sqlite_bench: Bench, usage: Usage, sheet: PriceSheet, flags: tuple[int, ...]
):
    await sqlite_bench.record(event(usage, sheet))

    (row,) = await sqlite_bench.rows()
    assert flags == (row.is_batch, row.is_us_only, row.is_fast_mode, row.is_long_context)


async def test_searches_and_code_are_counted_as_they_were_and_not_as_they_are_billed(sqlite_bench: Bench):
    await sqlite_bench.record(event(Usage(1, web_searches=3, code_seconds=90)))
    await sqlite_bench.record(event(Usage(1, web_searches=3, code_seconds=90, code_is_free=True)))

    for row in await sqlite_bench.rows():
        assert (3, 90) == (row.web_search_requests, row.code_exec_seconds)


@pytest.mark.case(36)
async def test_an_unknown_price_is_null_and_never_nought(bench: Bench):
    await bench.record(event(sheet=UNPRICED), event())

    priced, unpriced = sorted(await bench.rows(), key=lambda row: row.cost_nano is None)
    assert (None, None, "unpriced") == (unpriced.cost_nano, unpriced.computed_cost_usd, unpriced.pricing_source)
    assert (None, None, 11_000) == (
        *(unpriced.cache_cost_savings_usd, unpriced.cache_efficiency_score, unpriced.total_input_tokens),
    )
    assert USAGE_NANO == priced.cost_nano
    (day,) = await bench.days()
    assert (2, 1, USAGE_NANO) == (day.calls, day.unpriced, day.cost_nano)


async def test_what_costs_nothing_is_nought_and_not_unknown(sqlite_bench: Bench):
    await sqlite_bench.record(event(Usage()))

    (row,) = await sqlite_bench.rows()
    assert (0, 0, 0, "list") == (row.cost_nano, row.cache_hit_rate, row.cache_efficiency_score, row.pricing_source)
    (day,) = await sqlite_bench.days()
    assert (1, 0) == (day.calls, day.unpriced)


async def test_a_call_of_no_tenant_counts_for_the_default_tenant(bench: Bench):
    await bench.record(event(tenant_id=None))

    (row,), (day,) = await bench.rows(), await bench.days()
    assert (DEFAULT_TENANT_ID, DEFAULT_TENANT_ID) == (row.tenant_id, day.tenant_id)
    assert (USAGE_NANO, USAGE_NANO) == (row.cost_nano, day.cost_nano)


@pytest.mark.case(40)
async def test_a_call_that_comes_again_is_one_row_and_counts_once(bench: Bench):
    first, second, third = event(), event(), event()

    for batch in ((first, second), (second, third, third), (first,), (third, second, first)):
        await bench.record(*batch)

    assert sorted([first.id, second.id, third.id]) == [row.id for row in await bench.rows()]
    (day,) = await bench.days()
    assert (3, 3 * USAGE_NANO, 3 * 8_000) == (day.calls, day.cost_nano, day.cache_read_input_tokens)


async def test_a_call_belongs_to_the_day_on_which_it_happened_in_utc(bench: Bench):
    midnight = NOON_MS + DAY_MS // 2
    await bench.record(event(at_ms=midnight - 1), event(at_ms=midnight), event(at_ms=midnight + DAY_MS - 1))

    assert [("2026-02-08", 1), ("2026-02-09", 2)] == [
        (str(utc_day(day.at_ms)), day.calls) for day in await bench.days()
    ]


async def test_what_is_paid_by_the_month_keeps_its_quantities(sqlite_bench: Bench):
    await sqlite_bench.record(event(sheet=SUBSCRIPTION))

    (row,) = await sqlite_bench.rows()
    assert (0, "subscription", 11_000, 500) == (
        *(row.cost_nano, row.pricing_source, row.total_input_tokens, row.output_tokens),
    )
    assert "0.727273" == f"{row.cache_hit_rate:.6f}"


async def test_neurons_are_kept_in_thousandths_beside_the_tokens(bench: Bench):
    await bench.record(event(Usage(100_000, 20_000), LLAMA_70B))

    (row,) = await bench.rows()
    assert (74_391_900, 6_762_900, 0.011) == (row.cost_nano, row.neurons_used, row.neuron_rate_per_1k)
    assert (100_000, 20_000, None) == (row.input_tokens, row.output_tokens, row.input_rate_per_mtok)


async def test_an_estimate_says_that_it_is_one(sqlite_bench: Bench):
    await sqlite_bench.record(event(changes={"is_estimated": True}))

    assert [True] == [json.loads(row.metadata_json)["estimated"] for row in await sqlite_bench.rows()]


async def test_a_call_that_failed_is_a_warning(sqlite_bench: Bench):
    await sqlite_bench.record(event(Usage(), changes={"log": RequestLog(model="sonnet", status="error")}))

    assert ["warning"] == [row.severity for row in await sqlite_bench.rows()]


async def test_each_call_of_a_provider_has_a_row_and_those_that_failed_before_cost_nothing(bench: Bench):
    failed = FailedCall(
        "openai", "gpt-5", NOON_MS - 900, 850, provider_id="p", channel_id="c", status=503, code="overloaded"
    )
    last = event(changes={"failed_calls": (failed, msgspec.structs.replace(failed, at_ms=NOON_MS - 50))})

    await bench.record(last)
    await bench.record(last)

    *earlier, row = sorted(await bench.rows(), key=lambda row: row.timestamp)
    assert [f"{last.id}-1", f"{last.id}-2"] == [each.id for each in earlier]
    expected = ("llm", "attempt", "warning", "openai", "gpt-5", 0, 0, 0)
    names = ("metric_type", "metric_name", "severity", "provider", "model_used", "input_tokens", "output_tokens")
    assert [expected] * 2 == [tuple(getattr(each, name) for name in (*names, "cost_nano")) for each in earlier]
    facts = json.loads(earlier[0].metadata_json)
    assert (last.request_id, 1, 850, "overloaded", 503, "c") == tuple(
        facts[name] for name in ("request_id", "attempt", "duration_ms", "error", "status", "channel_id")
    )
    assert {row.tenant_id} == {each.tenant_id for each in earlier}
    (day,) = await bench.days()
    assert (1, 0, USAGE_NANO) == (day.calls, day.failed, day.cost_nano)


async def test_a_governed_call_says_by_which_version_for_which_role_and_from_where(bench: Bench):
    governed = {"config_id": "sam", "config_version": 7, "role_name": "helper", "agent_email": "sam@example.com"}
    async with bench.database.write() as tx:
        model = {"provider": "anthropic", "model_key": "claude-sonnet-4-6", "size_class": "large"}
        await tx.execute(insert(ai_models).values(id="m", display_name="S", **model))

    await bench.record(event(**governed, machine_id=MACHINE, tool_choice="any", tool_tokens=945), event(Usage()))

    row, plain = sorted(await bench.rows(), key=lambda row: row.config_id is None)
    assert governed == {name: getattr(row, name) for name in governed}
    assert (MACHINE, 945, 589, "large") == (
        *(row.instance_id, row.tool_overhead_input_tokens, row.tool_system_prompt_tokens, row.model_size_class),
    )
    assert (None, 0, "large") == (plain.instance_id, plain.tool_system_prompt_tokens, plain.model_size_class)


@pytest.mark.parametrize(
    ("provider", "model", "choice", "tokens"),
    [
        ("anthropic", "claude-opus-4-8", "auto", 290),
        ("anthropic", "claude-opus-4-8", "none", 290),
        ("anthropic", "claude-haiku-4-5-20251001", "tool", 588),
        ("anthropic", "claude-sonnet-5", None, 0),
        ("anthropic", "claude-of-tomorrow", "auto", None),
        ("openai", "gpt-5", "auto", None),
    ],
)
def test_the_prompt_before_tools_is_as_long_as_its_provider_says(
    provider: str, model: str, choice: ToolChoice | None, tokens: int | None
):
    assert tokens == tool_prompt_tokens(provider, model, choice)


async def test_events_without_a_call_leave_nothing(sqlite_bench: Bench):
    await sqlite_bench.record(event(changes={"call": None}))
    await sqlite_bench.record()

    assert ([], []) == (await sqlite_bench.rows(), await sqlite_bench.days())


async def test_a_cost_that_does_not_fit_is_refused_and_leaves_nothing(bench: Bench):
    great = event(Usage(999), DEAR)
    too_great = event(Usage(1_001), DEAR)
    assert great.cost_nano <= BIG_INTEGER_MOST < too_great.cost_nano

    with pytest.raises(ValueError, match="not within"):
        await bench.record(event(), too_great)
    assert ([], []) == (await bench.rows(), await bench.days())

    await bench.record(great)
    assert [great.cost_nano] == [row.cost_nano for row in await bench.rows()]


async def test_a_sum_that_does_not_fit_is_refused_and_the_others_stand(bench: Bench):
    somebody = {"user_id": new_id()}
    great = event(Usage(999), DEAR, changes=somebody)
    await bench.record(great)

    with pytest.raises(ValueError, match="sum of a day"):
        await bench.record(event(Usage(999), DEAR, changes=somebody))

    assert [great.cost_nano] == [row.cost_nano for row in await bench.rows()]
    assert [(1, great.cost_nano)] == [(day.calls, day.cost_nano) for day in await bench.days()]


@pytest.mark.parametrize(
    "call",
    [
        {"model": ""},
        {"model": "m" * 192},
        {"model": "a\x00b"},
        {"provider": "p" * 65},
        {"tenant_id": "t" * 37},
        {"session_id": "s" * 192},
        {"agent_id": "a" * 65},
        {"usage": {"input_tokens": -1}},
        {"usage": {"input_tokens": 10**9 + 1}},
        {"usage": {"reasoning_tokens": 501, "output_tokens": 500}},
    ],
    ids=str,
)
async def test_a_call_that_cannot_be_kept_as_it_is_is_refused(sqlite_bench: Bench, call: dict[str, object]):
    honest = event(Usage(0, 500))
    assert honest.call is not None
    document = msgspec.json.decode(encode(honest))
    document["call"] |= call
    content = msgspec.json.encode(document)

    with pytest.raises((ValueError, InvalidUsage)):
        await sqlite_bench.record(decode(content))

    assert ([], []) == (await sqlite_bench.rows(), await sqlite_bench.days())


@pytest.mark.parametrize(
    "changes",
    [
        {"breakdown": msgspec.Raw(b'{"padding": "' + b"x" * 20_000 + b'"}')},
        {"at_ms": -1},
        {"at_ms": 10**18},
        {"cost_nano": 2**63},
        {"id": ""},
        {"request_id": "r" * 192},
    ],
    ids=[
        "a huge breakdown",
        "before all time",
        "after all time",
        "a huge cost",
        "no id",
        "a long request id",
    ],
)
async def test_an_event_that_makes_no_sense_is_refused(sqlite_bench: Bench, changes: dict[str, object]):
    with pytest.raises(ValueError):
        await sqlite_bench.record(event(Usage(), changes=changes))

    assert ([], []) == (await sqlite_bench.rows(), await sqlite_bench.days())


async def test_a_batch_is_bounded_and_may_be_full(bench: Bench):
    full = [event(Usage(1), HAIKU, model=f"model-{number}") for number in range(BATCH_MOST)]

    await bench.record(*full)

    assert BATCH_MOST == len(await bench.rows()) == len(await bench.days())
    with pytest.raises(ValueError, match="at most"):
        await bench.record(*full, event())


async def test_those_who_record_at_the_same_moment_add_up_and_never_lock_each_other_out(bench: Bench):
    models = [f"model-{number}" for number in range(8)]

    async def some(seed: int) -> None:
        mine = random.Random(seed).sample(models, k=5)
        for _ in range(4):
            await bench.record(*(event(Usage(1), HAIKU, model=model) for model in mine))

    await asyncio.gather(*(some(seed) for seed in range(6)))

    assert 6 * 4 * 5 == len(await bench.rows())
    days = await bench.days()
    assert (120, 120 * 1_000) == (sum(day.calls for day in days), sum(day.cost_nano for day in days))
