"""/api/providers: for administrators only, keys go in and never come out, and what is refused changes nothing."""

from typing import Any

import pytest
from support.answers import granted, refusal, together
from support.house import Client, RunningHouse
from support.mutations import CHANNEL, PROVIDER
from support.rows import every_row

NOWHERE = "01a1fc11-0000-7000-8000-000000000000"
KEY = CHANNEL["api_key"]
READS = ("", "/presets", f"/{NOWHERE}")
PLAIN = {"name": "plain", "type": "responses"}


async def made(client: Client, **fields: Any) -> dict[str, Any]:
    return granted(await client.post("/api/providers", json={**PROVIDER, **fields}))


def at(provider: dict[str, Any], channel: int | None = None) -> str:
    path = f"/api/providers/{provider['id']}"
    return path if channel is None else f"{path}/channels/{provider['channels'][channel]['id']}"


def channel(name: str = "first", **fields: Any) -> dict[str, Any]:
    return {"name": name, "base_url": "https://api.example.com", "api_key": KEY, **fields}


async def test_a_provider_is_shown_as_it_was_described_but_for_its_keys(root: Client):
    shown = await made(root)
    (first,) = shown["channels"]

    assert {**PROVIDER, "models": PROVIDER["models"]} == {
        **{name: shown[name] for name in PROVIDER},
        "channels": [{name: first.get(name, KEY) for name in CHANNEL}],
    }
    assert ("api_key" in first, True, "cdef") == (False, first["has_api_key"], first["api_key_hint"])
    assert ("chat_completion", "somebody") == (first["effective_type"], first["effective_price_provider"])
    assert shown == granted(await root.get(at(shown)))
    assert [shown] == granted(await root.get("/api/providers"))["items"]


async def test_what_is_left_away_has_its_usual_value(root: Client):
    shown = granted(await root.post("/api/providers", json={**PLAIN, "channels": [channel()]}))

    assert (True, [], None, 0, 0, True, False, None) == tuple(
        shown[name]
        for name in (
            "enabled",
            "groups",
            "max_retries",
            "channel_max_retries",
            "channel_retry_interval_ms",
            "circuit_breaker_enabled",
            "per_model_circuit_break",
            "price_provider",
        )
    )
    assert {None} == {*shown["timeouts"].values(), *shown["channels"][0]["breaker"].values()}
    assert (1, "responses", "openai") == tuple(
        shown["channels"][0][name] for name in ("weight", "effective_type", "effective_price_provider")
    )


async def test_a_key_is_in_no_answer_whatever_is_done(house: RunningHouse, root: Client):
    provider = await made(root)
    answers = [
        await root.get("/api/providers"),
        await root.get(at(provider)),
        await root.patch(at(provider), json={"name": "renamed"}),
        await root.put(at(provider), json=PROVIDER),
        await root.post(f"{at(provider)}/channels", json=channel("second")),
        await root.patch(at(provider), json={"channels": [channel("x"), channel("x")]}),
        await root.post("/api/providers", json={**PROVIDER, "nonsense": KEY}),
        await root.post("/api/providers", json={**PROVIDER, "channels": [channel(api_key=f"{KEY} {KEY}")]}),
        await root.get("/api/audit"),
    ]

    assert [] == [answer.text for answer in answers if KEY in answer.text]
    assert KEY not in str(await every_row(house.house.database))


async def test_nobody_but_administrators_sees_or_changes_them(
    house: RunningHouse, root: Client, admin: Client, user: Client
):
    reader = await house.make_token(root, "reader", role="admin", scopes=["providers.read"])
    provider = await made(admin)

    for path in READS:
        assert (403, "not_permitted") == refusal(await user.get(f"/api/providers{path}"))
    granted(await reader.get(at(provider)))
    assert (403, "not_permitted") == refusal(await reader.patch(at(provider), json={"enabled": False}))
    assert (403, "not_permitted") == refusal(await reader.post("/api/providers", json=PLAIN))


