"""What becomes of requests with the key of a governed agent, through the whole gateway."""

import asyncio
import json
import socket
from typing import Any

import msgspec
import pytest
from gateway.wishes import WISHES, Wish, chat
from support.gateway import NANO, USER, Bench, change, channel, price, provider
from support.governed import OWNER, governed, limited

from monoize.base.cost.breakdown import Breakdown
from monoize.contract.gates.decision import Decision, read
from monoize.contract.governed import Governed
from monoize.contract.snapshot import Offer
from monoize.contract.stops import Stops
from monoize.gateway.govern.denials import ROWS_EACH_MINUTE

PATH = "/v1/chat/completions"
every_wish = pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES)


def govern(bench: Bench, found: Governed | None = None, **fields: Any) -> None:
    """The key is an agent's from now on. Whatever it spends of, there is nothing spent of it yet."""
    bench.offer(provider(channel("", "echo", "m", "n")))
    change(bench, governed=found or governed(**fields), tenant_id=OWNER)


async def ask(bench: Bench, **changes: Any) -> Any:
    headers = changes.pop("headers", None)
    return await bench.ask(PATH, {**chat("one two three"), **changes}, headers=headers)


async def last(bench: Bench) -> tuple[Any, tuple[Decision, ...]]:
    """The newest row of the request log, and what the gates said of it."""
    await bench.denials.close()
    log = (await bench.charged())[-1].log
    assert log is not None
    return log, read(log.decisions_json)


async def test_a_request_that_passes_says_by_which_gates(bench: Bench):
    govern(bench)

    assert 200 == (await ask(bench)).status
    log, decisions = await last(bench)
    assert ["kill_switch", "tenant", "auth", "roles", "rate", "model", "cost", "limits"] == [
        each.gate for each in decisions
    ]
    assert ("success", "record-1") == (log.status, log.agent_record_id)


@every_wish
async def test_a_denial_speaks_as_its_caller_does_costs_nothing_and_is_written_down(bench: Bench, wish: Wish):
    govern(bench, policies={"model_policy_json": {"allowed_models": ["gpt-*"], "blocked_models": ["m"]}})

    reply = await bench.ask(wish.path, wish.body("hello"))
    assert 403 == reply.status and b"gpt-*" in reply.body and b"blocked_models" in reply.body
    assert b"model_not_allowed" in reply.body or wish.path.startswith("/v1beta")
    log, decisions = await last(bench)
    assert ("error", "model_not_allowed", 403) == (log.status, log.error_code, log.error_http_status)
    assert ("deny", "model_policy_json/blocked_models") == (decisions[-1].verdict, decisions[-1].rule_id)
    (charged,) = await bench.charged()
    assert (0, {}) == (charged.charge_nano, charged.budgets)
    assert (0, 0) == await bench.held()


async def test_stops_hold_for_everybody_at_once(bench: Bench):
    govern(bench)
    running = bench.snapshot
    for stops in (
        Stops(globally="incident"),
        Stops(tenants={OWNER: "unpaid"}),
        Stops(agents={"record-1": "loops"}),
    ):
        bench.snapshot = msgspec.structs.replace(running, stopped=stops)
        reply = await ask(bench)
        assert 403 == reply.status and "stopped" == reply.json["error"]["code"]
        assert "Stopped: " in reply.body.decode()
    change(bench, governed=None)
    assert 200 == (await ask(bench)).status
    bench.snapshot = msgspec.structs.replace(running, stopped=Stops(globally="incident"))
    assert 403 == (await ask(bench)).status


async def test_a_record_that_nobody_can_trust_lets_nothing_through(bench: Bench):
    govern(bench)
    change(bench, governed=None, is_barred=True)

    reply = await ask(bench)
    assert (409, "config_tampered") == (reply.status, reply.json["error"]["code"])
    assert [] == (await bench.ask("/v1/models", method="GET")).json["data"]


async def test_only_permitted_models_are_listed_and_default_is_the_one_of_the_policy(bench: Bench):
    govern(bench, policies={"model_policy_json": {"allowed_models": ["m"], "default_model": "m"}})

    assert ["m"] == [each["id"] for each in (await bench.ask("/v1/models", method="GET")).json["data"]]
    assert 404 == (await bench.ask("/v1/models/n", method="GET")).status
    assert 200 == (await ask(bench, model="default")).status
    (charged,) = await bench.charged()
    assert charged.log is not None and "m" == charged.log.upstream_model


