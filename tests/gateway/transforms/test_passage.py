"""Requests and answers through the running gateway, with rules in force."""

import json
from typing import Any

import pytest
from gateway.grid.chat import CHAT
from gateway.grid.gemini import GEMINI
from gateway.grid.meaning import Words
from gateway.grid.scenarios import SCENARIOS
from gateway.grid.street import TONGUES, said_in, wire_of, written
from gateway.grid.tongue import Tongue
from gateway.wishes import WISHES
from support.gateway import NANO, USER, Bench, change, channel, frames, price, provider
from support.provider import Said, in_events, in_json, serving

from monoize.contract.snapshot import Offer
from monoize.contract.transforms.catalogue import written_rule
from monoize.contract.transforms.rule import Rule

every_caller = pytest.mark.parametrize("caller", TONGUES.values(), ids=TONGUES)
every_upstream = pytest.mark.parametrize("upstream", TONGUES.values(), ids=TONGUES)
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
WORDS = SCENARIOS["words"]
ANSWER = {
    "id": "a",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}


def rule(name: str, /, *, phase: Any = None, models: tuple[str, ...] = (), **config: Any) -> Rule:
    return written_rule(name, phase, models, config)


def injects(text: str, position: str = "append") -> Rule:
    return rule("inject_system_prompt", content=text, position=position)


def ask(text: str = "Hi", **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text}], **more}


async def sent_with(bench: Bench, body: Any, *rules: Rule, of_key: tuple[Rule, ...] = ()) -> Any:
    """What a provider of chat is sent."""
    async with serving(in_json(ANSWER)) as there:
        bench.offer(provider(channel(there.base_url, "chat_completion", "m"), transforms=rules))
        change(bench, transforms=of_key)
        reply = await bench.ask("/v1/chat/completions", body)
    assert 200 == reply.status, reply.body
    return there.asked[0].json


@every_caller
@both_ways
async def test_where_no_rule_holds_bytes_pass_as_they_are(bench: Bench, caller: Tongue, stream: bool):
    body, wire = caller.ask(WORDS.asked, stream), wire_of(caller, WORDS.answered, stream=stream)
    others = (rule("strip_reasoning", models=("other-*",)), rule("strip_input_reasoning", models=("other-*",)))
    async with serving(said_in(wire, stream=stream)) as there:
        bench.offer(provider(channel(there.base_url, caller.channel, "m"), transforms=others))
        change(bench, transforms=others)
        reply = await bench.ask(caller.stream_path if stream else caller.path, written(body))

    assert written(body) == there.asked[0].body
    assert b"".join(wire) == reply.body


@every_caller
@both_ways
async def test_rules_of_one_direction_leave_the_bytes_of_the_other(bench: Bench, caller: Tongue, stream: bool):
    body, wire = caller.ask(WORDS.asked, stream), wire_of(caller, WORDS.answered, stream=stream)
    path = caller.stream_path if stream else caller.path
    async with serving(said_in(wire, stream=stream)) as there:
        bench.offer(provider(channel(there.base_url, caller.channel, "m")))
        change(bench, transforms=(injects("Be kind."),))
        of_request = await bench.ask(path, written(body))
        change(bench, transforms=(rule("strip_reasoning"),))
        await bench.ask(path, written(body))

    assert b"".join(wire) == of_request.body
    assert b"Be kind." in there.asked[0].body
    assert written(body) == there.asked[1].body


async def test_rules_of_the_provider_come_first_and_those_of_the_key_last(bench: Bench):
    rules = (injects("provider"), injects("global"))
    sent = await sent_with(bench, ask(), *rules, of_key=(injects("key"),))

    assert ["provider", "global", "key"] == [
        part["text"] for message in sent["messages"] if message["role"] == "system" for part in _parts(message)
    ]


async def test_rules_hold_for_the_models_that_they_name(bench: Bench):
    sent = await sent_with(bench, ask(), rule("inject_system_prompt", models=("gpt-*",), content="no"))

    assert ["user"] == [message["role"] for message in sent["messages"]]


@every_caller
@every_upstream
@both_ways
async def test_answers_are_told_again_between_any_two_protocols(
    bench: Bench, caller: Tongue, upstream: Tongue, stream: bool
):
    thinking = SCENARIOS["a thought"]
    wire = wire_of(upstream, thinking.answered, stream=stream)
    async with serving(said_in(wire, stream=stream)) as there:
        offered = channel(there.base_url, upstream.channel, offers={"m": Offer(upstream.model)})
        bench.offer(provider(offered, transforms=(rule("strip_reasoning"), rule("split_sse_frames"))))
        body = written(caller.ask(WORDS.asked, stream))
        reply = await bench.ask(caller.stream_path if stream else caller.path, body)

    assert 200 == reply.status, reply.body
    heard = caller.heard(caller.gathered(reply.body) if stream else reply.json)
    assert [Words("It rains.")] == list(heard.parts)
    assert (0, 0) == await bench.held()