async def test_a_replacement_is_whole_and_an_update_is_not(root: Client):
    provider = await made(root)
    kept = {name: value for name, value in CHANNEL.items() if name != "api_key"}
    listed = {**kept, "id": provider["channels"][0]["id"]}

    replaced = granted(await root.put(at(provider), json={**PLAIN, "channels": [listed]}))
    assert ("plain", [], [], None, True) == tuple(
        replaced[name] for name in ("name", "models", "groups", "max_retries", "enabled")
    )
    assert [("cdef", provider["channels"][0]["id"])] == [
        (each["api_key_hint"], each["id"]) for each in replaced["channels"]
    ]
    updated = granted(await root.patch(at(provider), json={"groups": ["Team-B"], "price_provider": "x"}))
    assert {**replaced, "groups": ["team-b"], "price_provider": "x"} == {
        **updated,
        "updated_at": replaced["updated_at"],
        "channels": replaced["channels"],
    }
    cleared = granted(await root.patch(at(provider), json={"price_provider": None, "max_retries": None}))
    assert (None, None) == (cleared["price_provider"], cleared["max_retries"])


@pytest.mark.parametrize("path", ["", "/order", f"/{NOWHERE}"])
async def test_an_empty_or_strange_body_is_refused(root: Client, path: str):
    method = "POST" if not path else "PUT"
    for body in ({}, [], {"name": "x"}, {"name": "x", "type": "grok"}, {"provider_ids": []}):
        assert (422, "invalid_request") == refusal(await root.request(method, f"/api/providers{path}", json=body))


@pytest.mark.parametrize(
    "fields",
    [
        {"base_url": "https://user:secret@api.example.com"},
        {"base_url": "https://api.example.com?key=1"},
        {"base_url": "https://api.example.com/v1#x"},
        {"base_url": "ftp://api.example.com"},
        {"base_url": "https://api.example.com/../v1"},
        {"api_key": ""},
        {"api_key": "two words"},
        {"api_key": "line\r\nx-injected: 1"},
        {"api_key": "é"},
        {"weight": -1},
        {"weight": 1.5},
        {"weight": True},
        {"type": "group"},
        {"breaker": {"failures": 0}},
        {"models": [{"name": "m", "multiplier": "0"}]},
        {"models": [{"name": "m", "multiplier": "0.0000000001"}]},
        {"models": [{"name": "m", "multiplier": "-1"}]},
        {"models": [{"name": "m", "multiplier": "1e3"}]},
        {"models": [{"name": "m", "multiplier": 1}]},
        {"models": [{"name": "two words"}]},
        {"models": [{"name": "m", "redirect": ""}]},
        {"id": "not-an-id"},
        {"secret": "x"},
    ],
)
async def test_a_channel_that_cannot_be_is_refused_and_changes_nothing(
    house: RunningHouse, root: Client, fields: dict[str, Any]
):
    provider = await made(root)
    before = await every_row(house.house.database)
    wrong = channel("second", **fields)

    for method, path, body in (
        ("POST", "/api/providers", {**PLAIN, "channels": [wrong]}),
        ("PATCH", at(provider), {"channels": [wrong]}),
        ("POST", f"{at(provider)}/channels", wrong),
        ("PATCH", at(provider, 0), wrong),
    ):
        assert (422, "invalid_request") == refusal(await root.request(method, path, json=body))
    assert before == await every_row(house.house.database)


async def test_what_disagrees_is_refused_with_a_code_and_changes_nothing(house: RunningHouse, root: Client):
    provider = await made(root)
    await root.post("/api/providers", json=PLAIN)
    before = await every_row(house.house.database)
    twice = [channel("a"), channel("a")]

    for expected, method, path, body in (
        ((409, "provider_exists"), "POST", "/api/providers", PLAIN),
        ((409, "provider_exists"), "PATCH", at(provider), {"name": "plain"}),
        ((422, "invalid_provider"), "PATCH", at(provider), {"channels": twice}),
        ((422, "invalid_provider"), "POST", f"{at(provider)}/channels", channel()),
        ((422, "api_key_needed"), "PATCH", at(provider, 0), {"base_url": "https://evil.example.com"}),
        ((422, "not_clearable"), "PATCH", at(provider, 0), {"name": None}),
        ((422, "not_clearable"), "PATCH", at(provider), {"type": None}),
        ((404, "channel_not_found"), "PATCH", at(provider), {"channels": [channel("z", id=NOWHERE)]}),
        ((404, "channel_not_found"), "PATCH", f"{at(provider)}/channels/{NOWHERE}", {}),
        ((404, "channel_not_found"), "DELETE", f"{at(provider)}/channels/{NOWHERE}", None),
        ((404, "upstream_not_found"), "GET", f"/api/providers/{NOWHERE}", None),
        ((404, "upstream_not_found"), "DELETE", f"/api/providers/{NOWHERE}", None),
        ((409, "order_incomplete"), "PUT", "/api/providers/order", {"provider_ids": [provider["id"]]}),
        ((409, "order_incomplete"), "PUT", "/api/providers/order", {"provider_ids": [provider["id"]] * 2}),
    ):
        assert expected == refusal(await root.request(method, path, json=body)), path
    assert before == await every_row(house.house.database)