async def test_a_channel_that_knows_the_model_by_a_blocked_name_is_not_asked(bench: Bench):
    govern(bench, policies={"model_policy_json": {"blocked_models": ["*-secret"], "fallbacks": ["n"]}})
    blocked = channel("", "echo", offers={"m": Offer("m-secret")})
    bench.offer(provider(blocked), provider(channel("", "echo", "n")))

    assert 200 == (await ask(bench)).status
    (charged,) = await bench.charged()
    assert charged.log is not None and "n" == charged.log.upstream_model
    bench.offer(provider(blocked))
    assert 403 == (await ask(bench)).status


async def test_rates_are_counted_and_the_answer_says_when_there_is_more(bench: Bench):
    per_model = {"m": {"tokens_per_minute": 100_000}}
    govern(bench, policies={"rate_limits_json": {"requests_per_day": 3, "per_model": per_model}})

    statuses = [reply.status for reply in await asyncio.gather(*(ask(bench) for _ in range(8)))]
    assert 3 == statuses.count(200) and 5 == statuses.count(429)
    reply = await ask(bench)
    assert "rate_limited" == reply.json["error"]["code"] and 0 < int(reply.headers["retry-after"]) <= 86_400
    _, decisions = await last(bench)
    assert ("rate_limits_json/requests_per_day", 3, 3) == (
        decisions[-1].rule_id,
        decisions[-1].numbers["limit"],
        decisions[-1].numbers["used"],
    )


async def test_limits_of_the_role_are_counted_as_the_control_plane_counts_them(bench: Bench):
    """Exactly so many, each attempt counts, and what is refused does not."""
    govern(bench, limits=limited(max_ai_calls_per_day=5, max_tokens_per_request=1_000))

    assert 413 == (await ask(bench, max_tokens=1_000)).status
    statuses = [reply.status for reply in await asyncio.gather(*(ask(bench) for _ in range(12)))]
    assert 5 == statuses.count(200) and 7 == statuses.count(429)
    reply = await ask(bench)
    assert "limit_reached" == reply.json["error"]["code"] and b"At most 5, 5 are used" in reply.body
    assert (0, 0) == await bench.held()
    counters = bench.quotas._keys[f"{OWNER}:worker"]
    assert {("max_ai_calls_per_day", "day"): 5} == {name: each.used for name, each in counters.items()}


async def test_a_call_that_never_left_does_not_count_nor_does_a_refused_request(bench: Bench):
    limits = limited(max_ai_calls_per_day=5, rate_limit_per_minute=5)
    policies = {"pii_policy_json": {"scan": ["input"], "default": "block"}}
    found = governed(limits=limits, policies=policies)
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        silent = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    bench.offer(provider(channel(silent, "chat_completion", "m")))
    change(bench, governed=found, tenant_id=OWNER)

    def used() -> dict[str, int]:
        return {name: each.used for (name, _), each in bench.quotas._keys[f"{OWNER}:worker"].items()}

    assert 422 == (await bench.ask(PATH, chat("Write to ann@example.com"))).status
    assert {"rate_limit_per_minute": 0} == used()
    assert 504 >= (await ask(bench)).status >= 502
    assert {"rate_limit_per_minute": 0, "max_ai_calls_per_day": 0} == used()
    govern(bench, found)
    assert 502 == (await bench.ask(PATH, chat("/fail 500\nhello"))).status
    assert {"rate_limit_per_minute": 1, "max_ai_calls_per_day": 1} == used()


async def test_no_more_are_under_way_than_may_be(bench: Bench):
    govern(bench, limits=limited(max_concurrent=2), policies={"rate_limits_json": {"concurrent_runs": 3}})

    slow = "/slow 20\none"
    replies = await asyncio.gather(*(bench.ask(PATH, chat(slow)) for _ in range(6)))
    assert 2 <= sum(reply.status == 200 for reply in replies) <= 3
    assert 200 == (await ask(bench)).status


async def test_an_answer_of_unsaid_length_is_cut_to_what_policies_allow(bench: Bench):
    govern(bench, policies={"model_policy_json": {"max_output_tokens": 3}})
    assert 200 == (await ask(bench)).status
    (charged,) = await bench.charged()
    assert 3 * 1_000 + 3 * 2_000 == charged.charge_nano
    govern(bench, policies={"cost_policy_json": {"max_cost_per_call_usd": "0.0025"}})
    assert 200 == (await ask(bench)).status
    reply = await ask(bench, max_tokens=2_000)
    assert (402, "call_cost_cap") == (reply.status, reply.json["error"]["code"])
    assert b"At most 0.0025 USD" in reply.body


