"""/api/ledger: what people see of the book and may do to it."""

import asyncio
import csv
import datetime as dt
import io
from typing import Any

import pytest
from control.ledger.bench import charge
from sqlalchemy import update
from support.answers import granted, refusal
from support.house import Client, RunningHouse

from monoize.base.clock import utc_now
from monoize.base.ids import fingerprint, new_id
from monoize.control.bridge.grants import KeyGrants
from monoize.control.edge.csv_cells import plain
from monoize.control.identity.tables import users
from monoize.control.ledger.actions.charges import post_charges
from monoize.control.ledger.model.entries import Charge, OfAgent

HOSTILE_AMOUNTS: tuple[Any, ...] = (
    *("", "0", "-0", "+1", "1.0", "1e9", " 1", "1 ", "1\n", "0x1", "1_000", "٣", "०", "NaN", "Infinity", "null"),
    *("007", str(2**127), "9" * 40, "1" + "0" * 5000, 5, 5.0, True, None, ["1"], {"a": "1"}),
)


async def charged(house: RunningHouse, *wanted: Charge) -> None:
    async with house.house.database.write() as tx:
        await post_charges(tx, house.house.seal, wanted)


async def topped_up(root: Client, user: Client, amount: str, **fields: Any) -> dict[str, Any]:
    body = {"user_id": user.user["id"], "amount_nano_usd": amount, **fields}
    answer: dict[str, Any] = granted(await root.post("/api/ledger/top-ups", json=body))
    return answer