async def test_a_key_is_kept_replaced_or_taken_away(root: Client):
    provider = await made(root)

    async def after(**fields: Any) -> tuple[bool, str | None]:
        shown = granted(await root.patch(at(provider, 0), json=fields))["channels"][0]
        return shown["has_api_key"], shown["api_key_hint"]

    assert (True, "cdef") == await after(weight=2)
    assert (True, "wxyz") == await after(api_key="another-upstream-key-wxyz")
    assert (False, None) == await after(api_key=None)
    assert (False, None) == await after(base_url="http://127.0.0.1:11434/v1/")
    assert (True, None) == await after(api_key="short")


async def test_the_order_is_that_in_which_they_are_tried(root: Client):
    a, b, c = [granted(await root.post("/api/providers", json={"name": n, "type": "echo"})) for n in "abc"]
    granted(await root.put("/api/providers/order", json={"provider_ids": [each["id"] for each in (c, a, b)]}))

    seen, cursor = [], None
    while True:
        query = {"limit": 1, **({"cursor": cursor} if cursor else {})}
        page = granted(await root.get("/api/providers", params=query))
        seen += [each["name"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert ["c", "a", "b"] == seen
    (named,) = granted(await root.get("/api/providers", params={"name": "a"}))["items"]
    assert (a["id"], 1) == (named["id"], named["priority"])


@pytest.mark.parametrize("cursor", ["x", "MQ", "MSA", "IDEyMw", "MTIzNDU2Nzg5MDEyMyBh", "0wA", "MSA7ZHJvcA"])
async def test_a_cursor_of_another_list_is_refused(root: Client, cursor: str):
    assert (422, "bad_cursor") == refusal(await root.get("/api/providers", params={"cursor": cursor}))


async def test_one_that_is_made_twice_with_one_key_is_made_once(root: Client):
    headers = {"idempotency-key": "once"}
    answers = await together(*(root.post("/api/providers", json=PROVIDER, headers=headers) for _ in range(3)))

    assert 1 == len({answer.json()["id"] for answer in answers if answer.is_success})
    assert 1 == len(granted(await root.get("/api/providers"))["items"])


async def test_models_are_unpriced_until_they_have_a_price(root: Client):
    provider = await made(root, models=[{"name": "gpt-new"}], channels=[channel()], price_provider="somebody")
    assert ["gpt-new"] == provider["unpriced_models"]

    rates = {"input_usd_per_mtok": "1", "output_usd_per_mtok": "2", "source_url": "https://example.com"}
    price = {"provider": "somebody", "model_key": "gpt-new", **rates}
    granted(await root.post("/api/prices", json=price))
    assert [] == granted(await root.get(at(provider)))["unpriced_models"]


async def test_presets_can_be_taken_as_they_are(root: Client):
    presets = granted(await root.get("/api/providers/presets"))["items"]

    assert {
        "openai",
        "anthropic",
        "gemini",
        "deepseek",
        "xai",
        "openrouter",
        "groq",
        "mistral",
        "ollama",
        "vllm",
        "echo",
    } <= {preset["id"] for preset in presets}
    assert {"ollama", "vllm", "lmstudio", "echo"} == {preset["id"] for preset in presets if not preset["needs_key"]}
    for preset in presets:
        body = {
            "name": preset["id"],
            "type": preset["type"],
            "price_provider": preset["price_provider"],
            "channels": [channel(base_url=preset["base_url"])],
        }
        shown = granted(await root.post("/api/providers", json=body))
        assert preset["base_url"] == shown["channels"][0]["base_url"]