async def test_a_model_that_cannot_do_what_is_required_is_not_asked(bench: Bench):
    govern(bench, policies={"model_policy_json": {"require": ["tools", "vision"], "fallbacks": ["n"]}})

    reply = await ask(bench)
    assert (422, "model_capability_missing") == (reply.status, reply.json["error"]["code"])
    can = {("somebody", "m"): frozenset({"tools"}), ("somebody", "n"): frozenset({"tools", "vision", "cache"})}
    bench.snapshot = msgspec.structs.replace(bench.snapshot, capabilities=can)
    assert 200 == (await ask(bench)).status
    (charged,) = [each for each in await bench.charged() if each.log.status == "success"]
    assert "n" == charged.log.upstream_model


@pytest.mark.case(55)
async def test_a_loop_of_tools_ends_where_the_policy_says(bench: Bench):
    """What the caller wants does not count."""
    govern(bench, policies={"model_policy_json": {"max_tool_loop": 5}})
    call = {"id": "c", "type": "function", "function": {"name": "get", "arguments": "{}"}}
    once = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "4"},
    ]
    user = {"role": "user", "content": "one two three"}
    for messages, status in (
        ([user, *once * 5], 200),
        ([user, *once * 6], 409),
        ([user, *once * 7], 409),
        ([user, *once * 7, {"role": "assistant", "content": "So."}, user, *once], 200),
    ):
        reply = await bench.ask(PATH, {"model": "m", "messages": messages})
        assert status == reply.status, messages


async def test_an_agent_is_charged_by_its_own_prices_and_what_is_added_is_a_line(bench: Bench):
    """Three words in and five out, at 2 and 3 USD, and a tenth more."""
    rates = {"input_rate_per_mtok": "2", "output_rate_per_mtok": "3"}
    govern(bench, policies={"cost_policy_json": {"rate_override": rates, "markup_bp": 1_000}})

    assert 200 == (await ask(bench)).status
    (charged,) = await bench.charged()
    breakdown = Breakdown.of_json(json.loads(bytes(charged.breakdown)))
    assert breakdown.markup is not None and charged.cost_nano is not None
    assert (3 * 2_000 + 5 * 3_000, "override") == (charged.cost_nano, breakdown.costing.book)
    assert charged.cost_nano == sum(line.nano or 0 for line in breakdown.costing.lines)
    assert (charged.cost_nano, charged.charge_nano) == (
        breakdown.markup.of_nano,
        charged.cost_nano + breakdown.markup.nano,
    )
    assert 2_100 == breakdown.markup.nano
    capped = {"rate_override": rates, "markup_bp": 1_000, "max_cost_per_call_usd": "0.00002"}
    govern(bench, policies={"cost_policy_json": capped})
    reply = await ask(bench, max_tokens=5)
    assert (402, "call_cost_cap") == (reply.status, reply.json["error"]["code"])


WINDOWS = {"budgets_json": {"windows": [{"id": "day", "period": "day", "limit_usd": "0.00002", "soft_pct": []}]}}


async def test_a_budget_of_the_agent_has_room_for_a_request_or_refuses_it(bench: Bench):
    govern(bench, policies=WINDOWS)

    # Three words in and ten out may cost 23,000 of 20,000 nano-USD; five out cost 13,000.
    reply = await ask(bench, max_tokens=10)
    assert (402, "budget_exceeded") == (reply.status, reply.json["error"]["code"])
    assert b"At most 0.00002 USD" in reply.body and b"There is more at 20" in reply.body
    _, decisions = await last(bench)
    numbers = decisions[-1].numbers
    assert ("budget", "budgets_json/windows/day") == (decisions[-1].gate, decisions[-1].rule_id)
    assert (20_000, 0) == (numbers["limit_nano_usd"], numbers["used_nano_usd"]) and numbers[
        "asked_nano_usd"
    ] > 20_000


@pytest.mark.case(49)
async def test_what_is_spent_held_and_asked_for_has_to_fit_however_many_ask_at_once(bench: Bench):
    """Of a dollar 0.95 are spent. The answer alone costs: 2,000 nano-USD for each token."""
    window = {"id": "day", "period": "day", "limit_usd": "1.00", "soft_pct": []}
    govern(bench, policies={"budgets_json": {"windows": [window]}})
    bench.offer(provider(channel("", "echo", "m")), m=price("somebody", "m", input_pico=0))
    bench.agents_spent = 950_000_000

    async def codes(*output_tokens: int) -> list[str]:
        asked = (bench.ask(PATH, chat("/slow 20\none", max_tokens=most)) for most in output_tokens)
        replies = await asyncio.gather(*asked)
        return sorted("ok" if each.status == 200 else each.json["error"]["code"] for each in replies)

    assert ["budget_exceeded"] == await codes(30_000)
    assert ["budget_exceeded"] == await codes(25_001)
    assert ["ok"] == await codes(25_000)
    assert ["budget_exceeded", "ok"] == await codes(20_000, 20_000)


