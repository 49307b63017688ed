"""The Responses API over a WebSocket: every turn is an ordinary request, and goes on from those before it."""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any, Final

import pytest
from gateway.wishes import responses
from support.gateway import KEY, USER, Bench, change, channel, frames, provider
from support.provider import Said, in_events, in_json, serving
from support.sockets import serving_sockets

from monoize.contract.snapshot import Offer

CALL: Final = '/call weather {"city": "Rome"}'
TOOLS: Final = [{"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}]
USAGE: Final = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
USED_NANO: Final = 10 * 1_000 + 5 * 2_000


def frame(kind: str, **members: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), json.dumps({"type": kind, **members}).encode())


def message(text: str, id: str = "msg_1") -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "id": id, "role": "assistant", "status": "completed", "content": content}


def told(*output: Mapping[str, Any], id: str = "resp_1", **more: Any) -> tuple[bytes, ...]:
    """A stream of a provider of this protocol."""
    response = {"id": id, "object": "response", "status": "in_progress", "model": "m", "output": []}
    ended = {**response, "status": "completed", "output": output, "usage": USAGE, **more}
    return (
        frame("response.created", response=response),
        *(frame("response.output_item.done", output_index=index, item=item) for index, item in enumerate(output)),
        frame("response.completed", response=ended),
    )


def text_of(events: list[dict[str, Any]]) -> str:
    return "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")


def id_of(events: list[dict[str, Any]]) -> str:
    assert "response.completed" == events[-1]["type"], events
    return str(events[-1]["response"]["id"])


def code_of(events: list[dict[str, Any]]) -> tuple[int, str]:
    (event,) = events
    return event["status"], event["error"]["code"]


@pytest.fixture(autouse=True)
def echo(bench: Bench) -> None:
    bench.offer(provider(channel("", "echo", "m")))


@pytest.mark.parametrize("path", ["/v1/responses", "/api/v1/responses"])
async def test_a_turn_is_told_in_the_events_of_its_stream(bench: Bench, path: str):
    async with serving_sockets(bench) as served, served.opened(path) as client:
        events = await client.ask("hello there")
    reply = await bench.ask("/v1/responses", responses("hello there", stream=True))

    assert "You said: hello there" == text_of(events)
    assert [event["type"] for event in frames(reply.body)] == [event["type"] for event in events]
    assert [*range(len(events))] == [event["sequence_number"] for event in events]


async def test_every_turn_is_a_request_of_its_own_and_charged_once_before_it_ends(bench: Bench):
    async with serving_sockets(bench) as served, served.opened() as client:
        for number, text in enumerate(("one", "two", "three"), 1):
            await client.ask(text)
            assert number == len(await bench.charged())

    charged = await bench.charged()
    assert [1 * 1_000 + 3 * 2_000] * 3 == [each.charge_nano for each in charged]
    assert 3 == len({each.request_id for each in charged})
    assert {("responses", True, "127.0.0.1")} == {
        (each.log.request_kind, each.log.is_stream, each.log.request_ip) for each in charged if each.log
    }
    assert (0, 0) == await bench.held()


async def test_what_is_sent_on_are_the_bytes_of_the_message_without_its_envelope(bench: Bench):
    kept = b'"tools":[ ],"input":[{"role":"user", "content":"h\\u00e9"}],"x":1.50'
    envelope = b'"type":"response.create","generate":true,"client_metadata":{"a":1},"background":false'
    async with (
        serving(in_events(*told())) as there,
        serving_sockets(bench) as served,
        served.opened() as client,
    ):
        bench.offer(provider(channel(there.base_url, "responses", "m")))
        await client.connection.send(
            (b'{"model":"m",%b,"previous_response_id":null,%b}' % (envelope, kept)).decode()
        )
        await client.heard()

    assert b'{"model":"m",%b,"stream":true}' % kept == there.asked[0].body
    assert "/v1/responses" == there.asked[0].path


