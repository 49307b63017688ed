"""What hosts report that their tools used: each entry once, at the price of its moment; 422 for what is none."""

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import select
from support.answers import granted, together
from support.fleet import EnrolledHost, enrol, refused, stored, told
from support.house import Client, RunningHouse
from support.rows import every_row, last_seq, logs_after

from monoize.base.clock import utc_now
from monoize.control.fleet.model.usage import COUNT_MOST, ENTRIES_MOST
from monoize.control.fleet.tables import hosts, token_usage_ingests
from monoize.control.telemetry.tables import reported_usage_days, token_usages, usage_days

PRICE = {
    "provider": "openai",
    "model_key": "gpt-5-codex",
    "kind": "standard",
    "book": "list",
    "input_usd_per_mtok": "1.25",
    "output_usd_per_mtok": "10",
    "cache_read_usd_per_mtok": "0.125",
    "source_url": "https://example.com/prices",
    "checked_at": "2026-11-01T00:00:00Z",
    "effective_from": "2026-01-01T00:00:00Z",
}
ENTRY = {"input": 1_000, "cached": 400, "output": 250, "reasoning": 64, "model": "gpt-5-codex"}
COST = "0.0038"
LINE = "Token usage: total=1,250 input=1,000 (+ 400 cached) output=250 (reasoning 64)"


async def priced(root: Client, **changes: Any) -> None:
    granted(await root.post("/api/prices", json={**PRICE, **changes}))


async def report(host: EnrolledHost, *entries: dict[str, Any], **fields: Any) -> Any:
    return told(await host.calls().post("/usage", json={"usages": list(entries), **fields}))


async def rows(house: RunningHouse, table: Any) -> list[dict[str, Any]]:
    async with house.house.database.read() as tx:
        return [dict(row._mapping) for row in await tx.execute(select(table))]


@pytest.fixture
async def host(house: RunningHouse, root: Client) -> EnrolledHost:
    return await enrol(root, house)


async def test_what_was_used_is_kept_with_what_it_cost_and_added_up(house_everywhere: RunningHouse):
    house, root = house_everywhere, await house_everywhere.make_root()
    await priced(root)
    host = await enrol(root, house)
    before = await last_seq(house.house.database)

    receipt = await report(host, ENTRY, {"line": f"\x1b[2m{LINE}\x1b[0m"}, ENTRY)

    assert (host.id, 3, "0.0076") == (receipt["host_id"], receipt["recorded"], receipt["cost"])
    assert [COST, None, COST] == [entry["cost"] for entry in receipt["usages"]]
    for row in await rows(house, token_usages):
        assert (1_250, 1_000, 400, 250, 64) == (
            *(row["total"], row["input_tokens"], row["cached_tokens"]),
            *(row["output_tokens"], row["reasoning_tokens"]),
        )
        assert (row["cost_nano"] is None) is row["unpriced"] is (row["price_id"] is None) is (row["model"] is None)
        assert (host.id, receipt["ingest_id"]) == (row["host_id"], row["ingest_id"])
    assert [None, LINE, None] == [entry["line"] for entry in receipt["usages"]]
    (ingest,) = await rows(house, token_usage_ingests)
    assert (3, 3_750, 7_600_000) == (ingest["entries"], ingest["total"], ingest["cost_nano"])
    days = {row["model"]: row for row in await rows(house, reported_usage_days)}
    assert (2, 2_500, 7_600_000, 0) == tuple(
        days["gpt-5-codex"][name] for name in ("calls", "total_tokens", "cost_nano", "unpriced")
    )
    assert (1, 1_250, 0, 1) == tuple(days[""][name] for name in ("calls", "total_tokens", "cost_nano", "unpriced"))
    logged = await logs_after(house.house.database, before)
    assert ["host.bind_ip", "usage.report"] == [row.action for row in logged]
    assert {host.id} == {row.host_id for row in logged}


async def test_usage_is_reported_at_both_addresses(host: EnrolledHost):
    for path in ("/usage", "/api/fleet/host/usage"):
        assert 1 == told(await host.calls().post(path, json=ENTRY))["recorded"]


async def test_a_report_counts_the_call_of_its_host(house: RunningHouse, host: EnrolledHost):
    await report(host, ENTRY)

    (row,) = await rows(house, hosts)
    assert (1, True) == (row["api_calls"], row["last_seen_at"] is not None)


async def test_an_entry_by_itself_is_answered_with_its_fields_at_the_top(root: Client, host: EnrolledHost):
    await priced(root)

    receipt = told(await host.calls().post("/usage", json=ENTRY))

    assert (1_250, 1_000, COST, "gpt-5-codex") == (
        *(receipt["total"], receipt["input"], receipt["cost"]),
        receipt["model"],
    )
    assert 1 == len(receipt["usages"])


