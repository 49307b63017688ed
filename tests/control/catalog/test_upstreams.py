"""Trying channels out and asking upstreams for their models: really asked, and nothing is changed by it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from support.answers import granted, refusal
from support.house import Client, RunningHouse
from support.provider import Provider, Said, in_json, serving
from support.rows import every_row
from support.upstreams import open_upstreams

from monoize.contract.snapshot import Breaker
from monoize.gateway.health import Health, Place

KEY = "sk-upstream-0123456789abcdef"
ANSWER = {
    "id": "x",
    "object": "chat.completion",
    "created": 1,
    "model": "real",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}
CHAT = in_json(ANSWER)
MESSAGES = in_json(
    {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "real",
        "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "ok"}],
        "usage": {"input_tokens": 3, "output_tokens": 1},
    }
)


@pytest.fixture
async def health(house: RunningHouse) -> AsyncIterator[Health]:
    async with open_upstreams(house) as health:
        yield health


async def made(root: Client, base_url: str, **fields: Any) -> dict[str, Any]:
    channel = {"name": "default", "base_url": base_url, "api_key": KEY}
    models = [{"name": "b"}, {"name": "a", "redirect": "real"}]
    body = {"name": "upstream", "type": "chat_completion", "models": models, "channels": [channel]}
    return granted(await root.post("/api/providers", json={**body, **fields}))


def at(provider: dict[str, Any], verb: str) -> str:
    return f"/api/providers/{provider['id']}/channels/{provider['channels'][0]['id']}/{verb}"


async def trial(root: Client, theirs: Provider, model: str | None = None, **fields: Any) -> dict[str, Any]:
    provider = await made(root, theirs.base_url, **fields)
    return granted(await root.post(at(provider, "test"), json={"model": model} if model else {}))


async def test_a_channel_is_asked_as_callers_are_served(house: RunningHouse, root: Client, health: Health):
    before = await every_row(house.house.database)
    async with serving(CHAT) as theirs:
        found = await trial(root, theirs)

    assert (True, "a", None) == (found["success"], found["model"], found["error"])
    assert found["latency_ms"] >= 0
    (asked,) = theirs.asked
    assert ("POST", "/v1/chat/completions", f"Bearer {KEY}", "real") == (
        *(asked.method, asked.path, asked.headers["authorization"]),
        asked.json["model"],
    )
    after = await every_row(house.house.database)
    changed = {name for name, rows in after.items() if rows != before[name]}
    assert not changed & {"billing_ledger", "request_logs", "model_calls"}, changed


@pytest.mark.parametrize(("type", "path"), [("messages", "/v1/messages"), ("responses", "/v1/responses")])
async def test_each_protocol_has_its_own_words(root: Client, health: Health, type: str, path: str):
    async with serving(MESSAGES) as theirs:
        found = await trial(root, theirs, "b", type=type)

    assert (path, "b") == (theirs.asked[0].path, theirs.asked[0].json["model"])
    assert (type == "messages") == found["success"], found


async def test_a_type_that_is_overridden_for_the_model_is_spoken(root: Client, health: Health):
    async with serving(MESSAGES) as theirs:
        overrides = [{"pattern": "b*", "type": "messages"}]
        assert (await trial(root, theirs, "b", type_overrides=overrides))["success"]

    assert "/v1/messages" == theirs.asked[0].path


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (in_json({"error": {"message": f"Incorrect API key: {KEY}"}}, 401), "401: it does not accept the API key"),
        (in_json({"error": {"message": "no such model"}}, 400), "400: it refuses the request"),
        (in_json({"error": {"message": "slow down"}}, 429), "429"),
        (in_json({"error": {"message": "oops"}}, 500), "answers with 500"),
        (Said(200, b"<html>a portal</html>"), "is no JSON"),
        (in_json({"error": {"message": KEY}}, 200), "answers with an error"),
        (Said(200, b"", cut=True), ""),
    ],
)
async def test_what_goes_wrong_is_told_in_words_of_ours(root: Client, health: Health, said: Said, words: str):
    async with serving(said) as theirs:
        found = await trial(root, theirs)

    assert (False, True) == (found["success"], words in found["error"]), found
    assert KEY not in str(found)


async def test_nobody_there_is_told(root: Client, health: Health):
    provider = await made(root, "http://127.0.0.1:1")

    found = granted(await root.post(at(provider, "test"), json={}))
    assert (False, "The provider did not answer: connect.") == (found["success"], found["error"])


async def test_a_channel_that_is_off_can_be_tried_before_it_is_on(root: Client, health: Health):
    async with serving(CHAT) as theirs:
        assert (await trial(root, theirs, enabled=False))["success"]


async def test_what_cannot_be_tried_is_refused(root: Client, health: Health):
    provider = await made(root, "https://echo.invalid", type="echo")
    picture = await made(root, "https://api.example.com", type="openai_image", name="pictures")
    bare = await made(root, "https://echo.invalid", type="echo", name="bare", models=[])

    assert granted(await root.post(at(provider, "test"), json={}))["success"]
    unknown = await root.post(at(provider, "test"), json={"model": "real"})
    assert (422, "model_not_offered") == refusal(unknown)
    assert (422, "model_not_offered") == refusal(await root.post(at(bare, "test"), json={}))
    assert (422, "channel_type_unfit") == refusal(await root.post(at(picture, "test"), json={}))
    elsewhere = f"/api/providers/{bare['id']}/channels/{provider['channels'][0]['id']}/test"
    assert (404, "channel_not_found") == refusal(await root.post(elsewhere, json={}))


async def health_of(root: Client) -> str | None:
    (provider,) = granted(await root.get("/api/providers"))["items"]
    shown = granted(await root.get(f"/api/providers/{provider['id']}"))
    assert shown == provider
    return str(provider["channels"][0]["health"])


async def test_health_is_shown_and_a_channel_that_answers_is_healthy_again(
    house: RunningHouse, root: Client, health: Health
):
    async with serving(CHAT) as theirs:
        provider = await made(root, theirs.base_url)
        assert "healthy" == await health_of(root)
        (described,) = house.app.state.upstreams._snapshot().providers
        for model in (None, "a"):
            place = Place(provider["channels"][0]["id"], model, described.revision)
            health.failed(place, Breaker(failures=1), now_s=0.0)
        assert "probing" == await health_of(root)
        health.failed(place, Breaker(failures=1, cooldown_s=3600), now_s=10.0**9)
        assert "unhealthy" == await health_of(root)

        theirs.answer = lambda _: in_json({}, 500)
        assert not granted(await root.post(at(provider, "test"), json={}))["success"]
        assert "unhealthy" == await health_of(root)
        theirs.answer = lambda _: CHAT
        assert granted(await root.post(at(provider, "test"), json={}))["success"]
        assert "healthy" == await health_of(root)


async def test_a_channel_that_nobody_is_sent_to_has_no_health(root: Client, health: Health):
    await made(root, "https://api.example.com", enabled=False)

    assert "None" == await health_of(root)


async def test_models_are_found_out_with_a_key_that_is_named_or_stored(root: Client, health: Health):
    async with serving(in_json({"data": [{"id": "b"}, {"id": "a"}]})) as theirs:
        body = {"type": "responses", "base_url": f"{theirs.base_url}/v1", "api_key": "another-key"}
        assert {"models": ["a", "b"]} == granted(await root.post("/api/providers/discover", json=body))
        provider = await made(root, theirs.base_url)
        assert {"models": ["a", "b"]} == granted(await root.post(at(provider, "discover")))

    assert ["Bearer another-key", f"Bearer {KEY}"] == [each.headers["authorization"] for each in theirs.asked]


async def test_a_stored_key_goes_to_the_stored_address_alone(root: Client, health: Health):
    async with serving(in_json({"data": []})) as theirs, serving(in_json({"data": []})) as another:
        provider = await made(root, theirs.base_url)
        named = {"base_url": another.base_url, "type": "responses"}
        await root.post(at(provider, "discover"), json=named)
        await root.post("/api/providers/discover", json=named)
        await root.post("/api/providers/discover", json={**named, "channel_id": provider["channels"][0]["id"]})

    assert [] == [each for each in another.asked if KEY in str(each.headers)]


async def test_upstreams_that_list_nothing_are_told(root: Client, health: Health):
    for base_url, type in (("http://127.0.0.1:1", "messages"), ("http://127.0.0.1:1", "gemini")):
        answer = await root.post("/api/providers/discover", json={"type": type, "base_url": base_url})
        assert (502, "upstream_fetch_failed") == refusal(answer)
    for base_url in ("file:///etc/passwd", "ftp://x", "//x", "http://a:b@x", "gopher://x"):
        answer = await root.post("/api/providers/discover", json={"type": "responses", "base_url": base_url})
        assert (422, "invalid_request") == refusal(answer)


async def test_only_administrators_ask_and_only_where_a_gateway_runs(
    house: RunningHouse, root: Client, user: Client
):
    provider = await made(root, "https://echo.invalid", type="echo")
    reader = await house.make_token(root, "reader", role="admin", scopes=["providers.read"])
    discover = {"type": "echo", "base_url": "https://echo.invalid"}

    for client in (user, reader):
        for path, body in ((at(provider, "test"), {}), (at(provider, "discover"), None)):
            assert (403, "not_permitted") == refusal(await client.post(path, json=body))
        assert (403, "not_permitted") == refusal(await client.post("/api/providers/discover", json=discover))
    assert (503, "gateway_elsewhere") == refusal(await root.post(at(provider, "test"), json={}))
    assert (503, "gateway_elsewhere") == refusal(await root.post("/api/providers/discover", json=discover))
    assert "None" == await health_of(root)