@pytest.mark.parametrize("upstream", ["responses", "chat_completion", "messages", "gemini"])
async def test_a_conversation_with_tools_goes_on_whatever_its_channel_speaks(bench: Bench, upstream: Any):
    """The provider is the built-in model, behind the same gateway."""
    async with serving_sockets(bench) as served, served.opened() as client:
        there = channel(f"http://127.0.0.1:{served.port}", upstream, offers={"near": Offer("m")}, credential=KEY)
        bench.offer(provider(there), provider(channel("", "echo", "m")))
        near = {"model": "near", "tools": TOOLS, "max_output_tokens": 100}
        events = await client.ask(CALL, **near)
        (call,) = [item for item in events[-1]["response"]["output"] if item["type"] == "function_call"]
        result = {"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}
        events = await client.ask([result], previous_response_id=id_of(events), **near)
        assert "The tool said: sunny" == text_of(events)
        events = await client.ask("thanks", previous_response_id=id_of(events), **near)
        assert "You said: thanks" == text_of(events)


async def test_a_turn_goes_on_from_all_that_was_said_before(bench: Bench):
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "sealed"}
    async with (
        serving(in_events(*told(thought, message("One.")))) as there,
        serving_sockets(bench) as served,
        served.opened() as client,
    ):
        bench.offer(provider(channel(there.base_url, "responses", "m")))
        await client.ask("first", instructions="Be short.", store=False)
        await client.ask([{"role": "user", "content": "second"}], previous_response_id="resp_1", store=False)
        await client.say("response.append", input="third")
        await client.heard()

    first, second = {"role": "user", "content": "first"}, {"role": "user", "content": "second"}
    said = [thought, message("One.")]
    history = [first, *said, second, *said, {"role": "user", "content": "third"}]
    assert {"model": "m", "input": "first", "instructions": "Be short.", "store": False, "stream": True} == (
        there.asked[0].json
    )
    assert {"model": "m", "input": history[:4], "store": False, "stream": True} == there.asked[1].json
    assert {"model": "m", "input": history, "store": False, "stream": True} == there.asked[2].json


@pytest.mark.parametrize("store", [None, False], ids=["kept by its provider", "kept by nobody"])
async def test_a_thought_that_nobody_keeps_is_not_referred_to(bench: Bench, store: bool | None):
    thought = {"type": "reasoning", "id": "rs_1", "summary": []}
    open_thought = {**thought, "content": [{"type": "reasoning_text", "text": "Hm."}]}
    async with (
        serving(in_events(*told(thought, open_thought, message("One.")))) as there,
        serving_sockets(bench) as served,
        served.opened() as client,
    ):
        bench.offer(provider(channel(there.base_url, "responses", "m")))
        await client.ask("first", store=store)
        await client.ask("second", store=store, previous_response_id="resp_1")

    kept = [item for item in there.asked[1].json["input"] if item.get("type") == "reasoning"]
    assert ([open_thought] if store is False else [thought, open_thought]) == kept


async def test_items_count_that_were_told_before_an_end_without_them(bench: Bench):
    stream = (*told(message("One."))[:-1], *told()[1:])
    async with (
        serving(in_events(*stream, b"data: [DONE]\n\n")) as there,
        serving_sockets(bench) as served,
        served.opened() as client,
    ):
        bench.offer(provider(channel(there.base_url, "responses", "m")))
        assert "response.completed" == (await client.ask("first"))[-1]["type"]
        await client.ask("second", previous_response_id="resp_1")

    assert message("One.") == there.asked[1].json["input"][1]


async def test_items_that_are_too_much_to_keep_are_told_and_forgotten(bench: Bench):
    items = [message("x" * 1_000) for _ in range(8)]
    async with (
        serving(in_events(*told(*items)[:-1], *told()[1:])) as there,
        serving_sockets(bench, kept_bytes=5_000) as served,
        served.opened() as client,
    ):
        bench.offer(provider(channel(there.base_url, "responses", "m")))
        assert [*items] == [event["item"] for event in await client.ask() if "item" in event]
        refused = await client.ask("more", previous_response_id="resp_1")
        assert (400, "previous_response_not_found") == code_of(refused)


async def test_another_answer_than_the_last_is_not_remembered(bench: Bench):
    async with serving_sockets(bench) as served, served.opened() as client:
        first = id_of(await client.ask("first"))
        second = id_of(await client.ask("second"))
        for unknown in (first, "resp_of_somebody", ""):
            refused = await client.ask("more", previous_response_id=unknown)
            assert (400, "previous_response_not_found") == code_of(refused)
        assert "You said: more" == text_of(await client.ask("more", previous_response_id=second))

    async with serving_sockets(bench) as served, served.opened() as client:
        await client.say("response.append", input="more")
        assert (400, "previous_response_not_found") == code_of(await client.heard())
    assert 3 == len(await bench.charged())


async def test_a_turn_that_failed_changes_nothing_for_the_next(bench: Bench):
    async with serving_sockets(bench) as served, served.opened() as client:
        first = id_of(await client.ask("first"))
        for failing in ("/fail 400", "/fail 503", "/cut 1"):
            assert "response.completed" != (await client.ask(failing, previous_response_id=first))[-1]["type"]
        assert "You said: more" == text_of(await client.ask("more", previous_response_id=first))


