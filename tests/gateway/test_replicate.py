"""Channels of Replicate's: a prediction is made, asked after, paid for, and cancelled when nobody waits for it."""

import asyncio
import base64
import time
from collections.abc import Callable
from typing import Any

import pytest
from gateway.test_images import DRAW, EDIT, MULTIPART, PARTS, PNG, by_the_piece, form
from gateway.wishes import WISHES, chat
from support.gateway import Bench, channel, provider
from support.provider import Asked, Said, in_json, serving

from monoize.contract.snapshot import Offer, Timeouts

URL = "https://replicate.delivery/a/out.webp"
ASK = {"model": "m", "prompt": "A cat"}
PIECES = {"m": by_the_piece(), "black_forest_labs/flux_2": by_the_piece()}
Answer = Callable[[Asked], Said]


def prediction(status: str = "starting", **more: Any) -> dict[str, Any]:
    here = "http://169.254.169.254/latest"
    return {"id": "p1", "status": status, "urls": {"get": here, "cancel": here}, "output": None, **more}


def ending(*told: dict[str, Any]) -> Answer:
    """One after the other; the last again and again."""
    left = list(told)

    def answer(asked: Asked) -> Said:
        if asked.path.endswith("/cancel"):
            return in_json(prediction("canceled"))
        return in_json(left.pop(0) if len(left) > 1 else left[0], 201 if asked.method == "POST" else 200)

    return answer


def paths(asked: list[Asked]) -> list[tuple[str, str]]:
    return [(each.method, each.path) for each in asked]


def replicate(base_url: str, model: str = "black-forest-labs/flux-2", **facts: Any) -> Any:
    return channel(base_url, "replicate", offers={"m": Offer(model)}, **facts)


async def test_a_prediction_is_asked_after_until_it_has_ended(bench: Bench):
    told = ending(prediction(), prediction("processing"), prediction("succeeded", output=[URL, URL]))
    async with serving(told) as there:
        bench.offer(provider(replicate(there.base_url)), **PIECES)
        reply = await bench.ask(DRAW, {**ASK, "n": 2, "seed": 7, "number_of_images": 50})

    assert (200, [{"url": URL}] * 2) == (reply.status, reply.json["data"])
    made, *asked_after = there.asked
    assert ("POST", "/v1/models/black-forest-labs/flux-2/predictions") == (made.method, made.path)
    assert {"input": {"prompt": "A cat", "seed": 7, "num_outputs": 2}} == made.json
    assert ("Bearer their-key", "wait=1") == (made.headers["authorization"], made.headers["prefer"])
    # By its id: the addresses that it names are somebody else's.
    assert [("GET", "/v1/predictions/p1")] * 2 == paths(asked_after)
    (charged,) = await bench.charged()
    assert (80_000_000, False) == (charged.charge_nano, charged.is_estimated)
    assert charged.log is not None
    assert ("images", "success") == (charged.log.request_kind, charged.log.status)


@pytest.mark.parametrize(
    ("model", "path", "version"),
    [
        ("deployment:me/mine", "/v1/deployments/me/mine/predictions", None),
        ("o/m:5c7d5dc6", "/v1/predictions", "5c7d5dc6"),
        ("o/m", "/v1/models/o/m/predictions", None),
    ],
)
async def test_a_model_is_found_by_each_of_its_names(bench: Bench, model: str, path: str, version: str | None):
    async with serving(ending(prediction("succeeded", output=URL))) as there:
        bench.offer(provider(replicate(f"{there.base_url}/v1", model)))
        assert 200 == (await bench.ask(DRAW, ASK)).status

    (made,) = there.asked
    assert (path, version) == (made.path, made.json.get("version"))


@pytest.mark.parametrize("model", ["m", "o/m/../../x", "o/m?x", "../x", "deployment:o/m:v", "o/m:../x", ""])
async def test_a_name_that_is_none_leads_nowhere(bench: Bench, model: str):
    async with serving(ending(prediction("succeeded", output=URL))) as there:
        bench.offer(provider(replicate(there.base_url, model)), **PIECES)
        reply = await bench.ask(DRAW, ASK)

    assert (502, []) == (reply.status, there.asked)
    assert 0 == (await bench.charged())[0].charge_nano


async def test_an_image_that_is_to_be_changed_is_sent_along(bench: Bench):
    async with serving(ending(prediction("succeeded", output=URL))) as there:
        bench.offer(provider(replicate(there.base_url)))
        one = [part for part in PARTS if "b.png" not in part[0]]
        served = await bench.ask(EDIT, form(*one), headers=MULTIPART)
        two = await bench.ask(EDIT, form(*PARTS), headers=MULTIPART)

    (made,) = there.asked
    data = base64.b64encode(PNG).decode()
    assert (200, 400) == (served.status, two.status)
    assert f"data:application/octet-stream;base64,{data}" == made.json["input"]["image"]
    assert "data:application/octet-stream;base64," == made.json["input"]["mask"]


@pytest.mark.parametrize(
    "last",
    [
        prediction("failed", error="NSFW"),
        prediction("canceled"),
        prediction("succeeded", output=None),
        prediction("succeeded", output={"what": 1}),
        prediction("succeeded", output="Only words."),
        {"detail": "gone"},
    ],
    ids=["failed", "cancelled", "nothing", "an object", "words", "no prediction"],
)
async def test_a_prediction_that_comes_to_nothing_costs_nothing(bench: Bench, last: dict[str, Any]):
    async with serving(ending(last)) as first, serving(in_json({"data": [{"url": URL}]})) as second:
        bench.offer(provider(replicate(first.base_url)), **PIECES)
        alone = await bench.ask(DRAW, ASK)
        able = channel(second.base_url, "openai_image", "m")
        bench.offer(provider(replicate(first.base_url)), provider(able), **PIECES)
        helped = await bench.ask(DRAW, ASK)

    assert (502, 200) == (alone.status, helped.status)
    assert [0, 40_000_000] == [charged.charge_nano for charged in await bench.charged()]


