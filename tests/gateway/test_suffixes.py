"""How hard a model is to think, said by the end of its name, in every protocol in and out."""

from typing import Any

import msgspec
import pytest
from gateway.wishes import WISHES, Wish, chat, messages
from support.gateway import Bench, change, channel, price, provider
from support.provider import Said, serving

from monoize.contract.names import KNOWN, resolved
from monoize.contract.snapshot import ChannelType, Effort, Offer
from monoize.gateway.protocol.urp import Json, Protocol
from monoize.gateway.suffixes import members

DOWN = Said(503, b"{}", {"content-type": "application/json"})
TYPES: dict[ChannelType, Protocol] = {
    "chat_completion": "chat",
    "responses": "responses",
    "messages": "messages",
    "gemini": "gemini",
}


def told(body: Json) -> Any:
    """What a request of any protocol says about thinking."""
    config = body.get("generationConfig", {}).get("thinkingConfig", {})
    return (
        body.get("reasoning_effort")
        or body.get("reasoning", {}).get("effort")
        or body.get("output_config", {}).get("effort")
        or body.get("thinking", {}).get("budget_tokens")
        or config.get("thinkingLevel")
        or config.get("thinkingBudget")
    )


@pytest.mark.parametrize(("suffix", "effort"), KNOWN.items())
def test_an_end_that_everybody_knows_asks_for_an_effort(suffix: str, effort: Effort):
    assert ("m", effort) == resolved("m" + suffix, {}, {"m"}.__contains__)


def test_a_model_that_is_called_so_comes_first():
    assert ("o-high", None) == resolved("o-high", {}, {"o", "o-high"}.__contains__)


def test_only_one_end_is_taken_off_and_only_if_the_rest_is_offered():
    assert ("m-low-high", None) == resolved("m-low-high", {}, {"m"}.__contains__)
    assert ("m-low", "high") == resolved("m-low-high", {}, {"m-low"}.__contains__)
    assert ("-high", None) == resolved("-high", {}, {"m"}.__contains__)


def test_an_operators_own_ends_come_before_and_the_longest_first():
    own: dict[str, Effort] = {"-x": "low", "-think-x": "max", "-high": "none"}

    assert ("m", "max") == resolved("m-think-x", own, {"m"}.__contains__)
    assert ("m-think", "low") == resolved("m-think-x", own, {"m-think"}.__contains__)
    assert ("m", "none") == resolved("m-high", own, {"m"}.__contains__)


@pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES)
@pytest.mark.parametrize("type", TYPES)
async def test_the_effort_reaches_every_provider(bench: Bench, wish: Wish, type: ChannelType):
    async with serving(DOWN) as there:
        bench.offer(provider(channel(there.base_url, type, offers={"m": Offer("some-model")})))
        body = wish.body("hello", model="m-high") if "models/" not in wish.path else wish.body("hello")
        if type == "messages" and wish is WISHES["messages"]:
            body["max_tokens"] = 20_000
        await bench.ask(wish.path.replace("models/m:", "models/m-high:"), body)

    (asked,) = there.asked
    assert told(asked.json) in ("high", "HIGH", 16_384)
    assert "some-model" in (asked.path if type == "gemini" else asked.json["model"])


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        ("chat", {"reasoning_effort": "low"}),
        ("chat", {"reasoning": {"effort": "low"}}),
        ("chat", {"thinking": {"type": "disabled"}}),
        ("responses", {"reasoning": {"effort": "low", "summary": "auto"}}),
        ("messages", {"max_tokens": 9_000, "thinking": {"type": "disabled"}}),
        ("messages", {"max_tokens": 9_000, "output_config": {"effort": "low"}}),
        ("gemini", {"generationConfig": {"thinkingConfig": {"thinkingBudget": 1}}}),
        ("gemini", {"generation_config": {"thinking_config": {"thinkingBudget": 1}}}),
    ],
)
def test_what_a_request_says_itself_is_the_last_word(protocol: Protocol, said: Json):
    assert {} == members(protocol, said, "high", model="m", output_most=None)


def test_what_else_stands_there_stays():
    responses = {"reasoning": {"summary": "auto"}}
    gemini = {"generation_config": {"temperature": 1}}
    claude = {"max_tokens": 9_000, "output_config": {"format": {}}}

    assert {"reasoning": {"summary": "auto", "effort": "low"}} == members(
        "responses", responses, "low", model="m", output_most=None
    )
    assert {"generation_config": {"temperature": 1, "thinkingConfig": {"thinkingLevel": "LOW"}}} == members(
        "gemini", gemini, "low", model="gemini-3-pro", output_most=None
    )
    assert {"thinking": {"type": "adaptive"}, "output_config": {"format": {}, "effort": "low"}} == members(
        "messages", claude, "low", model="claude-opus-5", output_most=None
    )


@pytest.mark.parametrize(
    ("asked", "output_most", "budget"), [(40_000, None, 16_384), (3_000, None, 2_999), (40_000, 2_000, 1_999)]
)
def test_a_budget_of_thoughts_leaves_room_for_an_answer(asked: int, output_most: int | None, budget: int):
    found = members("messages", {"max_tokens": asked}, "high", model="claude-sonnet-4", output_most=output_most)
    assert {"thinking": {"type": "enabled", "budget_tokens": budget}} == found
    assert {} == members("messages", {"max_tokens": 1_000}, "high", model="claude-sonnet-4", output_most=None)


async def test_it_costs_what_its_model_costs(bench: Bench):
    bench.offer(provider(channel("", "echo", "m")), m=price("somebody", "m", input_pico=7_000_000))
    bench.snapshot = msgspec.structs.replace(bench.snapshot, suffixes={"-deep": "max"})
    reply = await bench.ask("/v1/messages", messages("hello", model="m-deep"))

    (charged,) = await bench.charged()
    assert 200 == reply.status
    assert charged.log and ("m-deep", "m") == (charged.log.model, charged.log.upstream_model)
    assert charged.charge_nano > 0


async def test_who_may_use_a_model_may_say_how_hard_it_thinks(bench: Bench):
    async def status(model: str) -> int:
        return (await bench.ask("/v1/chat/completions", chat("hello", model=model))).status

    bench.offer(provider(channel("", "echo", "m", "other")))
    change(bench, models=frozenset({"m"}))
    assert [200, 200, 403] == [await status(name) for name in ("m", "m-high", "other-high")]
    change(bench, models=frozenset({"m-high"}))
    assert [403, 200, 403] == [await status(name) for name in ("m", "m-high", "m-low")]
