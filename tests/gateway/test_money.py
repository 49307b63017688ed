"""Whatever becomes of a request, what was held is given back, and what was used is charged, once."""

import asyncio
import datetime as dt
import json

import pytest
from gateway.wishes import WISHES, Wish, chat, messages
from support.gateway import NANO, USER, Bench, change, channel, price, provider
from support.provider import Said, in_events, in_json, serving

from monoize.contract.budgets import key_day_budget, key_month_budget
from monoize.contract.events import decode
from monoize.contract.snapshot import Offer

every_wish = pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES)
ANSWER = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "model": "m-2026",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1_000, "completion_tokens": 500, "total_tokens": 1_500},
}
COST_NANO = 1_000 * 1_000 + 500 * 2_000


def chunk(usage: object = None, finish: str | None = None, choices: bool = True, **delta: object) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    told = {
        "id": "1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [choice] if choices else [],
    }
    return b"data: %s\n\n" % json.dumps(told | ({"usage": usage} if usage else {})).encode()


FINISH = chunk(finish="stop")
USAGE = chunk(usage={"prompt_tokens": 10, "completion_tokens": 20}, choices=False)
DONE = b"data: [DONE]\n\n"


def echo_at_a_price(bench: Bench) -> None:
    bench.offer(provider(channel("", "echo", "m")))


@every_wish
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_every_route_is_charged_by_its_usage(bench: Bench, wish: Wish, stream: bool):
    echo_at_a_price(bench)
    path = wish.stream_path if stream else wish.path
    reply = await bench.ask(path, wish.body("one two three", stream=stream))

    (charged,) = await bench.charged()
    assert 200 == reply.status
    # Three words in, "You said: one two three" out.
    assert (3 * 1_000 + 5 * 2_000, False) == (charged.charge_nano, charged.is_estimated)
    assert {f"user:{USER}": 13_000} == charged.budgets
    assert reply.headers["x-request-id"] == charged.request_id == reply.headers["request-id"]
    assert (0, 0) == await bench.held()


@every_wish
async def test_every_route_refuses_who_has_nothing_left(bench: Bench, wish: Wish):
    echo_at_a_price(bench)
    bench.balances = {f"user:{USER}": 0}
    for path, stream in ((wish.path, False), (wish.stream_path, True)):
        reply = await bench.ask(path, wish.body("hello", stream=stream))
        assert (402, "false") == (reply.status, reply.headers["x-should-retry"])
    assert [] == await bench.charged()
    assert (0, 0) == await bench.held()