async def test_what_replicate_refuses_is_told_in_the_callers_words(bench: Bench):
    said = {"title": "Input validation failed", "detail": "- input.prompt: too long", "status": 422}
    async with serving(in_json(said, 422)) as there:
        bench.offer(provider(replicate(there.base_url)))
        reply = await bench.ask(DRAW, ASK)

    assert (422, "- input.prompt: too long") == (reply.status, reply.json["error"]["message"])


async def test_a_caller_who_leaves_has_the_prediction_cancelled(bench: Bench):
    async with serving(ending(prediction())) as there:
        bench.offer(provider(replicate(there.base_url)), **PIECES)
        began_s = time.monotonic()
        await bench.ask(DRAW, ASK, leave_after=0)

    assert time.monotonic() - began_s < 1
    assert ("POST", "/v1/predictions/p1/cancel") == paths(there.asked)[-1]
    (charged,) = await bench.charged()
    assert (40_000_000, True) == (charged.charge_nano, charged.is_estimated)
    assert (0, 0) == await bench.held()


async def test_a_prediction_that_takes_too_long_is_cancelled_and_told(bench: Bench):
    async with serving(ending(prediction())) as there:
        patience = Timeouts(first_byte_ms=800)
        bench.offer(provider(replicate(there.base_url), timeouts=patience), **PIECES)
        reply = await bench.ask(DRAW, ASK)

    assert (504, "upstream_timeout") == (reply.status, reply.json["error"]["code"])
    assert ("POST", "/v1/predictions/p1/cancel") == paths(there.asked)[-1]
    assert 0 == (await bench.charged())[0].charge_nano


async def test_it_is_asked_again_when_an_answer_is_lost(bench: Bench):
    lost = [in_json({"detail": "busy"}, 503), Said(200, b"<html>"), in_json(prediction("succeeded", output=[URL]))]

    def answer(asked: Asked) -> Said:
        return in_json(prediction(), 201) if asked.method == "POST" else lost.pop(0)

    async with serving(answer) as there:
        bench.offer(provider(replicate(there.base_url)))
        assert 200 == (await bench.ask(DRAW, ASK)).status


async def test_an_id_that_is_an_address_is_never_followed(bench: Bench):
    async with serving(ending({**prediction(), "id": "../../account"})) as there:
        bench.offer(provider(replicate(there.base_url), timeouts=Timeouts(first_byte_ms=800)))
        assert 502 == (await bench.ask(DRAW, ASK)).status

    assert 1 == len(there.asked)


async def test_images_are_told_by_their_addresses_or_not_at_all(bench: Bench):
    async with serving(ending(prediction("succeeded", output=URL))) as there:
        bench.offer(provider(replicate(there.base_url)))
        reply = await bench.ask(DRAW, {**ASK, "response_format": "b64_json"})

    assert (400, "response_format", []) == (reply.status, reply.json["error"]["param"], there.asked)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_language_model_is_talked_to_and_charged_by_its_tokens(bench: Bench, stream: bool):
    metrics = {"input_token_count": 12, "output_token_count": 3, "predict_time": 0.4}
    done = prediction("succeeded", output=["Yes", ", it", " is."], metrics=metrics)
    wish = WISHES["messages"]
    async with serving(ending(prediction(), done)) as there:
        bench.offer(provider(replicate(there.base_url, "meta/llama")))
        body = wish.body("Is it?", stream=stream, system="Be brief.", temperature=0.5)
        reply = await bench.ask(wish.path, body)

    assert "Yes, it is." == (wish.told(reply.body) if stream else wish.said(reply.json))
    assert {
        "prompt": "Is it?",
        "system_prompt": "Be brief.",
        "max_tokens": 1000,
        "temperature": 0.5,
    } == there.asked[0].json["input"]
    (charged,) = await bench.charged()
    assert (12 * 1_000 + 3 * 2_000, False) == (charged.charge_nano, charged.is_estimated)


async def test_a_conversation_is_told_with_who_said_what(bench: Bench):
    said = [("user", "Hello"), ("assistant", "Hi."), ("user", "And now?")]
    messages = [{"role": role, "content": text} for role, text in said]
    async with serving(ending(prediction("succeeded", output="So."))) as there:
        bench.offer(provider(replicate(there.base_url, "meta/llama")))
        await bench.ask("/v1/chat/completions", {"model": "m", "messages": messages})
        tools = [{"type": "function", "function": {"name": "f"}}]
        refused = await bench.ask("/v1/chat/completions", chat("hello", tools=tools))

    (made,) = there.asked
    assert "User: Hello\n\nAssistant: Hi.\n\nUser: And now?" == made.json["input"]["prompt"]
    assert (400, "tools") == (refused.status, refused.json["error"]["param"])


async def test_many_predictions_wait_side_by_side(bench: Bench):
    async with serving(ending(prediction("succeeded", output=URL))) as there:
        bench.offer(provider(replicate(there.base_url)), **PIECES)
        replies = await asyncio.gather(*(bench.ask(DRAW, ASK) for _ in range(20)))

    assert [200] * 20 == [reply.status for reply in replies]
    assert (0, 0) == await bench.held()
