"""Personal data, tools and captures of governed requests, through the whole gateway and its providers."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from gateway.wishes import WISHES, Wish, chat
from support.gateway import USER, Bench, change, channel, provider
from support.governed import OWNER, governed
from support.provider import in_events, in_json, serving

from monoize.contract.gates.decision import read

PATH = "/v1/chat/completions"
MAIL = "ann@example.com"
PII = {"scan": ["input", "output", "tool_args"]}
USED = {"prompt_tokens": 30, "completion_tokens": 20, "total_tokens": 50}
every_wish = pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES)
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def answers(message: dict[str, Any], finish: str = "stop") -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": USED}


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices, **more}
    return b"data: %b\n\n" % json.dumps(chunk).encode()


def streams(*texts: str) -> Any:
    told = [chunk({"role": "assistant", "content": text}) for text in texts]
    return in_events(*told, chunk({}, "stop", usage=USED) + b"data: [DONE]\n\n")


def govern(bench: Bench, there: Any, policies: dict[str, Any], **fields: Any) -> None:
    bench.offer(provider(channel(there.base_url, "chat_completion", "m")))
    change(bench, governed=governed(policies=policies), tenant_id=OWNER, **fields)


@every_wish
@both_ways
async def test_personal_data_reaches_neither_the_provider_nor_the_caller(bench: Bench, wish: Wish, stream: bool):
    said = f"I have written to {MAIL} and to nobody else."
    told = streams(said[:25], said[25:]) if stream else in_json(answers({"content": said}))
    async with serving(told) as there:
        govern(bench, there, {"pii_policy_json": PII})
        path = wish.stream_path if stream else wish.path
        reply = await bench.ask(path, wish.body(f"Write to {MAIL} please", stream=stream))

    assert b"Write to [email] please" in there.asked[0].body and MAIL.encode() not in there.asked[0].body
    told_text = wish.told(reply.body) if stream else wish.said(reply.json)
    assert (200, "I have written to [email] and to nobody else.") == (reply.status, told_text)
    log = (await bench.charged())[-1].log
    assert {"pii_policy_json/input", "pii_policy_json/output"} <= {
        each.rule_id for each in read(log.decisions_json)
    }


@every_wish
@both_ways
async def test_an_answer_that_is_blocked_ends_as_an_error_and_is_paid_for(bench: Bench, wish: Wish, stream: bool):
    said = f"It is known by now that {MAIL} has it, and there is more."
    told = streams(said[:30], said[30:], " No more.") if stream else in_json(answers({"content": said}))
    async with serving(told) as there:
        govern(bench, there, {"pii_policy_json": {**PII, "types": {"email": "block"}}})
        path = wish.stream_path if stream else wish.path
        reply = await bench.ask(path, wish.body("Who has it?", stream=stream))

    assert (200 if stream else 422) == reply.status
    assert MAIL.encode() not in reply.body and b"personal data" in reply.body and b"No more" not in reply.body
    assert not stream or wish.end.encode() not in reply.body
    (charged,) = await bench.charged()
    assert ("error", "pii_blocked") == (charged.log.status, charged.log.error_code)
    assert charged.charge_nano > 0
    assert ("deny", {"email": 1}) in [(each.verdict, each.numbers) for each in read(charged.log.decisions_json)]


@pytest.mark.parametrize("said", ["Hello", f"Hello {MAIL}"], ids=["as it is", "changed"])
async def test_an_answer_is_no_longer_than_the_money_that_is_held_for_it(bench: Bench, said: str):
    async with serving(in_json(answers({"content": "Yes."}))) as there:
        govern(bench, there, {"pii_policy_json": PII})
        bench.balances = {f"user:{USER}": 5_000_000}
        asked = {"model": "m", "input": said}
        assert 200 == (await bench.ask("/v1/responses", asked)).status

    assert 0 < there.asked[0].json["max_completion_tokens"] < 2_500


async def test_what_is_blocked_on_its_way_in_reaches_nobody(bench: Bench):
    async with serving(in_json(answers({"content": "Yes."}))) as there:
        govern(bench, there, {"pii_policy_json": {**PII, "types": {"email": "block"}}})
        reply = await bench.ask(PATH, chat(f"Write to {MAIL}"))

    assert (422, "pii_blocked") == (reply.status, reply.json["error"]["code"]) and not there.asked
    await bench.denials.close()
    (charged,) = await bench.charged()
    assert ("pii_blocked", 0) == (charged.log.error_code, charged.charge_nano)


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/images/generations"])
async def test_what_is_no_conversation_is_looked_through_as_well(bench: Bench, path: str):
    name = "input" if "embeddings" in path else "prompt"
    async with serving(in_json({"object": "list", "data": [], "created": 1, "usage": USED})) as there:
        for types in ({}, {"email": "block"}):
            govern(bench, there, {"pii_policy_json": {**PII, "types": types}})
            bench.offer(
                provider(
                    channel(there.base_url, "chat_completion", "m"), channel(there.base_url, "openai_image", "m")
                )
            )
            reply = await bench.ask(path, {"model": "m", name: f"about {MAIL}"})

    assert {"about [email]"} == {asked.json[name] for asked in there.asked}
    assert (422, "pii_blocked") == (reply.status, reply.json["error"]["code"])


@pytest.mark.parametrize(
    ("path", "type", "answer"),
    [
        ("/v1/images/generations", "openai_image", {"data": [{"b64_json": "aGVsbG8=", "revised_prompt": MAIL}]}),
        (
            "/v1/responses/compact",
            "responses",
            {"output": [{"type": "message", "content": [{"type": "output_text", "text": f"It was {MAIL}."}]}]},
        ),
    ],
)
async def test_answers_that_are_no_conversation_are_looked_through(bench: Bench, path: str, type: Any, answer: Any):
    said = {"id": "1", "object": "response.compaction", "created": 1, "usage": USED, **answer}
    async with serving(in_json(said)) as there:
        for types in ({}, {"email": "block"}):
            govern(bench, there, {"pii_policy_json": {**PII, "types": types}})
            bench.offer(provider(channel(there.base_url, type, "m")))
            asked = {"model": "m", "prompt": "a cat", "input": "a cat"}
            replies = [await bench.ask(path, asked)]
            if not types:
                first = replies[0]

    assert (200, json.loads(json.dumps(said).replace(MAIL, "[email]"))) == (first.status, first.json)
    assert (422, "pii_blocked") == (replies[0].status, replies[0].json["error"]["code"])
    charged = await bench.charged()
    found = [each.numbers for row in charged for each in read(row.log.decisions_json) if each.gate == "content"]
    assert [{"email": 1}, {"email": 1}] == found and charged[-1].charge_nano > 0


async def test_what_was_found_before_a_caller_left_is_written_down(bench: Bench):
    told = [chunk({"role": "assistant", "content": f"It is {MAIL} who has written to us.\n"})]
    async with serving(in_events(*told, *[chunk({"content": "More.\n"})] * 50, pause_s=0.05)) as there:
        govern(bench, there, {"pii_policy_json": PII})
        reply = await bench.ask(PATH, chat("Who?", stream=True), leave_after=2)

    assert b"[email]" in reply.body and not reply.is_over
    log = (await bench.charged())[-1].log
    assert "caller_left" == log.error_code
    assert [("pii_policy_json/output", {"email": 1})] == [
        (each.rule_id, each.numbers) for each in read(log.decisions_json) if each.gate == "content"
    ]


async def test_denied_tools_are_neither_offered_nor_called(bench: Bench):
    calls = [
        {"id": name, "type": "function", "function": {"name": name, "arguments": '{"n": 1}'}}
        for name in ("drop", "get")
    ]
    rules = [{"tool": "*", "effect": "allow"}, {"tool": "drop", "effect": "deny"}]
    tools = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in ("drop", "get")]
    async with serving(in_json(answers({"content": None, "tool_calls": calls}, "tool_calls"))) as there:
        govern(bench, there, {"tool_permissions_json": {"rules": rules}})
        reply = await bench.ask(PATH, chat("Go", tools=tools))
        insists = {"type": "function", "function": {"name": "drop"}}
        refused = await bench.ask(PATH, chat("Go", tools=tools, tool_choice=insists))

    assert ["get"] == [tool["function"]["name"] for tool in there.asked[0].json["tools"]]
    (choice,) = reply.json["choices"]
    assert ["get"] == [call["function"]["name"] for call in choice["message"]["tool_calls"]]
    assert "tool_denied" in choice["message"]["content"] and "tool_calls" == choice["finish_reason"]
    assert (403, "tool_denied") == (refused.status, refused.json["error"]["code"])


async def test_a_tool_is_called_no_more_often_than_it_may_be(bench: Bench):
    calls = [
        {"id": name + str(number), "type": "function", "function": {"name": name, "arguments": "{}"}}
        for name in ("get", "put")
        for number in range(3)
    ]
    async with serving(in_json(answers({"content": None, "tool_calls": calls}, "tool_calls"))) as there:
        policies = {
            "tool_permissions_json": {"rules": [{"tool": "*", "effect": "allow"}]},
            "rate_limits_json": {"per_tool": {"g*": {"per_minute": 4}}},
        }
        govern(bench, there, policies)
        told = [(await bench.ask(PATH, chat("Go"))).json["choices"][0]["message"] for _ in range(3)]

    names = [[call["function"]["name"] for call in each["tool_calls"]] for each in told]
    assert [3, 1, 0] == [each.count("get") for each in names] and [3, 3, 3] == [each.count("put") for each in names]
    assert "rate_limited" in told[1]["content"] and "4 times within a minute" in told[2]["content"]
    decisions = read((await bench.charged())[-1].log.decisions_json)
    assert ("rate_limits_json/per_tool/g*/per_minute", {"limit": 4, "used": 4}) in [
        (each.rule_id, each.numbers) for each in decisions
    ]


@both_ways
async def test_of_any_number_at_once_exactly_as_many_calls_are_told_as_there_may_be(bench: Bench, stream: bool):
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "get", "arguments": "{}"}}
    streamed = in_events(chunk({"tool_calls": [call]}), chunk({}, "tool_calls", usage=USED) + b"data: [DONE]\n\n")
    whole = in_json(answers({"content": None, "tool_calls": [call]}, "tool_calls"))
    async with serving(streamed if stream else whole) as there:
        allowed = {"rules": [{"tool": "get", "effect": "allow"}, {"tool": "put", "effect": "deny"}]}
        rates = {"per_tool": {"get": {"per_minute": 7}, "put": {"per_minute": 1}}}
        govern(bench, there, {"tool_permissions_json": allowed, "rate_limits_json": rates})
        told = await asyncio.gather(*(bench.ask(PATH, chat("Go", stream=stream)) for _ in range(20)))

    bodies = [reply.body for reply in told]
    assert (7, 13) == (sum(b'"name":"get"' in body for body in bodies), sum(b"7 times" in body for body in bodies))


@pytest.mark.parametrize(
    ("path", "more", "code"),
    [
        (PATH, {"reasoning": {"effort": "high"}}, "effort_not_allowed"),
        ("/v1/messages", {"thinking": {"type": "enabled", "budget_tokens": 9_000}}, "effort_not_allowed"),
        (
            "/v1beta/models/m:generateContent",
            {"generation_config": {"thinking_config": {"thinking_level": "HIGH"}}},
            "EFFORT_NOT_ALLOWED",
        ),
        ("/v1/embeddings", {"input": [[1, 2]]}, "pii_blocked"),
    ],
)
async def test_what_is_said_otherwise_is_judged_as_well(bench: Bench, path: str, more: dict[str, Any], code: str):
    bodies = {PATH: chat("Hi"), "/v1/messages": {**chat("Hi"), "max_tokens": 9}, "/v1/embeddings": {"model": "m"}}
    async with serving(in_json(answers({"content": "Hi"}))) as there:
        govern(bench, there, {"pii_policy_json": PII, "model_policy_json": {"effort": "low"}})
        reply = await bench.ask(path, {**bodies.get(path, {"contents": [{"parts": [{"text": "Hi"}]}]}), **more})

    assert code.encode() in reply.body and not there.asked


async def test_what_nobody_governs_passes_byte_by_byte(bench: Bench):
    body = json.dumps(chat(f"Write to {MAIL}")).encode() + b" "
    async with serving(in_json(answers({"content": MAIL}))) as there:
        bench.offer(provider(channel(there.base_url, "chat_completion", "m")))
        reply = await bench.ask(PATH, body)

    assert (body, answers({"content": MAIL})) == (there.asked[0].body, reply.json)


@both_ways
async def test_what_is_written_down_of_a_governed_request_holds_no_personal_data(
    bench: Bench, tmp_path: Path, stream: bool
):
    silent = {"security_policy_json": {"injection": "off"}}
    told = streams("Hello ", MAIL[:6], MAIL[6:]) if stream else in_json(answers({"content": MAIL}))
    refusal = in_json({"error": {"message": f"What is {MAIL}?"}}, 400)
    async with serving(told) as there, serving(refusal) as refusing:
        govern(bench, there, silent, capture="capture-all")
        reply = await bench.ask(PATH, chat(f"Write to {MAIL}", stream=stream))
        govern(bench, refusing, silent, capture="capture-all")
        await bench.ask(PATH, chat("Hi"))
        raw = {**silent, "pii_policy_json": {"store_raw": True}}
        govern(bench, there, raw, capture="capture-all")
        await bench.ask(PATH, chat("Hi bob@example.com"))

    assert 200 == reply.status and MAIL[6:].encode() in reply.body
    await bench.captures.run()
    content = "".join(file.read_text("utf-8") for file in (tmp_path / "captures").iterdir())
    assert "Write to [email]" in content and "Hi bob@example.com" in content
    assert "[email]" in json.dumps([each.log.error_message for each in await bench.charged()])
    first = next(file for file in (tmp_path / "captures").iterdir() if reply.headers["x-request-id"] in file.name)
    kept = json.loads(first.read_text("utf-8"))
    assert MAIL not in first.read_text("utf-8") and MAIL[6:] not in first.read_text("utf-8")
    assert "[email]" in kept["told"]["body"] and "[email]" in kept["attempts"][0]["came"]["body"]