async def test_a_multiplier_is_applied_exactly(bench: Bench):
    async with serving(in_json(ANSWER)) as there:
        offer = Offer("m-2026", 1_250_000_001)
        bench.offer(provider(channel(there.base_url, "chat_completion", offers={"m": offer})))
        reply = await bench.ask("/v1/chat/completions", chat("hello"))

    (charged,) = await bench.charged()
    assert (COST_NANO, COST_NANO * 1_250_000_001 // NANO) == (charged.cost_nano, charged.charge_nano)
    assert "0.0025" == reply.headers["x-monoize-charge-usd"]


def message(**usage: object) -> dict[str, object]:
    text = {"type": "text", "text": "Yes."}
    kind = {"id": "1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn"}
    return {**kind, "content": [text], "usage": {"input_tokens": 800, "output_tokens": 200, **usage}}


@pytest.mark.case(12)
async def test_a_report_of_fast_mode_in_a_batch_is_set_aside_and_its_answer_estimated(bench: Bench):
    async with serving(in_json(message(service_tier="batch", speed="fast"))) as there:
        bench.offer(provider(channel(there.base_url, "messages", "m")))
        reply = await bench.ask("/v1/messages", messages("hello"))

    (charged,) = await bench.charged()
    assert (200, True) == (reply.status, charged.is_estimated)
    assert charged.charge_nano < 800 * 1_000
    assert (0, 0) == await bench.held()


@pytest.mark.case(39)
async def test_passes_that_a_total_leaves_out_are_charged(bench: Bench):
    passes = [
        {"type": "compaction", "input_tokens": 1_200, "output_tokens": 300},
        {"type": "message", "input_tokens": 800, "output_tokens": 200, "cache_read_input_tokens": 1_200},
    ]
    haiku = price("somebody", "m", input_pico=1_000_000, output_pico=5_000_000, cache_read_pico=100_000)
    async with serving(in_json(message(cache_read_input_tokens=1_200, iterations=passes))) as there:
        bench.offer(provider(channel(there.base_url, "messages", "m")), m=haiku)
        await bench.ask("/v1/messages", messages("hello"))

    (charged,) = await bench.charged()
    assert (4_620_000, False) == (charged.charge_nano, charged.is_estimated)


async def test_an_unpriced_model_is_refused_and_never_given_away(bench: Bench):
    async with serving(in_json(ANSWER)) as there:
        bench.offer(provider(channel(there.base_url, "chat_completion", "m")), m=None)
        reply = await bench.ask("/v1/chat/completions", chat("hello"))

    assert (403, "model_unpriced") == (reply.status, reply.json["error"]["code"])
    assert [] == there.asked


async def test_a_key_with_a_purse_of_its_own_spends_from_that(bench: Bench):
    echo_at_a_price(bench)
    change(bench, has_sub_account=True)
    (grant,) = bench.grants.values()
    assert 402 == (await bench.ask("/v1/chat/completions", chat("hello"))).status

    bench.balances[f"key:{grant.key_id}"] = NANO
    # What was refused a moment ago was refused by a balance that is remembered; a top-up tells of itself.
    mark = await bench.holds.mark(f"key:{grant.key_id}")
    await bench.holds.refresh(f"key:{grant.key_id}", NANO, mark)
    assert 200 == (await bench.ask("/v1/chat/completions", chat("hello"))).status
    assert [f"key:{grant.key_id}"] == [*(await bench.charged())[0].budgets]


async def test_what_a_key_may_spend_in_a_day_and_a_month_holds_beside_the_balance(bench: Bench):
    echo_at_a_price(bench)
    change(bench, daily_budget_nano=1, monthly_budget_nano=1)
    (grant,) = bench.grants.values()
    day = dt.datetime.now(dt.UTC).date()
    names = key_day_budget(grant.key_id, day), key_month_budget(grant.key_id, day)
    for of_day, of_month, status in ((NANO, 0, 402), (0, NANO, 402), (NANO, NANO, 200)):
        for name, nano in zip(names, (of_day, of_month), strict=True):
            await bench.holds.refresh(name, nano, await bench.holds.mark(name))
        assert status == (await bench.ask("/v1/chat/completions", chat("hello"))).status

    (charged,) = await bench.charged()
    assert {f"user:{USER}", *names} == charged.budgets.keys()


async def test_many_at_once_never_spend_more_than_there_is(bench: Bench):
    bench.offer(provider(channel("", "echo", "m")), m=price("somebody", "m", input_pico=0, output_pico=10**9))
    # Each asks for at most ten tokens of a thousandth of a USD.
    bench.balances = {f"user:{USER}": 25 * 10 * 1_000_000}

    replies = await asyncio.gather(
        *(bench.ask("/v1/chat/completions", chat("/slow 5\nhello", max_tokens=10)) for _ in range(100))
    )

    assert 25 == [reply.status for reply in replies].count(200)
    assert 75 == [reply.status for reply in replies].count(402)


async def test_an_answer_is_cut_to_what_its_caller_can_pay(bench: Bench):
    async with serving(in_json(ANSWER)) as there:
        bench.offer(provider(channel(there.base_url, "chat_completion", "m")))
        bench.balances = {f"user:{USER}": 5_000_000}
        reply = await bench.ask("/v1/chat/completions", chat("hello"))

    assert 200 == reply.status
    most = there.asked[0].json["max_completion_tokens"]
    assert 2_000 < most < 2_500


async def test_what_the_caller_asked_for_is_not_cut_but_refused(bench: Bench):
    echo_at_a_price(bench)
    bench.balances = {f"user:{USER}": 5_000_000}

    assert 402 == (await bench.ask("/v1/chat/completions", chat("hello", max_tokens=10_000))).status
    assert 200 == (await bench.ask("/v1/chat/completions", chat("hello", max_tokens=1_000))).status


async def test_an_account_that_wants_it_has_answers_cut_that_were_asked_for(bench: Bench):
    change(bench, is_clamped=True)
    async with serving(in_json(ANSWER)) as there:
        bench.offer(provider(channel(there.base_url, "chat_completion", "m")))
        bench.balances = {f"user:{USER}": 5_000_000}
        reply = await bench.ask("/v1/chat/completions", chat("hello", max_tokens=10_000))
        mark = await bench.holds.mark(f"user:{USER}")
        await bench.holds.refresh(f"user:{USER}", 1_000_000, mark)
        too_short = await bench.ask("/v1/chat/completions", chat("hello", max_tokens=10_000))

    assert (200, 402) == (reply.status, too_short.status)
    assert 2_000 < there.asked[0].json["max_tokens"] < 2_500


async def test_an_overdraft_lets_requests_into_debt_so_far_and_no_further(bench: Bench):
    bench.offer(provider(channel("", "echo", "m")), m=price("somebody", "m", input_pico=0, output_pico=10**9))
    change(bench, overdraft_nano=25 * 10 * 1_000_000)
    bench.balances = {f"user:{USER}": 0}

    replies = await asyncio.gather(
        *(bench.ask("/v1/chat/completions", chat("/slow 5\nhello", max_tokens=10)) for _ in range(60))
    )

    assert 25 == [reply.status for reply in replies].count(200)
    assert 35 == [reply.status for reply in replies].count(402)


async def test_a_caller_who_leaves_pays_for_what_came_and_holds_nothing(bench: Bench):
    frames = [
        chunk(role="assistant", content="one"),
        *(chunk(content=" more") for _ in range(50)),
        FINISH,
        USAGE,
        DONE,
    ]
    async with serving(in_events(*frames, pause_s=0.02)) as there:
        bench.offer(provider(channel(there.base_url, "chat_completion", "m")))
        reply = await bench.ask("/v1/chat/completions", chat("hello", stream=True), leave_after=3)
        await asyncio.sleep(0.2)
        assert 0 == there.open

    (charged,) = await bench.charged()
    assert (200, False) == (reply.status, reply.is_over)
    assert charged.is_estimated
    assert 0 < charged.charge_nano < 200_000
    assert charged.log is not None
    assert "caller_left" == charged.log.error_code
    assert (0, 0) == await bench.held()


async def test_a_caller_who_leaves_before_the_answer_pays_for_the_prompt(bench: Bench):
    async with serving(Said(wait_s=5)) as there:
        bench.offer(provider(channel(there.base_url, "chat_completion", "m")))
        reply = await bench.ask("/v1/chat/completions", chat("hello"), leave_after=0)
        await asyncio.sleep(0.1)

    (charged,) = await bench.charged()
    assert 0 == reply.status
    assert charged.is_estimated
    assert 0 < charged.charge_nano < 100_000
    assert (0, 0) == await bench.held()


async def test_failures_cost_nothing_and_are_written_down(bench: Bench):
    async with serving(in_json({"error": {"message": "down"}}, 503)) as there:
        bench.offer(provider(channel(there.base_url, "chat_completion", "m")))
        reply = await bench.ask("/v1/chat/completions", chat("hello"))

    (charged,) = await bench.charged()
    assert 502 == reply.status
    assert (0, {f"user:{USER}": 0}) == (charged.charge_nano, charged.budgets)
    assert charged.log is not None
    assert ("error", 503) == (charged.log.status, charged.log.error_http_status)
    assert (0, 0) == await bench.held()


async def test_a_request_that_nobody_can_read_costs_nothing(bench: Bench):
    """It would pass as it is where its own protocol is spoken; here it has to be understood first."""
    bench.offer(provider(channel("http://127.0.0.1:9", "messages", "m")))
    reply = await bench.ask("/v1/chat/completions", {"model": "m", "messages": "hello"})

    (charged,) = await bench.charged()
    assert (400, 0, False) == (reply.status, charged.charge_nano, charged.is_estimated)
    assert (0, 0) == await bench.held()


async def test_a_stream_that_breaks_is_charged_as_far_as_it_came(bench: Bench):
    async with serving(in_events(chunk(role="assistant", content="one two three four"), cut=True)) as there:
        bench.offer(provider(channel(there.base_url, "chat_completion", "m")))
        reply = await bench.ask("/v1/chat/completions", chat("hello", stream=True))

    (charged,) = await bench.charged()
    assert "[DONE]" not in reply.body.decode()
    assert "error" in reply.chunks[-1].decode()
    assert charged.is_estimated
    assert charged.charge_nano > 0


async def test_the_usage_that_we_asked_for_is_not_shown_to_who_did_not(bench: Bench):
    async with serving(in_events(chunk(role="assistant", content="Yes."), FINISH, USAGE, DONE)) as there:
        bench.offer(provider(channel(there.base_url, "chat_completion", "m")))
        hidden = await bench.ask("/v1/chat/completions", chat("hello", stream=True))
        asked = chat("hello", stream=True, stream_options={"include_usage": True})
        shown = await bench.ask("/v1/chat/completions", asked)

    assert [True, True] == [request.json["stream_options"]["include_usage"] for request in there.asked]
    assert USAGE not in hidden.body
    assert USAGE in shown.body
    assert [10 * 1_000 + 20 * 2_000] * 2 == [charged.charge_nano for charged in await bench.charged()]


async def test_cached_tokens_of_anthropic_are_charged_at_their_own_rates(bench: Bench):
    usage = {"input_tokens": 100, "output_tokens": 10, "cache_read_input_tokens": 1_000}
    answer = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "Yes."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": usage,
    }
    async with serving(in_json(answer)) as there:
        rates = price("somebody", "m", cache_read_pico=100_000)
        bench.offer(provider(channel(there.base_url, "messages", "m")), m=rates)
        await bench.ask("/v1/messages", messages("hello"))

    (charged,) = await bench.charged()
    assert 100 * 1_000 + 10 * 2_000 + 1_000 * 100 == charged.charge_nano


async def test_what_upstream_has_reported_of_a_long_answer_is_what_a_crash_leaves_to_be_charged(bench: Bench):
    def event(name: str, **told: object) -> bytes:
        return b"event: %s\ndata: %s\n\n" % (name.encode(), json.dumps({"type": name, **told}).encode())

    usage = {"input_tokens": 100, "output_tokens": 1, "cache_read_input_tokens": 1_000}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage}
    block = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    word = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "word "})
    async with serving(
        in_events(event("message_start", message=message), block, *[word] * 40, pause_s=0.05)
    ) as there:
        rates = price("somebody", "m", cache_read_pico=100_000)
        bench.offer(provider(channel(there.base_url, "messages", "m")), m=rates)
        asking = asyncio.ensure_future(bench.ask("/v1/messages", messages("hello", stream=True)))
        await asyncio.sleep(0.5)
        (floor,) = await bench.spool.left_in_flight()
        await bench.meter.tend(0)
        (noted,) = await bench.spool.left_in_flight()
        asking.cancel()

    before, after = decode(floor.content), decode(noted.content)
    assert before.charge_nano < after.charge_nano == 100 * 1_000 + 1 * 2_000 + 1_000 * 100
    assert (True, before.id) == (after.is_estimated, after.id)
