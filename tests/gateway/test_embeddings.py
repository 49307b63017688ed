"""Embeddings through the whole gateway: same keys, money, channels and failures as whatever else is asked."""

import asyncio
import base64
import json
import struct

import pytest
from support.gateway import USER, Bench, change, channel, price, provider
from support.provider import Said, in_json, serving

from monoize.contract.snapshot import Offer

PATH = "/v1/embeddings"
ASK = {"model": "m", "input": ["Hello there", "you"], "encoding_format": "float"}
ANSWER = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.25, -1.0]}],
    "model": "m-2026",
    "usage": {"prompt_tokens": 1_000, "total_tokens": 1_000},
}
FAMILY = ("chat_completion", "responses", "openai_image")


def embedding_price() -> dict[str, object]:
    return {"m": price("somebody", "m", kind="embedding", input_pico=20_000, output_pico=None)}


@pytest.mark.parametrize("type", FAMILY)
@pytest.mark.parametrize("prefix", ["", "/api"])
async def test_bytes_pass_as_they_are_but_for_the_name_of_the_model(bench: Bench, type: str, prefix: str):
    asked = b'{ "odd":1.0, "model" : "m",\n "input":[[1,2,3]],"dimensions":256, "new":{"a":12345678901234567890} }'
    told = json.dumps(ANSWER, indent=3).encode()
    async with serving(Said(200, told, {"content-type": "application/json; charset=utf-8"})) as there:
        bench.offer(provider(channel(there.base_url, type, offers={"m": Offer("real")})))
        reply = await bench.ask(prefix + PATH, asked)

    assert (200, told) == (reply.status, reply.body)
    (request,) = there.asked
    assert ("POST", PATH) == (request.method, request.path)
    assert asked.replace(b'"m"', b'"real"') == request.body
    assert ("Bearer their-key", "application/json; charset=utf-8") == (
        request.headers["authorization"],
        reply.headers["content-type"],
    )


async def test_the_prompt_is_charged_by_what_is_reported_and_nothing_else_is_held(bench: Bench):
    async with serving(in_json(ANSWER)) as there:
        bench.offer(provider(channel(there.base_url, "chat_completion", "m")), **embedding_price())
        bench.balances = {f"user:{USER}": 20_000}
        reply = await bench.ask(PATH, ASK)

    (charged,) = await bench.charged()
    assert (200, 1_000 * 20, False) == (reply.status, charged.charge_nano, charged.is_estimated)
    assert "0.00002" == reply.headers["x-monoize-charge-usd"]
    assert charged.log is not None
    assert ("embeddings", 1_000, 0) == (
        charged.log.request_kind,
        charged.log.input_tokens,
        charged.log.output_tokens,
    )
    assert charged.call is not None
    assert "m-2026" == charged.call.model
    assert (0, 0) == await bench.held()


@pytest.mark.parametrize(
    ("usage", "charge_nano", "is_estimated"),
    [
        ({"total_tokens": 70}, 70 * 20, False),
        ({"prompt_tokens": 0, "total_tokens": 0}, 0, False),
        ({"prompt_tokens": -5}, None, True),
        (None, None, True),
    ],
    ids=["only a total", "nothing", "nonsense", "none"],
)
async def test_usage_that_is_not_told_is_estimated(
    bench: Bench, usage: object, charge_nano: int | None, is_estimated: bool
):
    async with serving(in_json({**ANSWER, "usage": usage})) as there:
        bench.offer(provider(channel(there.base_url, "responses", "m")), **embedding_price())
        await bench.ask(PATH, ASK)

    (charged,) = await bench.charged()
    assert is_estimated == charged.is_estimated
    assert charge_nano == charged.charge_nano if charge_nano is not None else 0 < charged.charge_nano < 5_000


async def test_who_has_nothing_left_is_refused_before_anything_is_sent(bench: Bench):
    async with serving(in_json(ANSWER)) as there:
        bench.offer(provider(channel(there.base_url, "responses", "m")))
        bench.balances = {f"user:{USER}": 0}
        reply = await bench.ask(PATH, ASK)
        bench.balances = {}
        bench.offer(provider(channel(there.base_url, "responses", "m")), m=None)
        unpriced = await bench.ask(PATH, ASK)

    assert (402, "false") == (reply.status, reply.headers["x-should-retry"])
    assert (403, "model_unpriced") == (unpriced.status, unpriced.json["error"]["code"])
    assert [] == there.asked


@pytest.mark.parametrize(
    "said",
    [
        in_json({"error": {"message": "down"}}, 503),
        in_json({"error": {"message": "bad key"}}, 401),
        in_json({"error": {"message": "overloaded"}}),
        in_json({"object": "list", "data": []}),
        in_json({"data": [{"index": 0}]}),
        Said(200, b"<html>", {"content-type": "text/html"}),
        Said(cut=True, chunks=[b'{"data"'], headers={"content-type": "application/json"}),
    ],
    ids=["503", "401", "an error with 200", "nothing", "no vector", "html", "cut"],
)
async def test_the_next_channel_is_asked_when_one_fails(bench: Bench, said: Said):
    async with serving(said) as first, serving(in_json(ANSWER)) as second:
        bench.offer(
            provider(channel(first.base_url, "chat_completion", "m")),
            provider(channel(second.base_url, "responses", "m")),
        )
        reply = await bench.ask(PATH, ASK)

    assert (200, ANSWER) == (reply.status, reply.json)
    (charged,) = await bench.charged()
    assert 1_000 * 1_000 == charged.charge_nano