async def test_what_is_said_in_a_conversation_of_the_provider_is_not_remembered_here(bench: Bench):
    async with (
        serving(in_events(*told(message("One.")))) as there,
        serving_sockets(bench) as served,
        served.opened() as client,
    ):
        bench.offer(provider(channel(there.base_url, "responses", "m")))
        assert "resp_1" == id_of(await client.ask("first", conversation="conv_1"))
        refused = await client.ask("second", previous_response_id="resp_1")
        assert (400, "previous_response_not_found") == code_of(refused)
        refused = await client.ask("second", previous_response_id="resp_1", conversation="conv_1")
        assert (400, "malformed_request") == code_of(refused)
    assert 1 == len(there.asked)


async def test_a_warm_up_asks_nobody_and_costs_nothing_and_is_gone_on_from(bench: Bench):
    async with (
        serving(in_events(*told(message("One.")))) as there,
        serving_sockets(bench) as served,
        served.opened() as client,
    ):
        bench.offer(provider(channel(there.base_url, "responses", "m")))
        warm = await client.ask("first", generate=False, tools=TOOLS)
        assert (0, [], []) == (len(there.asked), await bench.charged(), warm[-1]["response"]["output"])
        assert "response.created" == warm[0]["type"]
        await client.ask("second", previous_response_id=id_of(warm))

    texts = [item["content"] for item in there.asked[0].json["input"]]
    assert (["first", "second"], False) == (texts, "tools" in there.asked[0].json)
    assert 1 == len(await bench.charged())


async def test_what_cannot_be_asked_cannot_be_warmed_up(bench: Bench):
    async with serving_sockets(bench) as served, served.opened() as client:
        refused = await client.ask([{"type": "message", "role": "nobody", "content": 1}], generate=False)
        assert 400 == refused[-1]["status"]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("", "invalid_json"),
        ("{", "invalid_json"),
        ("[]", "invalid_json"),
        ('{"type": "response.create", "input": NaN}', "invalid_json"),
        ('{"type": "response.create", "generate": "no"}', "invalid_json"),
        ('{"type": "response.create", "input": {}}', "invalid_json"),
        ('{"type": "response.create", "model": "m", "input": [{"role": "user", "role": "x"}]}', "invalid_json"),
        (
            '{"type": "response.create", "model": "m", "input": ' + "[" * 100_000 + "]" * 100_000 + "}",
            "invalid_json",
        ),
        ('{"type": "response.create", "model": 1, "input": "hi"}', "malformed_request"),
        ('{"type": "response.create", "model": "m", "stream_id": "a", "input": "hi"}', "malformed_request"),
        ('{"type": "response.create", "model": "m", "background": true}', "background_not_supported"),
        ('{"type": "response.create", "model": "x", "input": "hi"}', "model_not_found"),
        ('{"type": "response.steer"}', "unknown_message_type"),
        ('{"model": "m", "input": "hi"}', "unknown_message_type"),
        ("{}", "unknown_message_type"),
    ],
    ids=lambda value: value[:70],
)
async def test_what_cannot_be_understood_is_refused_and_the_connection_stays(bench: Bench, said: str, code: str):
    async with serving_sockets(bench) as served, served.opened() as client:
        await client.connection.send(said)
        (error,) = await client.heard()
        assert (code, True) == (error["error"]["code"], 400 <= error["status"] < 500)
        assert error["headers"]["x-request-id"] == error["error"]["request_id"]
        assert "You said: hello" == text_of(await client.ask())


async def test_a_client_that_says_that_it_has_read_is_not_answered(bench: Bench):
    async with serving_sockets(bench) as served, served.opened() as client:
        first = id_of(await client.ask("first"))
        await client.say("response.processed", response_id=first)
        assert "You said: more" == text_of(await client.ask("more", previous_response_id=first))


async def test_one_answer_is_under_way_at_a_time_and_the_others_come_in_order(bench: Bench):
    async with serving_sockets(bench) as served, served.opened() as client:
        for word in ("one", "two", "three"):
            await client.say(model="m", input=f"/slow 20\n{word}")
        heard = [await client.heard() for _ in range(3)]

    assert ["one", "two", "three"] == [text_of(events).split()[-1] for events in heard]