@every_caller
@every_upstream
@both_ways
async def test_a_provider_may_be_asked_in_the_other_way_than_the_caller_asks(
    bench: Bench, caller: Tongue, upstream: Tongue, stream: bool
):
    wire = wire_of(upstream, WORDS.answered, stream=not stream)
    async with serving(said_in(wire, stream=not stream)) as there:
        offered = channel(there.base_url, upstream.channel, offers={"m": Offer(upstream.model)})
        bench.offer(provider(offered, transforms=(rule("force_stream", enabled=not stream),)))
        body = written(caller.ask(WORDS.asked, stream))
        reply = await bench.ask(caller.stream_path if stream else caller.path, body)

    address = upstream.path if stream else upstream.stream_path
    assert address.replace("/m:", f"/{upstream.model}:") == there.asked[0].path
    assert upstream is GEMINI or (not stream) == there.asked[0].json.get("stream", False)
    heard = caller.heard(caller.gathered(reply.body) if stream else reply.json)
    assert list(WORDS.answered.parts) == list(heard.parts)
    (charged,) = await bench.charged()
    assert charged.log is not None
    assert ("success", stream) == (charged.log.status, charged.log.is_stream)
    assert not charged.is_estimated


@pytest.mark.parametrize(
    "said",
    [
        in_events(*wire_of(CHAT, WORDS.answered, stream=True)[:-3]),
        in_events(*wire_of(CHAT, WORDS.answered, stream=True)[:-3], cut=True),
        in_events(b'data: {"error": {"message": "no", "code": 500}}\n\n'),
        in_json({"error": {"message": "overloaded"}}),
        Said(503, b"busy"),
        Said(200, b"<html>", {"content-type": "text/html"}),
    ],
    ids=["truncated", "cut", "error", "no stream", "busy", "html"],
)
async def test_a_stream_that_breaks_while_it_is_gathered_goes_to_the_next_channel(bench: Bench, said: Said):
    good = in_events(*wire_of(CHAT, WORDS.answered, stream=True))
    async with serving(said) as bad, serving(good) as there:
        forced = (rule("force_stream"),)
        bench.offer(
            provider(channel(bad.base_url, "chat_completion", "m"), transforms=forced),
            provider(channel(there.base_url, "chat_completion", "m"), transforms=forced),
        )
        reply = await bench.ask("/v1/chat/completions", ask())

    assert (200, 1, 1) == (reply.status, len(bad.asked), len(there.asked))


async def test_members_are_set_in_what_is_sent_and_all_other_words_stay(bench: Bench):
    body = ask(unknown={"a": [1]}, service_tier="auto", seed=7)
    rules = (
        rule("set_field", phase="request", path="service_tier", value="flex"),
        rule("set_field", phase="request", path="provider.order", value=["a"]),
        rule("remove_field", phase="request", path="seed"),
    )
    sent = await sent_with(bench, body, *rules)

    assert {**ask(unknown={"a": [1]}), "service_tier": "flex", "provider": {"order": ["a"]}} == sent


@every_upstream
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1beta/models/m:streamGenerateContent"])
async def test_members_are_set_in_answers_and_in_every_event(bench: Bench, upstream: Tongue, path: str):
    rules = (rule("set_field", phase="response", path="team.name", value="blue"),)
    is_array = "Generate" in path
    wish = WISHES["gemini" if is_array else "chat"]
    wire = wire_of(upstream, WORDS.answered, stream=True)
    async with serving(in_events(*wire)) as there:
        offered = channel(there.base_url, upstream.channel, offers={"m": Offer(upstream.model)})
        bench.offer(provider(offered, transforms=rules))
        reply = await bench.ask(path, wish.body("Hi", stream=True))

    events = reply.json if is_array else [frame for frame in frames(reply.body) if frame != "[DONE]"]
    assert events
    assert all({"name": "blue"} == event["team"] for event in events)


async def test_whole_answers_have_the_member_as_well(bench: Bench):
    async with serving(in_json({**ANSWER, "internal": 1})) as there:
        rules = (
            rule("set_field", phase="response", path="team", value="blue"),
            rule("remove_field", phase="response", path="internal"),
        )
        bench.offer(provider(channel(there.base_url, "chat_completion", "m"), transforms=rules))
        reply = await bench.ask("/v1/chat/completions", ask())

    assert "blue" == reply.json["team"]
    assert "internal" not in reply.json


async def test_the_model_and_its_address_have_the_suffix(bench: Bench):
    suffix = rule("reasoning_effort_to_model_suffix", rules=[{"pattern": "*", "suffix": "-{effort}"}])
    wire = wire_of(GEMINI, WORDS.answered, stream=False)
    async with serving(said_in(wire, stream=False)) as there:
        bench.offer(provider(channel(there.base_url, "gemini", "m"), transforms=(suffix,)))
        reply = await bench.ask("/v1/chat/completions", ask(reasoning_effort="high"))

    assert "/v1beta/models/m-high:generateContent" == there.asked[0].path
    assert "m" == reply.json["model"]