async def test_the_price_is_that_of_the_moment_and_stays_what_it_was(root: Client, host: EnrolledHost):
    await priced(root)
    now = utc_now()
    await priced(root, output_usd_per_mtok="11", effective_from=(now - dt.timedelta(hours=12)).isoformat())
    yesterday = (now - dt.timedelta(days=1)).isoformat()

    receipt = await report(host, ENTRY, {**ENTRY, "recorded_at": yesterday}, idempotency_key="once")
    await priced(root, output_usd_per_mtok="12", effective_from=(now - dt.timedelta(seconds=1)).isoformat())

    assert ["0.00405", COST] == [entry["cost"] for entry in receipt["usages"]]
    assert receipt == await report(host, ENTRY, ENTRY, idempotency_key="once")


async def test_a_retry_is_answered_like_the_first_and_counts_once(house_everywhere: RunningHouse):
    house, root = house_everywhere, await house_everywhere.make_root()
    host, other = await enrol(root, house), await enrol(root, house, "build-2.example.com")

    first = await report(host, ENTRY, ENTRY, idempotency_key="spool-1")
    again = await report(host, ENTRY, ENTRY, idempotency_key="spool-1")
    of_another = await report(other, ENTRY, idempotency_key="spool-1")

    assert first == again
    assert 2 == first["recorded"]
    assert (1, other.id) == (of_another["recorded"], of_another["host_id"])
    assert 3 == len(await rows(house, token_usages))


async def test_entries_with_keys_of_their_own_count_once_in_whatever_company(
    house: RunningHouse, host: EnrolledHost
):
    one, two = ({**ENTRY, "idempotency_key": key} for key in ("one", "two"))

    receipts = [await report(host, one, one), await report(host, one, two), await report(host, two)]

    assert [1, 1, 0] == [receipt["recorded"] for receipt in receipts]
    assert 2 == len(await rows(house, token_usages))
    (day,) = await rows(house, reported_usage_days)
    assert 2 == day["calls"]


@pytest.mark.parametrize("where", ["report", "entry"])
async def test_of_many_that_report_the_same_at_once_one_is_recorded(house_everywhere: RunningHouse, where: str):
    house, root = house_everywhere, await house_everywhere.make_root()
    host = await enrol(root, house)
    await report(host, {"line": "first call: binds the address"})
    key = {"idempotency_key": "the-same"}
    body = {"usages": [ENTRY], **key} if where == "report" else {"usages": [{**ENTRY, **key}]}

    answers = await together(*(host.calls().post("/usage", json=body) for _ in range(8)))

    refusals = {refused(answer) for answer in answers if answer.is_error}
    assert refusals <= {(409, "usage_in_progress")}
    assert 1 == len([row for row in await rows(house, token_usages) if row["total"]])
    told(await host.calls().post("/usage", json=body))
    (day,) = [row for row in await rows(house, reported_usage_days) if row["total_tokens"]]
    assert 1_250 == day["total_tokens"]


async def test_a_day_of_two_hosts_at_once_adds_up(house_everywhere: RunningHouse):
    house, root = house_everywhere, await house_everywhere.make_root()
    enrolled = [await enrol(root, house, f"build-{number}") for number in range(3)]
    for host in enrolled:
        await report(host, {"line": "first call: binds the address"})

    answers = await together(*(host.calls().post("/usage", json=ENTRY) for host in enrolled for _ in range(5)))

    assert [200] * 15 == [answer.status_code for answer in answers]
    sums = {
        row["host_id"]: row["total_tokens"] for row in await rows(house, reported_usage_days) if row["total_tokens"]
    }
    assert {host.id: 5 * 1_250 for host in enrolled} == sums


@pytest.mark.parametrize("number", ["1,250", "1_250", "1 250", "1250", 1250])
async def test_numbers_may_be_written_as_tools_print_them(host: EnrolledHost, number: object):
    assert 1_250 == told(await host.calls().post("/usage", json={"total": number}))["total"]