async def test_the_callers_own_mistake_is_told_as_it_is_and_to_nobody_else(bench: Bench):
    said = b'{"error":  {"message": "Too long."}}'
    async with serving(Said(400, said, {"content-type": "application/json"})) as first, serving(Said()) as second:
        bench.offer(
            provider(channel(first.base_url, "chat_completion", "m")),
            provider(channel(second.base_url, "chat_completion", "m")),
        )
        reply = await bench.ask(PATH, ASK)

    assert (400, said, []) == (reply.status, reply.body, second.asked)
    assert 0 == (await bench.charged())[0].charge_nano


async def test_only_channels_that_can_do_it_are_asked(bench: Bench):
    async with serving(Said()) as other, serving(in_json(ANSWER)) as able:
        unable = [provider(channel(other.base_url, type, "m", "n")) for type in ("messages", "gemini", "replicate")]
        bench.offer(*unable, provider(channel(able.base_url, "chat_completion", "m")))
        served = await bench.ask(PATH, ASK)
        refused = await bench.ask(PATH, {**ASK, "model": "n"})
        unknown = await bench.ask(PATH, {**ASK, "model": "o"})

    assert (200, []) == (served.status, other.asked)
    assert (400, "model_unfit") == (refused.status, refused.json["error"]["code"])
    assert (404, "model_not_found") == (unknown.status, unknown.json["error"]["code"])


async def test_a_caller_who_leaves_pays_for_the_prompt(bench: Bench):
    async with serving(Said(wait_s=5)) as there:
        bench.offer(provider(channel(there.base_url, "chat_completion", "m")))
        await bench.ask(PATH, ASK, leave_after=0)
        await asyncio.sleep(0.1)

    (charged,) = await bench.charged()
    assert charged.is_estimated
    assert 0 < charged.charge_nano < 100_000
    assert (0, 0) == await bench.held()


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'{"model":"m","model":"n","input":"a"}', b'{"input":"a"}', b'{"model":7}', b'{"model":""}'],
)
async def test_what_cannot_be_read_is_refused_in_openais_words(bench: Bench, body: bytes):
    bench.offer(provider(channel("", "echo", "m")))
    reply = await bench.ask(PATH, body)

    assert (400, "invalid_request_error") == (reply.status, reply.json["error"]["type"])
    assert [] == await bench.charged()


async def test_a_key_has_its_pace_and_its_models_here_too(bench: Bench):
    bench.offer(provider(channel("", "echo", "m")))
    change(bench, tokens_per_minute=60)
    assert [200, 429] == [(await bench.ask(PATH, ASK)).status for _ in range(2)]
    change(bench, tokens_per_minute=None, models=frozenset({"n"}))
    assert 403 == (await bench.ask(PATH, ASK)).status
    assert 401 == (await bench.ask(PATH, ASK, key=None)).status


async def test_the_built_in_model_makes_vectors_that_are_near_where_texts_are(bench: Bench):
    bench.offer(provider(channel("", "echo", "m")))
    texts = ["the cat sat here", "here sat the cat", "the cat sat there", "money"]
    answer = (await bench.ask(PATH, {"model": "m", "input": texts})).json
    same, again, near, far = (each["embedding"] for each in answer["data"])

    assert same == again
    assert 1 > sum(map(float.__mul__, same, near)) > 0.4 > abs(sum(map(float.__mul__, same, far)))
    assert {"prompt_tokens": 13, "total_tokens": 13} == answer["usage"]
    (charged,) = await bench.charged()
    assert 13 * 1_000 == charged.charge_nano


async def test_the_built_in_model_packs_its_vectors_for_who_asks_for_that(bench: Bench):
    bench.offer(provider(channel("", "echo", "m")))
    body = {"model": "m", "input": "one two", "dimensions": 8}
    plain = (await bench.ask(PATH, body)).json["data"][0]["embedding"]
    packed = (await bench.ask(PATH, {**body, "encoding_format": "base64"})).json["data"][0]["embedding"]

    assert plain == pytest.approx(struct.unpack("<8f", base64.b64decode(packed)))


@pytest.mark.parametrize(
    "more",
    [
        {"input": ""},
        {"input": []},
        {"input": [""]},
        {"input": 5},
        {"input": ["a"] * 3_000},
        {"dimensions": 0},
        {"dimensions": 10**9},
        {"input": "a " * 300_000},
    ],
    ids=[
        "empty",
        "none",
        "an empty one",
        "a number",
        "too many",
        "no dimension",
        "too many dimensions",
        "too long",
    ],
)
async def test_the_built_in_model_refuses_what_providers_do(bench: Bench, more: dict[str, object]):
    bench.offer(provider(channel("", "echo", "m")))
    reply = await bench.ask(PATH, {"model": "m", "input": "a"} | more)

    assert (400, "echo_refused") == (reply.status, reply.json["error"]["code"])
    assert 0 == (await bench.charged())[0].charge_nano


async def test_an_unforeseen_path_below_it_is_unknown(bench: Bench):
    assert 404 == (await bench.ask(f"{PATH}/x", ASK)).status
