"""/api/prices: exact text in and out, for administrators only, and steep changes for two of them."""

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import insert
from support.answers import granted, refusal, together
from support.house import Client, RunningHouse
from support.rows import every_row

from monoize.control.catalog.tables import ai_models

URL = "https://example.com/prices"
SONNET = {"provider": "anthropic", "model_key": "claude-sonnet-5"}
USD = {"input_usd_per_mtok": "3", "output_usd_per_mtok": "15", "source_url": URL}


async def made(client: Client, **fields: Any) -> dict[str, Any]:
    answer = granted(await client.post("/api/prices", json={**SONNET, **USD, **fields}))
    assert answer["price"], answer
    return answer["price"]


async def steep(client: Client) -> dict[str, Any]:
    """A waiting change from 3 to 30 USD."""
    await made(client, effective_from="2026-01-01T00:00:00Z")
    body = {**SONNET, **USD, "input_usd_per_mtok": "30"}
    return granted(await client.post("/api/prices", json=body))["pending"]


async def held(client: Client, **query: str) -> list[dict[str, Any]]:
    return granted(await client.get("/api/prices", params=query))["items"]


async def test_a_price_is_shown_as_it_was_written(root: Client):
    written = await made(
        root,
        cache_write_5m_usd_per_mtok="3.750",
        cache_read_usd_per_mtok="0.000100",
        web_search_usd_per_1k="10",
        unit_usd="0.000000000001",
        input_neurons_per_mtok="4119.5",
        geo_multiplier="1.1",
        effective_from="2026-09-01T02:00:00+02:00",
    )

    assert ("3", "15", "3.75", "0.0001", "10", "0.000000000001", "4119.5", "1.1", None) == tuple(
        written[name]
        for name in (
            "input_usd_per_mtok",
            "output_usd_per_mtok",
            "cache_write_5m_usd_per_mtok",
            "cache_read_usd_per_mtok",
            "web_search_usd_per_1k",
            "unit_usd",
            "input_neurons_per_mtok",
            "geo_multiplier",
            "cache_write_1h_usd_per_mtok",
        )
    )
    assert ("2026-09-01T00:00:00Z", None) == (written["effective_from"], written["effective_to"])
    assert [written] == await held(root)


@pytest.mark.parametrize("usd", ["3.0000001", "-3", "3e0", " 3", "3,0", "", "NaN", "٣", "1" * 50, 3, 3.0, True])
async def test_what_is_no_exact_amount_is_refused(root: Client, usd: Any):
    body = {**SONNET, **USD, "input_usd_per_mtok": usd}

    assert (422, "invalid_request") == refusal(await root.post("/api/prices", json=body))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"input_usd_per_mtok": "3000000"}, "rate_out_of_range"),
        ({"input_usd_per_mtok": "0.000003"}, "rate_out_of_range"),
        ({"kind": "long_context"}, "invalid_price"),
        ({"effective_from": "2026-01-02T00:00:00Z", "effective_to": "2026-01-02T00:00:00Z"}, "invalid_price"),
        ({"input_usd_per_mtok": None, "output_usd_per_mtok": None}, "invalid_price"),
        ({"provider": "Anthropic"}, "invalid_request"),
        ({"source_url": "javascript:alert(1)"}, "invalid_request"),
        ({"effective_from": "1969-12-31T23:59:59Z"}, "invalid_request"),
    ],
)
async def test_what_cannot_be_a_price_is_refused_and_changes_nothing(
    house: RunningHouse, root: Client, fields: dict[str, Any], code: str
):
    before = await every_row(house.house.database)

    assert (422, code) == refusal(await root.post("/api/prices", json={**SONNET, **USD, **fields}))
    assert before == await every_row(house.house.database)


async def test_the_list_shows_what_holds_at_a_moment(root: Client):
    wrong = await made(root, input_usd_per_mtok="2", effective_from="2026-01-01T00:00:00Z")
    granted(await root.post(f"/api/prices/{wrong['id']}/corrections", json={**USD, "input_usd_per_mtok": "2.5"}))
    await made(root, effective_from="2026-09-01T00:00:00Z")
    await made(root, model_key="another", effective_from="2026-09-01T00:00:00Z")

    for at, rates in (("2025-12-31", []), ("2026-08-31", ["2.5"]), ("2026-09-01", ["3"])):
        found = await held(root, provider="anthropic", model_key="claude-sonnet-5", at=f"{at}T00:00:00Z")
        assert rates == [price["input_usd_per_mtok"] for price in found]
    assert ["another"] == [price["model_key"] for price in await held(root, model_key="another")]
    assert [] == await held(root, kind="fast") == await held(root, book="contract")