LONG_AGO = (utc_now() - dt.timedelta(days=32)).isoformat()
SOON = (utc_now() + dt.timedelta(hours=2)).isoformat()


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "text",
        {"usages": []},
        {"usages": None},
        {"usages": {}},
        {"usages": ["line"]},
        {"usages": [{}]},
        {"usages": [ENTRY, {"model": "gpt-5-codex"}]},
        {"usages": [ENTRY], "total": 1},
        {"usages": [{**ENTRY, "misspelt": 1}]},
        {"usages": [ENTRY] * (ENTRIES_MOST + 1)},
        {"usages": [ENTRY], "idempotency_key": ""},
        {"usages": [ENTRY], "idempotency_key": "k" * 129},
        {"usages": [ENTRY], "idempotency_key": "ключ"},
        *({"total": wrong} for wrong in (-1, 1.5, True, "-1", "1.5", "1e3", "", "x", [], COUNT_MOST + 1, "9" * 33)),
        *({"total": 1, "model": wrong} for wrong in ("", "m" * 129, "a b", "a\x00b", 5)),
        *({"total": 1, "line": wrong} for wrong in ("x" * 8193, 5, ["x"])),
        {"line": "   "},
        *({"total": 1, "recorded_at": wrong} for wrong in (5, "yesterday", "2026-11-18T12:00:00", LONG_AGO, SOON)),
    ],
)
async def test_what_is_no_report_is_refused_and_changes_nothing(
    house: RunningHouse, host: EnrolledHost, body: object
):
    await report(host, ENTRY)
    before = await every_row(house.house.database)

    answer = await host.calls().post("/usage", json=body)

    assert (422, "validation_failed") == refused(answer)
    assert before == await every_row(house.house.database)


async def test_what_is_not_json_is_refused(host: EnrolledHost):
    headers = {"content-type": "application/json"}
    for content in (b"", b"{", b"\xff\xfe", b'{"total": NaN}', b"[" * 100_000):
        answer = await host.calls().post("/usage", content=content, headers=headers)
        assert refused(answer)[0] in (400, 422), content[:20]


async def test_a_line_that_says_nothing_is_kept_as_it_is(house: RunningHouse, host: EnrolledHost):
    receipt = told(await host.calls().post("/usage", json={"line": "Token usage: plenty ✓"}))

    assert ("Token usage: plenty", None, None) == (receipt["line"], receipt["total"], receipt["cost"])


async def test_no_host_can_spoil_the_sums(house: RunningHouse, root: Client, host: EnrolledHost):
    await priced(root)
    most = {"input": COUNT_MOST, "output": COUNT_MOST, "model": "gpt-5-codex"}
    answers = [await host.calls().post("/usage", json={"usages": [most] * ENTRIES_MOST}) for _ in range(60)]

    refusals = [refused(answer) for answer in answers if answer.is_error]
    assert refusals
    assert {(422, "validation_failed")} == set(refusals)
    overview = granted(await root.get("/api/fleet/usage/overview"))
    assert overview["all_time"] == overview["month"] == overview["week"]


async def test_hosts_of_the_gateway_are_metered_there_and_nowhere_else(house: RunningHouse, root: Client):
    granted(await root.post("/api/fleet/pools", json={"name": "metered", "mode": "gateway"}))
    host = await enrol(root, house, pool="metered", user_id=root.user["id"])

    receipt = await report(host, ENTRY)

    assert (0, None) == (receipt["recorded"], receipt["ingest_id"])
    assert [] == await rows(house, token_usages) == await rows(house, reported_usage_days)


async def test_reported_usage_is_held_against_no_bill(house: RunningHouse, root: Client, host: EnrolledHost):
    await priced(root)
    await report(host, ENTRY)
    today = utc_now().date()
    days = {"since": str(today), "until": str(today + dt.timedelta(days=1))}

    measured = granted(await root.get("/api/telemetry/costs", params=days))
    reported = granted(await root.get("/api/telemetry/costs", params={**days, "source": "reported"}))

    assert [] == measured["items"] == await rows(house, usage_days)
    assert [
        {
            "provider": "openai",
            "day": str(today),
            "model": "gpt-5-codex",
            "calls": 1,
            "unpriced_calls": 0,
            "cost_nano_usd": "3800000",
            "source": "reported",
        }
    ] == reported["items"]


async def test_usage_outlives_its_host(house: RunningHouse, root: Client, host: EnrolledHost):
    await report(host, ENTRY)
    granted(await root.delete(host.path))

    (row,) = await rows(house, token_usages)
    overview = granted(await root.get("/api/fleet/usage/overview"))

    assert row["host_id"] is None
    assert 1_250 == overview["all_time"]["total"]
    assert [(host.id, None)] == [(each["host_id"], each["fqdn"]) for each in overview["top_hosts"]]


async def test_a_closed_window_does_not_keep_usage_away(house: RunningHouse, root: Client):
    host = await enrol(root, house, secure=False)
    await stored(house, host.id, insecure_enabled_until=utc_now() - dt.timedelta(hours=1))

    assert 1 == (await report(host, ENTRY))["recorded"]