async def test_who_has_nothing_left_is_told_so_in_the_turn(bench: Bench):
    bench.balances = {f"user:{USER}": 0}
    async with serving_sockets(bench) as served, served.opened() as client:
        assert (402, "budget_exceeded") == code_of(await client.ask())
        (error,) = await client.ask()
        assert ("insufficient_quota", "false") == (error["error"]["type"], error["headers"]["x-should-retry"])


async def test_who_asks_too_often_is_told_when_to_come_back(bench: Bench):
    change(bench, requests_per_minute=1)
    async with serving_sockets(bench) as served, served.opened() as client:
        await client.ask()
        (error,) = await client.ask()
    assert (429, True) == (error["status"], int(error["headers"]["retry-after"]) > 0)


async def test_the_providers_own_refusal_comes_in_its_words(bench: Bench):
    refusal = {"message": "Too long.", "type": "invalid_request_error", "code": "context_length_exceeded", "x": [1]}
    async with (
        serving(in_json({"error": refusal}, 400)) as there,
        serving_sockets(bench) as served,
        served.opened() as client,
    ):
        bench.offer(provider(channel(there.base_url, "responses", "m")))
        (error,) = await client.ask()
        bench.offer(provider(channel(there.base_url, "chat_completion", "m")))
        (translated,) = await client.ask()

    assert ("error", 400, refusal) == (error["type"], error["status"], error["error"])
    assert (400, "context_length_exceeded") == (translated["status"], translated["error"]["code"])


async def test_a_turn_goes_to_the_next_channel_until_an_answer_has_begun(bench: Bench):
    async with (
        serving(Said(503)) as broken,
        serving(in_events(*told(message("Yes.")))) as there,
        serving_sockets(bench) as served,
        served.opened() as client,
    ):
        bench.offer(
            provider(channel(broken.base_url, "responses", "m")),
            provider(channel(there.base_url, "responses", "m")),
        )
        assert "resp_1" == id_of(await client.ask())

    assert (1, 1) == (len(broken.asked), len(there.asked))
    assert [USED_NANO] == [each.charge_nano for each in await bench.charged()]


@pytest.mark.parametrize("cut", [True, False], ids=["cut", "ended too early"])
async def test_an_answer_that_breaks_off_ends_with_an_error_that_has_a_status(bench: Bench, cut: bool):
    begun = (*told()[:1], frame("response.output_text.delta", delta="Ye"))
    async with (
        serving(in_events(*begun, cut=cut)) as there,
        serving_sockets(bench) as served,
        served.opened() as client,
    ):
        bench.offer(provider(channel(there.base_url, "responses", "m")))
        events = await client.ask()
        assert ("error", 502) == (events[-1]["type"], events[-1]["status"])
        bench.offer(provider(channel("", "echo", "m")))
        assert "You said: hello" == text_of(await client.ask())

    assert [True, False] == [each.is_estimated for each in await bench.charged()]


async def test_a_client_that_leaves_stops_the_provider_and_pays_for_what_came(bench: Bench):
    begun = [*told()[:1], *(frame("response.output_text.delta", delta="words ") for _ in range(100))]
    async with serving(in_events(*begun, pause_s=0.02)) as there, serving_sockets(bench) as served:
        bench.offer(provider(channel(there.base_url, "responses", "m")))
        async with served.opened() as client:
            await client.say(model="m", input="hello")
            while (await client.event())["type"] != "response.output_text.delta":
                pass
        left_s = time.monotonic()
        while there.open:
            await asyncio.sleep(0.01)
        assert time.monotonic() - left_s < 1

        (charged,) = await bench.charged()
        assert ("caller_left", True) == (charged.log and charged.log.error_code, charged.is_estimated)
        assert 0 < charged.charge_nano < 50 * 1_000 + 100 * 2_000
        assert (0, 0) == await bench.held()


async def test_a_key_that_is_revoked_ends_the_connection_within_a_second(bench: Bench):
    async with serving_sockets(bench, turns=1_000_000) as served, served.opened() as client:
        await client.ask()
        bench.grants.clear()
        until_s = time.monotonic() + 1.1
        while (events := await client.ask())[-1]["type"] == "response.completed":
            assert time.monotonic() < until_s
        assert (401, "invalid_api_key") == code_of(events)
        assert 1008 == await client.closed()


async def test_a_key_that_is_revoked_warms_nothing_up(bench: Bench):
    async with serving_sockets(bench) as served, served.opened() as client:
        bench.grants.clear()
        bench.keys.forget()
        assert (401, "invalid_api_key") == code_of(await client.ask(generate=False))
        assert 1008 == await client.closed()