async def test_the_history_of_a_model_is_paged_and_shows_what_was_corrected(root: Client):
    wrong = await made(root, effective_from="2026-01-01T00:00:00Z")
    await root.post(f"/api/prices/{wrong['id']}/corrections", json={**USD, "note": "misread"})
    await made(root, effective_from="2026-02-01T00:00:00Z")
    await made(root, model_key="another")

    seen, cursor = [], None
    while True:
        query = {**SONNET, "limit": "1", **({"cursor": cursor} if cursor else {})}
        page = granted(await root.get("/api/prices/history", params=query))
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [(0, None), (1, "misread"), (0, None)] == [(price["revision"], price["note"]) for price in seen]
    assert wrong["id"] == seen[1]["supersedes_id"]


async def test_nobody_but_administrators_sees_what_providers_charge(
    house: RunningHouse, root: Client, user: Client
):
    await made(root)
    reader = await house.make_token(root, "reader", role="admin", scopes=["prices.read"])

    for path in ("", "/pending", "/audit", "/history?provider=a&model_key=b"):
        assert (403, "not_permitted") == refusal(await user.get(f"/api/prices{path}"))
        granted(await reader.get(f"/api/prices{path}"))
    assert (403, "not_permitted") == refusal(await reader.post("/api/prices", json={**SONNET, **USD}))
    assert (403, "not_permitted") == refusal(await reader.post("/api/prices/imports/preview", json={}))


async def test_a_steep_change_waits_and_a_sole_administrator_may_confirm_it(root: Client):
    pending = await steep(root)
    assert ["3"] == [price["input_usd_per_mtok"] for price in await held(root)]
    assert [{"rate": "input_usd_per_mtok", "before": "3", "after": "30"}] == pending["changes"]

    granted(await root.post(f"/api/prices/pending/{pending['id']}/confirm"))
    assert ["30"] == [price["input_usd_per_mtok"] for price in await held(root)]
    again = await root.post(f"/api/prices/pending/{pending['id']}/confirm")
    assert (404, "pending_price_not_found") == refusal(again)


async def test_with_two_administrators_it_takes_the_other_one(house: RunningHouse, root: Client, admin: Client):
    pending = await steep(root)
    token = await house.make_token(root, "mine", role="admin")
    path = f"/api/prices/pending/{pending['id']}/confirm"

    for same in (root, token):
        assert (403, "second_person_needed") == refusal(await same.post(path))
    assert ["3"] == [price["input_usd_per_mtok"] for price in await held(root)]
    granted(await admin.post(path))
    assert ["30"] == [price["input_usd_per_mtok"] for price in await held(root)]


async def test_of_two_who_decide_at_once_one_decides(house: RunningHouse, root: Client, admin: Client):
    pending = await steep(root)
    path = f"/api/prices/pending/{pending['id']}"

    answers = await together(admin.post(f"{path}/confirm"), root.delete(path))
    assert 1 == sum(answer.is_success for answer in answers)


async def test_a_rejected_change_leaves_the_price_as_it_is(root: Client):
    pending = await steep(root)

    granted(await root.delete(f"/api/prices/pending/{pending['id']}"))
    assert ["3"] == [price["input_usd_per_mtok"] for price in await held(root)]
    assert [] == granted(await root.get("/api/prices/pending"))["items"]


async def test_ending_a_price_first_does_not_hide_a_steep_change(root: Client):
    cheap = await made(root, effective_from="2026-01-01T00:00:00Z")
    granted(await root.post(f"/api/prices/{cheap['id']}/end", json={"at": "2026-02-01T00:00:00Z"}))

    assert granted(await root.post("/api/prices", json={**SONNET, **USD, "output_usd_per_mtok": "75"}))["pending"]


async def test_a_steep_correction_waits_too(root: Client):
    wrong = await made(root, input_usd_per_mtok="5", output_usd_per_mtok="25")
    body = {**USD, "input_usd_per_mtok": "15", "output_usd_per_mtok": "75"}
    pending = granted(await root.post(f"/api/prices/{wrong['id']}/corrections", json=body))["pending"]
    assert wrong["id"] == pending["corrects_id"]

    granted(await root.post(f"/api/prices/pending/{pending['id']}/confirm"))
    assert [("15", 1)] == [(price["input_usd_per_mtok"], price["revision"]) for price in await held(root)]