async def test_who_asks_is_told_to_the_provider_only_by_the_rule_that_says_so(bench: Bench):
    marked = ask(system=[{"type": "text", "text": "S", "cache_control": {"type": "ephemeral"}}], max_tokens=9)
    async with serving(Said(400, b"{}")) as there:
        rates = {"cache_write_5m_pico": 1, "cache_write_1h_pico": 1}
        bench.offer(provider(channel(there.base_url, "messages", "m")), m=price("somebody", "m", **rates))
        for rules in ((rule("auto_cache_user_id"),), (rule("strip_input_reasoning"), injects("Be kind."))):
            change(bench, transforms=rules)
            await bench.ask("/v1/messages", marked)
    named, unnamed = there.asked

    assert {"user_id": "somebody"} == named.json["metadata"]
    assert b"somebody" not in unnamed.body
    grant = next(iter(bench.grants.values()))
    assert grant.key_id.encode() not in named.body + unnamed.body


async def test_an_image_of_this_machine_is_not_fetched(bench: Bench):
    async with serving(Said(200, b"secret", {"content-type": "image/png"})) as inside:
        image = {"type": "image_url", "image_url": {"url": inside.base_url + "/secret.png"}}
        body = {"model": "m", "messages": [{"role": "user", "content": [image]}]}
        sent = await sent_with(bench, body, rule("resolve_image_urls"))

    assert [] == inside.asked
    assert inside.base_url in json.dumps(sent)


@pytest.mark.parametrize(
    "added",
    [rule("override_max_tokens", value=1_000), injects("words " * 1_000)],
    ids=["a longer answer", "a longer prompt"],
)
@pytest.mark.parametrize(("balance", "status"), [(500_000, 402), (100 * NANO, 200)])
async def test_money_is_held_for_what_rules_make_of_a_request(bench: Bench, added: Rule, balance: int, status: int):
    """Who can pay for what was asked cannot be made to owe what rules add to it."""
    bench.balances[f"user:{USER}"] = balance
    dear = price("somebody", "m", input_pico=1_000_000, output_pico=1_000_000)
    async with serving(in_json(ANSWER)) as there:
        bench.offer(provider(channel(there.base_url, "chat_completion", "m"), transforms=(added,)), m=dear)
        reply = await bench.ask("/v1/chat/completions", ask(max_tokens=1))

    assert status == reply.status


async def test_no_rule_makes_an_answer_longer_than_the_money_that_is_held(bench: Bench):
    """Of an answer whose length nobody asked for, as little is written as can be paid."""
    bench.balances[f"user:{USER}"] = 3_000_000
    async with serving(in_json(ANSWER)) as there:
        long, any_length = (channel(there.base_url, "chat_completion", "m") for _ in range(2))
        rules = (rule("override_max_tokens", value=20_000),)
        bench.offer(provider(long, transforms=rules), provider(any_length))
        assert 200 == (await bench.ask("/v1/chat/completions", ask())).status

    assert 1_000 <= there.asked[0].json["max_completion_tokens"] < 1_500


@both_ways
async def test_the_built_in_model_obeys_rules_like_any_other(bench: Bench, stream: bool):
    bench.offer(provider(channel("", "echo", "m"), transforms=(rule("reasoning_to_think_xml", tag="hm"),)))
    change(bench, transforms=(rule("append_empty_user_message", content="again"),))
    wish = WISHES["chat"]
    body = {**wish.body("/think\nHi", stream=stream)}
    body["messages"].append({"role": "assistant", "content": "x"})
    reply = await bench.ask(wish.path, body)
    said = wish.told(reply.body) if stream else wish.said(reply.json)

    assert said.endswith("You said: again")
    bench.offer(provider(channel("", "echo", "m"), transforms=(rule("reasoning_to_think_xml", tag="hm"),)))
    change(bench, transforms=())
    reply = await bench.ask(wish.path, wish.body("/think\nHi", stream=stream))
    said = wish.told(reply.body) if stream else wish.said(reply.json)
    assert said.startswith("<hm>")
    assert said.endswith("</hm>\n\nYou said: Hi")


async def test_what_cannot_be_read_in_the_common_language_is_the_callers_fault(bench: Bench):
    async with serving(in_json(ANSWER)) as there:
        bench.offer(provider(channel(there.base_url, "chat_completion", "m"), transforms=(injects("x"),)))
        reply = await bench.ask("/v1/chat/completions", {"model": "m", "messages": 7})

    assert (400, "messages") == (reply.status, reply.json["error"]["param"])
    assert [] == there.asked
    assert (0, 0) == await bench.held()


def _parts(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    return [{"text": text} for text in content.split("\n\n")] if isinstance(content, str) else content