async def test_a_budget_that_downgrades_lets_cheaper_models_pass_and_says_so(bench: Bench):
    window = {"id": "day", "period": "day", "limit_usd": "0.00002", "action": "downgrade", "soft_pct": []}
    policies: dict[Any, Any] = {
        "budgets_json": {"windows": [window]},
        "model_policy_json": {"fallbacks": ["dear", "n"]},
    }
    govern(bench, policies=policies)
    cheap = price("somebody", "n", input_pico=1_000, output_pico=1_000)
    dear = price("somebody", "dear", input_pico=10**9)
    bench.offer(provider(channel("", "echo", "m", "n", "dear")), n=cheap, dear=dear)
    bench.agents_spent = 20_000

    reply = await ask(bench, max_tokens=10)
    assert 200 == reply.status, reply.body
    assert "n" == reply.headers["x-monoize-downgraded-to"]
    log, decisions = await last(bench)
    assert "n" == log.upstream_model
    assert [("budgets_json/windows/day", ("n",))] == [
        (each.rule_id, each.allowed) for each in decisions if each.code == "budget_downgraded"
    ]
    spent = {budget: nano for budget, nano in (await bench.charged())[-1].budgets.items() if "agent" in budget}
    assert [3 + 5] == list(spent.values())
    bench.offer(provider(channel("", "echo", "m", "dear")), dear=dear)
    reply = await ask(bench, max_tokens=10)
    assert (402, "budget_exceeded") == (reply.status, reply.json["error"]["code"])
    assert (0, 0) == await bench.held()


async def test_what_is_spent_counts_for_every_window_of_the_agent(bench: Bench):
    windows = [
        {"id": "each", "period": "week", "limit_usd": "1", "scope": {"user": "each"}},
        {"id": "warned", "period": "total", "limit_usd": "0", "action": "warn"},
        {"id": "other", "period": "day", "limit_usd": "0", "scope": {"model": "gpt-*"}},
        {"id": "elsewhere", "period": "day", "limit_usd": "1", "scope": {"provider": "nobody"}},
    ]
    policies = {
        "budgets_json": {"windows": windows},
        "cost_policy_json": {"max_cost_per_run_usd": "1", "max_cost_per_session_usd": "2"},
    }
    govern(bench, policies=policies)

    assert 200 == (await ask(bench, headers={"x-monoize-run": "r1"})).status
    (first,) = await bench.charged()
    spent = {budget: amount for budget, amount in first.budgets.items() if budget.startswith("agent:")}
    assert [13_000, 13_000, 0, 13_000, 13_000] == list(spent.values())
    _, decisions = await last(bench)
    assert ("budget", "budgets_json/windows/warned", "allow", "budget_warning") in [
        (each.gate, each.rule_id, each.verdict, each.code) for each in decisions
    ]
    # Another run begins anew, what is not called a run does not.
    for run, shares in (("r1", 5), ("r2", 4), ("", 4)):
        assert 200 == (await ask(bench, headers={"x-monoize-run": run})).status
        found = (await bench.charged())[-1]
        assert shares == len(spent.keys() & found.budgets.keys()), run
    assert first.budgets[f"user:{USER}"] == 13_000


async def test_a_policy_in_shadow_lets_all_through_and_says_what_it_would_not(bench: Bench):
    policies = {
        "model_policy_json": {"blocked_models": ["*"]},
        "rate_limits_json": {"requests_per_minute": 0},
        "budgets_json": {"windows": [{"id": "w", "period": "day", "limit_usd": "0"}]},
    }
    govern(bench, policies=policies, shadow=tuple(policies))

    assert 200 == (await ask(bench)).status
    _, decisions = await last(bench)
    assert {
        "model_policy_json/blocked_models",
        "rate_limits_json/requests_per_minute",
        "budgets_json/windows/w",
    } == {each.rule_id for each in decisions if each.verdict == "would_deny"}


async def test_a_flood_of_denials_is_no_flood_of_rows(bench: Bench):
    govern(bench, status="paused")

    for _ in range(100):
        assert 409 == (await ask(bench)).status
    _, decisions = await last(bench)
    assert ROWS_EACH_MINUTE + 1 == len(await bench.charged())
    assert 100 - ROWS_EACH_MINUTE == decisions[-1].numbers["denials"]


async def test_a_poor_user_is_refused_by_their_own_balance_not_by_the_agents(bench: Bench):
    govern(bench, policies={"budgets_json": {"windows": [{"id": "w", "period": "day", "limit_usd": "5"}]}})
    bench.balances[f"user:{USER}"] = 0

    reply = await ask(bench)
    assert (402, "budget_exceeded") == (reply.status, reply.json["error"]["code"])
    assert b"rule" not in reply.body
    bench.balances[f"user:{USER}"] = NANO