@pytest.mark.parametrize(
    "rates", [{"input_usd_per_mtok": None}, {"input_usd_per_mtok": "0"}, {"geo_multiplier": "2"}]
)
async def test_forgetting_a_rate_giving_it_away_or_doubling_it_is_steep(root: Client, rates: dict[str, Any]):
    await made(root, effective_from="2026-01-01T00:00:00Z")

    assert granted(await root.post("/api/prices", json={**SONNET, **USD, **rates}))["pending"]


@pytest.mark.parametrize(
    ("document", "status", "code"),
    [
        ("[]", 422, "bad_price_list"),
        ('{"a":' * 100_000, 422, "bad_price_list"),
        ('{"a": {"models": {"b": {"cost": {"input": NaN, "output": 1}}}}}', 422, "bad_price_list"),
        ('{"a": {"models": {"b": {"cost": {"input": -1, "output": 1}}}}}', 422, "bad_price_list"),
        ('{"a": {"models": {"b": {"cost": {"input": "1", "output": 1}}}}}', 422, "bad_price_list"),
        (" " * 10_000_000, 413, "body_too_large"),
    ],
)
async def test_a_hostile_list_is_refused_whole(
    house: RunningHouse, root: Client, document: str, status: int, code: str
):
    before = await every_row(house.house.database)
    body = {"format": "models_dev", "document": document, "source_url": URL}

    for path in ("/api/prices/imports", "/api/prices/imports/preview"):
        assert (status, code) == refusal(await root.post(path, json=body))
    assert before == await every_row(house.house.database)


async def test_an_import_reports_what_came_of_each_row(root: Client):
    await made(root, input_usd_per_mtok="4")
    document = """{"anthropic": {"models": {
        "claude-sonnet-5": {"cost": {"input": 3, "output": 15}},
        "claude-opus-5": {"cost": {"input": 5.0, "output": 25}},
        "claude-typo": {"cost": {"input": 0.000005, "output": 25}},
        "claude-preview": {}
    }}}"""
    body = {"format": "models_dev", "document": document, "source_url": URL, "providers": ["anthropic"]}

    report = granted(await root.post("/api/prices/imports", json=body))
    assert {"added": 1, "changed": 0, "unchanged": 0, "waiting": 0, "kept": 1, "unpriced": 1} == {
        name: count for name, count in report.items() if isinstance(count, int)
    }
    reason = "input_usd_per_mtok is out of range"
    assert [{"provider": "anthropic", "model_key": "claude-typo", "reason": reason}] == report["refused"]
    assert {("claude-sonnet-5", "kept"), ("claude-opus-5", "added")} == {
        (each["model_key"], each["outcome"]) for each in report["differences"]
    }


async def test_an_audit_finds_what_may_be_wrong(house: RunningHouse, root: Client):
    old = (dt.datetime.now(dt.UTC) - dt.timedelta(days=31)).isoformat()
    async with house.house.database.write() as tx:
        model = {"provider": "anthropic", "display_name": "X", "supports_fast_mode": 1}
        for name in ("claude-sonnet-5", "claude-unpriced"):
            await tx.execute(insert(ai_models).values(id=name, model_key=name, **model))
    await made(root, cache_read_usd_per_mtok="0.6", checked_at=old)
    await made(root, provider="bedrock")

    report = granted(await root.get("/api/prices/audit"))
    assert (2, True) == (report["prices"], report["complete"])
    assert [
        ("cache_multiple_unusual", "anthropic", "claude-sonnet-5"),
        ("fast_price_missing", "anthropic", "claude-sonnet-5"),
        ("fast_price_missing", "anthropic", "claude-unpriced"),
        ("key_at_two_providers", "anthropic", "claude-sonnet-5"),
        ("key_at_two_providers", "bedrock", "claude-sonnet-5"),
        ("not_checked_lately", "anthropic", "claude-sonnet-5"),
        ("rate_unknown", "anthropic", "claude-unpriced"),
    ] == [(each["problem"], each["provider"], each["model_key"]) for each in report["findings"]]


async def test_a_sound_book_has_no_findings(root: Client):
    await made(root, cache_read_usd_per_mtok="0.3")

    assert [] == granted(await root.get("/api/prices/audit"))["findings"]