async def entries(client: Client, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = granted(await client.get(f"/api/ledger/entries?{query}"))["items"]
    return found


async def test_people_see_their_own_entries_newest_first_and_page_by_page(
    house: RunningHouse, root: Client, user: Client
):
    await topped_up(root, user, "1000", note="hello")
    await charged(house, *(charge(user.user["id"], n, meta={"model": "m"}) for n in range(1, 8)))
    await topped_up(root, root, "5")

    seen, query = [], "limit=3"
    while True:
        page = granted(await user.get(f"/api/ledger/entries?{query}"))
        seen += page["items"]
        if page["next_cursor"] is None:
            break
        query = f"limit=3&cursor={page['next_cursor']}"

    assert [*(str(-n) for n in range(7, 0, -1)), "1000"] == [entry["delta_nano_usd"] for entry in seen]
    assert "972" == seen[0]["balance_after_nano_usd"]
    assert ({"model": "m"}, "user") == (seen[0]["meta"], seen[0]["account"])
    assert "972" == granted(await user.get("/api/me"))["user"]["balance_nano_usd"]


async def test_others_entries_are_for_those_with_the_permission(house: RunningHouse, root: Client, user: Client):
    await topped_up(root, user, "1")
    await topped_up(root, root, "2")
    token = await house.make_token(root, "bookkeeper", role="admin", scopes=["ledger.read", "self"])

    for path in ("entries", "entries.csv", "days"):
        foreign = f"/api/ledger/{path}?user_id={root.user['id']}"
        assert (403, "not_permitted") == refusal(await user.get(foreign))
        assert (403, "not_permitted") == refusal(await token.get(f"/api/ledger/{path}"))
        assert (await token.get(foreign)).is_success
    assert (403, "not_permitted") == refusal(await user.get("/api/ledger/entries?everybody=true"))
    assert ["2", "1"] == [entry["delta_nano_usd"] for entry in await entries(token, "everybody=true")]
    assert ["1"] == [entry["delta_nano_usd"] for entry in await entries(root, f"user_id={user.user['id']}")]
    refused = await token.post("/api/ledger/adjustments", json={})
    assert (403, "not_permitted") == refusal(refused)


async def test_entries_are_found_by_key_kind_and_time(house: RunningHouse, root: Client, user: Client):
    key = granted(await user.post("/api/keys", json={"name": "laptop"}))["key"]["id"]
    before = utc_now()
    await topped_up(root, user, "1000")
    await charged(house, charge(user.user["id"], 1, api_key_id=key), charge(user.user["id"], 2))
    after = utc_now()

    def moment(when: dt.datetime) -> str:
        return when.isoformat().replace("+00:00", "Z")

    for query, deltas in (
        (f"key_id={key}", ["-1"]),
        ("kind=top_up", ["1000"]),
        (f"since={moment(before)}&until={moment(after)}", ["-2", "-1", "1000"]),
        (f"since={moment(after)}", []),
        (f"until={moment(before)}", []),
    ):
        assert deltas == [entry["delta_nano_usd"] for entry in await entries(user, query)], query
    assert (422, "invalid_request") == refusal(await user.get("/api/ledger/entries?kind=gift"))


async def test_an_agent_has_a_statement_of_its_charges_and_their_refunds(
    house: RunningHouse, root: Client, user: Client
):
    mine, another = OfAgent(new_id(), new_id()), OfAgent(None, new_id())
    by_another = charge(user.user["id"], 4, of_agent=another)
    await charged(house, *(charge(user.user["id"], n, of_agent=mine) for n in (1, 2, 3)), by_another)
    await charged(house, charge(user.user["id"], 5), charge(root.user["id"], 6, of_agent=mine))
    (first, *_) = await entries(user, f"agent_id={mine.agent_id}&limit=1")
    granted(await root.post("/api/ledger/refunds", json={"entry_id": first["id"], "reason": "late"}))

    for query in (f"agent_id={mine.agent_id}", f"agent_record_id={mine.agent_record_id}"):
        assert ["3", "-3", "-2", "-1"] == [entry["delta_nano_usd"] for entry in await entries(user, query)]
        everybodys = await entries(root, f"everybody=true&{query}")
        assert ["3", "-6", "-3", "-2", "-1"] == [entry["delta_nano_usd"] for entry in everybodys]
        assert (403, "not_permitted") == refusal(await user.get(f"/api/ledger/entries?everybody=true&{query}"))
        exported = (await user.get(f"/api/ledger/entries.csv?{query}")).text
        rows = list(csv.DictReader(io.StringIO(exported, newline="")))
        assert [tuple(mine)] * 4 == [(row["agent_id"], row["agent_record_id"]) for row in rows]
    (of_another,) = await entries(user, f"agent_record_id={another.agent_record_id}")
    assert (by_another.request_id, None) == (of_another["request_id"], of_another["agent_id"])


async def test_days_come_to_what_their_entries_do(house: RunningHouse, root: Client, user: Client):
    key = granted(await user.post("/api/keys", json={"name": "laptop"}))["key"]["id"]
    await topped_up(root, user, "1000")
    for _ in range(2):
        await charged(house, charge(user.user["id"], 1, api_key_id=key), charge(user.user["id"], 2))
    today = utc_now().date().isoformat()

    def line(kind: str, count: int, total: str) -> dict[str, Any]:
        return {"day": today, "account": "user", "kind": kind, "entries": count, "total_nano_usd": total}

    everything = granted(await user.get("/api/ledger/days"))["items"]
    assert [line("request_charge", 4, "-6"), line("top_up", 1, "1000")] == everything
    assert [line("request_charge", 2, "-2")] == granted(await user.get(f"/api/ledger/days?key_id={key}"))["items"]
    assert [] == granted(await user.get(f"/api/ledger/days?until={today}"))["items"]
    assert (422, "summary_too_long") == refusal(await user.get("/api/ledger/days?since=2020-01-01"))
    assert [] == granted(await user.get("/api/ledger/days?until=0001-01-01"))["items"]


async def test_the_export_holds_every_entry_and_no_formula(house: RunningHouse, root: Client, user: Client):
    await topped_up(root, user, "1500000000", reference='=HYPERLINK("http://evil","x")', note="@sum")
    await charged(house, *(charge(user.user["id"], 1) for _ in range(1200)))

    answer = await user.get("/api/ledger/entries.csv")

    assert "text/csv; charset=utf-8" == answer.headers["content-type"]
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert 1201 == len(rows)
    assert ("-0.000000001", "1.4999988") == (rows[0]["delta_usd"], rows[0]["balance_after_usd"])
    assert ("1.5", '\'=HYPERLINK("http://evil","x")') == (rows[-1]["delta_usd"], rows[-1]["request_id"])
    assert [entry["id"] for entry in await entries(user, "limit=200")] == [row["id"] for row in rows[:200]]


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", " =1"])
def test_no_cell_begins_like_a_formula(text: str):
    assert "'" + text == plain(text)
    assert "x" + text == plain("x" + text)


@pytest.mark.parametrize("amount", HOSTILE_AMOUNTS, ids=lambda amount: repr(amount)[:20])
async def test_an_amount_is_a_positive_whole_number_as_text_and_nothing_else(
    house: RunningHouse, root: Client, amount: Any
):
    user_id = root.user["id"]
    for path, body in (
        ("top-ups", {"user_id": user_id, "amount_nano_usd": amount}),
        ("adjustments", {"user_id": user_id, "delta_nano_usd": amount, "reason": "x"}),
        ("transfers", {"key_id": user_id, "amount_nano_usd": amount}),
    ):
        assert (422, "invalid_request") == refusal(await root.post(f"/api/ledger/{path}", json=body)), path

    assert [] == await entries(root)


async def test_amounts_of_any_size_are_booked_to_the_last_digit_on_every_engine(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()
    most = 2**127 - 1
    await topped_up(root, root, str(most))
    body = {"user_id": root.user["id"], "delta_nano_usd": str(-most - 1), "reason": "x"}

    taken = granted(await root.post("/api/ledger/adjustments", json=body))

    assert "-1" == taken["balance_after_nano_usd"]
    assert [str(-most - 1), str(most)] == [entry["delta_nano_usd"] for entry in await entries(root)]
    body["delta_nano_usd"] = str(-most - 1)
    assert (409, "balance_out_of_range") == refusal(await root.post("/api/ledger/adjustments", json=body))


async def test_a_repeated_request_with_an_idempotency_key_books_once(root: Client):
    body = {"user_id": root.user["id"], "amount_nano_usd": "7"}
    headers = {"idempotency-key": "once"}

    answers = [await root.post("/api/ledger/top-ups", json=body, headers=headers) for _ in range(3)]

    assert 1 == len({answer.text for answer in answers})
    assert 1 == len(await entries(root))


async def test_a_user_moves_money_to_their_key_and_back(house: RunningHouse, root: Client, user: Client):
    key = granted(await user.post("/api/keys", json={"name": "laptop"}))["key"]["id"]
    path, transfer = f"/api/ledger/sub-accounts/{key}", {"key_id": key, "amount_nano_usd": "60"}
    await topped_up(root, user, "100")

    assert (409, "sub_account_off") == refusal(await user.post("/api/ledger/transfers", json=transfer))
    granted(await user.put(path, json={"enabled": True}))
    granted(await user.post("/api/ledger/transfers", json=transfer))
    short = await user.post("/api/ledger/transfers", json=transfer)
    assert (402, "insufficient_balance") == refusal(short)
    expected = {"key_id": key, "user_id": user.user["id"], "enabled": True, "balance_nano_usd": "60"}
    assert expected == granted(await user.get(path))
    other = await house.make_user(root)
    for attempt in (
        other.get(path),
        other.put(path, json={"enabled": False}),
        other.delete(f"/api/ledger/keys/{key}"),
    ):
        assert (404, "key_not_found") == refusal(await attempt)
    assert (404, "key_not_found") == refusal(await other.post("/api/ledger/transfers", json=transfer))

    assert (409, "sub_account_open") == refusal(await user.delete(f"/api/keys/{key}"))
    granted(await user.delete(f"/api/ledger/keys/{key}"))

    assert "100" == granted(await user.get("/api/me"))["user"]["balance_nano_usd"]
    assert (404, "key_not_found") == refusal(await user.get(path))


async def test_an_administrator_lifts_the_limit_of_a_balance(root: Client, user: Client):
    path = f"/api/ledger/balances/{user.user['id']}"
    key = granted(await user.post("/api/keys", json={"name": "laptop"}))["key"]["id"]
    granted(await user.put(f"/api/ledger/sub-accounts/{key}", json={"enabled": True}))

    assert (403, "not_permitted") == refusal(await user.put(path, json={"unlimited": True}))
    assert granted(await root.put(path, json={"unlimited": True}))["unlimited"] is True

    granted(await user.post("/api/ledger/transfers", json={"key_id": key, "amount_nano_usd": "5"}))
    assert "-5" == granted(await user.get("/api/me"))["user"]["balance_nano_usd"]


async def test_an_administrator_says_what_becomes_of_requests_that_are_not_covered(
    house: RunningHouse, root: Client, user: Client
):
    path = f"/api/ledger/balances/{user.user['id']}"
    secret = granted(await user.post("/api/keys", json={"name": "laptop"}))["secret"]
    grants = KeyGrants(house.house.database, house.house.seal, lambda *_: None)

    for body in ({"hold_policy": "overdraft"}, {"hold_policy": "clamp", "overdraft_nano_usd": "5"}, {}):
        assert (422, "invalid_request") == refusal(await root.put(path, json=body)), body
    too_much = {"hold_policy": "overdraft", "overdraft_nano_usd": str(10**18)}
    assert (422, "invalid_request") == refusal(await root.put(path, json=too_much))
    for body, expected in (
        ({"hold_policy": "clamp"}, ("clamp", "0", True, 0)),
        ({"hold_policy": "overdraft", "overdraft_nano_usd": "5"}, ("overdraft", "5", False, 5)),
        ({"unlimited": False}, ("overdraft", "5", False, 5)),
        ({"hold_policy": "reject"}, ("reject", "0", False, 0)),
    ):
        said = granted(await root.put(path, json=body))
        grant = await grants.grant(fingerprint(secret))
        assert grant is not None
        found = said["hold_policy"], said["overdraft_nano_usd"], grant.is_clamped, grant.overdraft_nano
        assert expected == found


async def test_verification_goes_on_from_its_cursor_and_names_what_it_finds(root: Client, house: RunningHouse):
    await topped_up(root, root, "7")
    whole = {"checked": 1, "problems": [], "cursor": None}
    assert whole == granted(await root.get("/api/ledger/verification"))
    assert (422, "bad_cursor") == refusal(await root.get("/api/ledger/verification?cursor=made-up"))

    async with house.house.database.write() as tx:
        await tx.execute(update(users).where(users.c.id == root.user["id"]).values(balance_nano_usd=8))

    (problem,) = granted(await root.get("/api/ledger/verification"))["problems"]
    assert problem.endswith("its balance is 8 nano-USD, but its rows come to 7")


async def test_fifty_requests_at_once_on_one_account_end_in_the_exact_balance(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()

    await asyncio.gather(*(topped_up(root, root, str(n)) for n in range(1, 51)))

    found = await entries(root, "limit=200")
    assert str(sum(range(1, 51))) == granted(await root.get("/api/me"))["user"]["balance_nano_usd"]
    assert 50 == len({entry["balance_after_nano_usd"] for entry in found})
    assert [] == granted(await root.get("/api/ledger/verification"))["problems"]
    assert (await house_everywhere.house.audit_log.verify()).problem is None
