"""/api/requests: the log of requests for people, and one request explained."""

import dataclasses
import datetime as dt
import itertools
from typing import Any, Final

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.answers import granted, refusal
from support.house import Client, RunningHouse
from support.price_book import OPUS, SONNET

from monoize.base.cost.breakdown import Breakdown
from monoize.base.cost.costing import cost_of
from monoize.base.cost.sheet import SUBSCRIPTION, UNPRICED, PriceSheet
from monoize.base.cost.usage import Usage
from monoize.base.ids import new_id
from monoize.base.money import Multiplier, charge_of, nano_of_usd, usd_of_nano
from monoize.contract.events import Charged, RequestLog, decode, encode
from monoize.control.ledger.actions.charges import post_charges
from monoize.control.ledger.actions.logs import log_requests
from monoize.control.ledger.model.entries import Charge
from monoize.control.ledger.model.requests import Bill, LoggedRequest, RequestRecord, bill_of

CREDENTIAL: Final = "sk-upstream-0123456789abcdef"
AT_MS: Final = 1_770_552_000_123
UTC_AT: Final = "2026-02-08T12:00:00.123Z"
USAGE: Final = Usage(2_000, 500, cache_write_5m_tokens=1_000, cache_read_tokens=8_000, web_searches=2)
LINES: Final = [
    ("input", "2000", "token", "3", "million tokens", "6000000"),
    ("cache_write_5m", "1000", "token", "3.75", "million tokens", "3750000"),
    ("cache_read", "8000", "token", "0.3", "million tokens", "2400000"),
    ("output", "500", "token", "15", "million tokens", "7500000"),
    ("web_search", "2", "search", "10", "thousand searches", "20000000"),
]
COST: Final = 39_650_000
MULTIPLIER: Final = "1.100000001"
CHARGE: Final = COST * 1_100_000_001 // 10**9
TRIED: Final = (
    '[{"channel": "c-1", "model": "secret-model", "status": 503, "code": "overloaded"}, {"channel": "c-2"}]'
)


def asked(
    user_id: str,
    usage: Usage = USAGE,
    sheet: PriceSheet = SONNET,
    *,
    multiplier: str = MULTIPLIER,
    at_ms: int = AT_MS,
    changes: dict[str, Any] | None = None,
    **log: Any,
) -> Charged:
    """A request as the gateway reports it; `changes` are to the event, the rest is told by its log."""
    costing = cost_of(usage, sheet)
    about = {"model": "sonnet", "multiplier": multiplier, "request_kind": "messages"} | log
    fields: dict[str, Any] = {
        "id": new_id(),
        "request_id": new_id(),
        "user_id": user_id,
        "at_ms": at_ms,
        "charge_nano": charge_of(costing.total_nano or 0, Multiplier.of_text(multiplier)),
        "cost_nano": costing.total_nano,
        "breakdown": msgspec.Raw(Breakdown(costing, at_ms).encoded()),
        "log": RequestLog(**about),
    }
    return Charged(**fields | (changes or {}))


async def posted(house: RunningHouse, *events: Charged) -> None:
    """As they come out of the spool."""
    read = [decode(encode(event)) for event in events]
    charges = [
        Charge(
            event.request_id,
            event.user_id,
            event.charge_nano,
            event.api_key_id,
            meta={"estimated": True} if event.is_estimated else {},
        )
        for event in read
    ]
    async with house.house.database.write() as tx:
        await post_charges(tx, house.house.seal, charges)
        await log_requests(tx, read)


async def listed(client: Client, query: str = "") -> list[str]:
    found = granted(await client.get(f"/api/requests?{query}"))["items"]
    return [request["request_id"] for request in found]


async def explained(client: Client, event: Charged) -> dict[str, Any]:
    told: dict[str, Any] = granted(await client.get(f"/api/requests/{event.request_id}"))
    return told


async def made_provider(root: Client, name: str, *channels: str) -> dict[str, Any]:
    wanted = [{"name": each, "base_url": "https://api.example.com", "api_key": CREDENTIAL} for each in channels]
    body = {"name": name, "type": "echo", "channels": wanted}
    made: dict[str, Any] = granted(await root.post("/api/providers", json=body))
    return made


async def test_requests_come_newest_first_and_page_by_page_on_every_engine(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()
    alice, bob = [await house_everywhere.make_user(root) for _ in range(2)]
    # Several in one millisecond, and not in the order of their ids.
    events = [
        asked(client.user["id"], at_ms=AT_MS + offset)
        for offset in (5, 0, 5, 3, 3, 3, 9)
        for client in (alice, bob, alice)
    ]
    await posted(house_everywhere, *events)
    in_order = sorted(events, key=lambda event: (event.at_ms, event.id), reverse=True)

    for client, query, expected in (
        (alice, "", [event for event in in_order if event.user_id == alice.user["id"]]),
        (root, "everybody=true&", in_order),
        (root, f"user_id={bob.user['id']}&", [event for event in in_order if event.user_id == bob.user["id"]]),
    ):
        seen, cursor = [], ""
        while True:
            page = granted(await client.get(f"/api/requests?{query}limit=2{cursor}"))
            assert len(page["items"]) <= 2
            seen += [request["request_id"] for request in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert [event.request_id for event in expected] == seen


async def test_a_row_says_what_its_owner_may_know_and_no_more(house: RunningHouse, user: Client):
    event = asked(
        user.user["id"],
        provider_id=new_id(),
        channel_id=new_id(),
        upstream_model="secret-model",
        input_tokens=11_000,
        output_tokens=500,
        is_stream=True,
        duration_ms=900,
        ttfb_ms=120,
        cache_hit=False,
        request_ip="10.0.0.1",
        tried_providers_json=TRIED,
    )
    await posted(house, event)

    (row,) = granted(await user.get("/api/requests"))["items"]

    assert {
        "id": event.id,
        "request_id": event.request_id,
        "user_id": user.user["id"],
        "api_key_id": None,
        "model": "sonnet",
        "status": "success",
        "is_stream": True,
        "request_kind": "messages",
        "input_tokens": 11_000,
        "output_tokens": 500,
        "cache_read_tokens": None,
        "cache_creation_tokens": None,
        "reasoning_tokens": None,
        "charge_nano_usd": str(CHARGE),
        "cache_hit": False,
        "error_code": None,
        "error_http_status": None,
        "duration_ms": 900,
        "ttfb_ms": 120,
        "request_ip": "10.0.0.1",
        "created_at": "2026-02-08T12:00:00.123000Z",
        "created_at_unix_ms": AT_MS,
    } == row


async def test_requests_are_found_by_everything_that_filters_on_every_engine(house_everywhere: RunningHouse):
    house = house_everywhere
    root = await house.make_root()
    me, key = root.user["id"], granted(await root.post("/api/keys", json={"name": "laptop"}))["key"]["id"]
    plain = asked(me)
    keyed = asked(me, at_ms=AT_MS + 1, changes={"api_key_id": key})
    other = asked(me, at_ms=AT_MS + 2, model="o'ther %_\\")
    failed = asked(me, at_ms=AT_MS + 3, status="error", error_code="upstream_error")
    foreign = asked((await house.make_user(root)).user["id"], at_ms=AT_MS + 4)
    await posted(house, plain, keyed, other, failed, foreign)

    for query, expected in (
        ("", [failed, other, keyed, plain]),
        (f"key_id={key}", [keyed]),
        ("model=o'ther %25_\\", [other]),
        ("model=SONNET", []),
        ("model=sonnet&everybody=true", [foreign, failed, keyed, plain]),
        ("status=error", [failed]),
        ("status=success", [other, keyed, plain]),
        (f"request_id={keyed.request_id}", [keyed]),
        (f"request_id={foreign.request_id}", []),
        (f"request_id={foreign.request_id}&everybody=true", [foreign]),
        # In the middle of a millisecond, and at its edges; `until` is the first moment that is too late.
        ("since=2026-02-08T12:00:00.125Z", [failed, other]),
        ("since=2026-02-08T12:00:00.125001Z", [failed]),
        ("until=2026-02-08T12:00:00.125Z", [keyed, plain]),
        ("until=2026-02-08T12:00:00.125001Z", [other, keyed, plain]),
        (f"since={UTC_AT}&until=2026-02-08T14:00:00.124%2B02:00", [plain]),
        ("until=1969-12-31T23:59:59.999999Z", []),
    ):
        assert [event.request_id for event in expected] == await listed(root, query), query


async def test_the_requests_of_others_are_for_those_with_the_permission(
    house: RunningHouse, root: Client, user: Client
):
    event, hidden = asked(user.user["id"]), asked(root.user["id"])
    await posted(house, event, hidden)
    bookkeeper = await house.make_token(root, "bookkeeper", role="admin", scopes=["ledger.read", "self"])
    viewer = await house.make_token(root, "viewer", role="viewer")

    for query in (f"user_id={root.user['id']}", "everybody=true"):
        assert (403, "not_permitted") == refusal(await user.get(f"/api/requests?{query}"))
        assert (403, "not_permitted") == refusal(await viewer.get(f"/api/requests?{query}"))
    assert {event.request_id, hidden.request_id} == {*await listed(bookkeeper, "everybody=true")}
    assert (403, "not_permitted") == refusal(await bookkeeper.get("/api/requests"))

    missing = await user.get(f"/api/requests/{new_id()}")
    foreign = await user.get(f"/api/requests/{hidden.request_id}")
    assert (404, "request_not_found") == refusal(missing) == refusal(foreign)
    assert missing.json().keys() == foreign.json().keys()
    for stranger in (viewer, await house.make_user(root)):
        assert (404, "request_not_found") == refusal(await stranger.get(f"/api/requests/{event.request_id}"))
    # Names need permissions of their own.
    told = await explained(bookkeeper, event)
    assert (None, str(COST)) == (told["username"], told["bill"]["behind"]["cost_nano_usd"])


async def test_a_request_id_of_two_users_shows_each_their_own(house: RunningHouse, root: Client, user: Client):
    mine = asked(user.user["id"], changes={"request_id": "twice"})
    later = asked(root.user["id"], at_ms=AT_MS + 1, changes={"request_id": "twice"})
    await posted(house, mine, later)

    assert (mine.id, str(-CHARGE)) == _row_and_entry(await explained(user, mine))
    # Only the first of them could be booked.
    assert (later.id, None) == _row_and_entry(await explained(root, later))


def _row_and_entry(told: dict[str, Any]) -> tuple[str, str | None]:
    return told["request"]["id"], told["entry"] and told["entry"]["delta_nano_usd"]


@pytest.mark.parametrize(
    "query",
    [
        *(
            "modle=sonnet",
            "limit=0",
            "limit=201",
            "limit=1e3",
            "status=pending",
            "status=",
            "model=",
            "request_id=",
        ),
        *("key_id=laptop", "user_id=root", "everybody=perhaps", "since=yesterday", "since=2026-01-01T00:00:00"),
        *(f"model={'x' * 192}", f"request_id={'x' * 192}", f"cursor={'x' * 101}", "page=2", "MODEL=sonnet"),
    ],
    ids=lambda query: query[:30],
)
async def test_a_query_that_is_not_understood_is_refused(root: Client, query: str):
    assert (422, "invalid_request") == refusal(await root.get(f"/api/requests?{query}"))


# As base64 of: nothing, a UUID alone, words, too many digits, no UUID, a line more.
@pytest.mark.parametrize(
    "cursor",
    [
        "!",
        "AAAA",
        *("MDFhMWZjMTEtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDAw", "bm93IG5ldmVy"),
        "MTExMTExMTExMTExMTExMSAwMWExZmMxMS0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMDA",
        "MSBub25l",
        "MSAwMWExZmMxMS0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMDAK",
    ],
)
async def test_a_cursor_of_somebody_elses_making_is_refused(root: Client, cursor: str):
    assert (422, "bad_cursor") == refusal(await root.get(f"/api/requests?cursor={cursor}"))


async def test_a_request_is_explained_to_the_last_digit_on_every_engine(house_everywhere: RunningHouse):
    house = house_everywhere
    root = await house.make_root()
    down, up = await made_provider(root, "down", "a"), await made_provider(root, "up", "b", "c")
    key = granted(await root.post("/api/keys", json={"name": "laptop"}))["key"]["id"]
    tried = [
        {"channel": down["channels"][0]["id"], "model": "m-1", "status": 503, "code": "overloaded"},
        {"channel": "gone", "model": "m-2", "status": None, "code": "upstream_timeout_connect"},
        {"channel": up["channels"][1]["id"], "model": "m-3"},
    ]
    event = asked(
        root.user["id"],
        changes={"api_key_id": key},
        provider_id=up["id"],
        channel_id=up["channels"][1]["id"],
        upstream_model="m-3",
        tried_providers_json=msgspec.json.encode(tried).decode(),
    )
    await posted(house, event)

    told = await explained(root, event)

    assert ("root", "laptop", None) == (told["username"], told["key_name"], told["error_message"])
    places = [
        (down["channels"][0]["id"], "a", down["id"], "down", "m-1"),
        ("gone", None, None, None, "m-2"),
        (up["channels"][1]["id"], "c", up["id"], "up", "m-3"),
    ]
    assert places == [tuple(attempt.pop("upstream").values()) for attempt in told["attempts"]]
    assert [
        {"number": 1, "outcome": "failed", "status": 503, "code": "overloaded"},
        {"number": 2, "outcome": "failed", "status": None, "code": "upstream_timeout_connect"},
        {"number": 3, "outcome": "answered", "status": None, "code": None},
    ] == told["attempts"]
    assert places[2] == tuple(told["answered_by"].values())

    bill = told["bill"]
    assert "cost" == bill["lines_of"]
    assert LINES == lines_of(bill)
    assert [usd_of_nano(int(line[-1])) for line in LINES] == [line["amount_usd"] for line in bill["lines"]]
    assert {
        "cost_nano_usd": str(COST),
        "cost_usd": "0.03965",
        "multiplier": MULTIPLIER,
        "markup_nano_usd": None,
        "book": "list",
        "price_id": "claude-sonnet-4-6/standard",
    } == bill["behind"]
    assert (str(CHARGE), usd_of_nano(CHARGE)) == (bill["charge_nano_usd"], bill["charge_usd"])
    assert ("standard", [], [], False) == tuple(
        bill[name] for name in ("kind", "flags", "warnings", "is_estimated")
    )
    (entry,) = granted(await root.get("/api/ledger/entries"))["items"]
    assert entry == told["entry"]
    assert (str(-CHARGE), event.request_id) == (entry["delta_nano_usd"], entry["request_id"])


def lines_of(bill: dict[str, Any]) -> list[tuple[str, ...]]:
    names = ("item", "quantity", "unit", "rate_usd", "rate_per", "amount_nano_usd")
    return [tuple(line[name] for name in names) for line in bill["lines"]]


async def test_its_owner_sees_what_they_pay_and_nothing_that_lies_behind(
    house: RunningHouse, root: Client, user: Client
):
    up = await made_provider(root, "hidden-provider", "hidden-channel")
    channel = up["channels"][0]["id"]
    tried = [{"channel": channel, "model": "hidden-model", "status": 401, "code": "invalid_api_key"}] * 2
    event = asked(
        user.user["id"],
        provider_id=up["id"],
        channel_id=channel,
        upstream_model="hidden-model",
        status="error",
        error_message="Incorrect API key: sk-hidden",
        tried_providers_json=msgspec.json.encode(tried).decode(),
    )
    await posted(house, event)

    answer = await user.get(f"/api/requests/{event.request_id}")
    told = granted(answer)

    assert [(None, 401, "invalid_api_key")] * 2 == [
        (attempt["upstream"], attempt["status"], attempt["code"]) for attempt in told["attempts"]
    ]
    bill = told["bill"]
    assert ("charge", None, None) == (bill["lines_of"], bill["behind"], told["answered_by"])
    assert CHARGE == sum(int(line["amount_nano_usd"]) for line in bill["lines"])
    assert ["3.300000003", "4.12500000375"] == [line["rate_usd"] for line in bill["lines"][:2]]
    assert (user.user["username"], str(-CHARGE)) == (told["username"], told["entry"]["delta_nano_usd"])
    behind = ("hidden", channel, up["id"], MULTIPLIER, "claude-sonnet", str(COST), usd_of_nano(COST))
    assert [] == [secret for secret in behind if secret in answer.text]
    assert "Incorrect API key: sk-hidden" == (await explained(root, event))["error_message"]


async def test_what_was_taken_from_a_sub_account_is_shown_with_its_row(house: RunningHouse, user: Client):
    key = granted(await user.post("/api/keys", json={"name": "laptop"}))["key"]["id"]
    granted(await user.put(f"/api/ledger/sub-accounts/{key}", json={"enabled": True}))
    event = asked(user.user["id"], changes={"api_key_id": key})
    await posted(house, event)

    told = await explained(user, event)

    assert ("laptop", "api_key_charge") == (told["key_name"], told["entry"]["kind"])
    assert ("sub_account", str(-CHARGE)) == (told["entry"]["account"], told["entry"]["delta_nano_usd"])


async def test_an_estimate_is_called_one(house: RunningHouse, root: Client):
    guessed = asked(root.user["id"], changes={"is_estimated": True})
    unpriced = asked(root.user["id"], sheet=UNPRICED, changes={"is_estimated": True, "charge_nano": 7})
    free = asked(root.user["id"], sheet=SUBSCRIPTION, changes={"is_estimated": True})
    await posted(house, guessed, unpriced, free)

    assert (await explained(root, guessed))["bill"]["is_estimated"] is True
    bill = (await explained(root, unpriced))["bill"]
    assert (True, "7", None) == (bill["is_estimated"], bill["charge_nano_usd"], bill["behind"]["cost_nano_usd"])
    assert [None] * 5 == [line["amount_nano_usd"] for line in bill["lines"]]
    told = await explained(root, free)
    assert (False, "0", []) == tuple(told["bill"][name] for name in ("is_estimated", "charge_nano_usd", "lines"))
    assert told["entry"] is None


@pytest.mark.parametrize(
    ("tried", "status", "outcomes", "has_answered"),
    [
        ("[]", "success", [], True),
        ("[]", "error", [], False),
        ('[{"channel": "c", "model": "m"}]', "success", ["answered"], True),
        ('[{"channel": "c", "model": "m"}]', "error", ["broke_off"], True),
        ('[{"channel": "c", "model": "m", "status": null, "code": null}]', "error", ["failed"], False),
        ('[{"channel": "c", "later": [1]}]', "success", ["answered"], True),
        ("{}", "error", None, False),
        ('[{"channel": 5}]', "success", None, True),
        ("[" * 5000, "success", None, True),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_came_of_each_attempt_follows_from_what_is_written(
    house: RunningHouse, root: Client, tried: str, status: Any, outcomes: Any, has_answered: bool
):
    event = asked(root.user["id"], status=status, channel_id="c", provider_id="p", tried_providers_json=tried)
    await posted(house, event)

    told = await explained(root, event)

    assert outcomes == (told["attempts"] and [attempt["outcome"] for attempt in told["attempts"]])
    place = {"channel_id": "c", "channel": None, "provider_id": "p", "provider": None, "model": None}
    assert (place if has_answered else None) == told["answered_by"]


@pytest.mark.parametrize(
    "breakdown", ["{}", "[]", "null", '{"v":1}', '{"v":1,"lines":[{}]}', "[" * 5000 + "]" * 5000]
)
async def test_a_price_that_cannot_be_read_leaves_the_rest_readable(
    house: RunningHouse, user: Client, root: Client, breakdown: str
):
    event = asked(user.user["id"])
    async with house.house.database.write() as tx:
        await log_requests(tx, [msgspec.structs.replace(event, breakdown=msgspec.Raw(breakdown.encode()))])

    for client in (user, root):
        bill = (await explained(client, event))["bill"]
        assert (None, str(CHARGE), None) == (bill["lines"], bill["charge_nano_usd"], bill["is_estimated"])


async def test_whom_and_what_a_row_names_may_be_gone(house: RunningHouse, root: Client):
    user = await house.make_user(root)
    key = granted(await user.post("/api/keys", json={"name": "laptop"}))["key"]["id"]
    up = await made_provider(root, "up", "a")
    channel = up["channels"][0]["id"]
    event = asked(user.user["id"], provider_id=up["id"], channel_id=channel, changes={"api_key_id": key})
    await posted(house, event)
    granted(await root.delete(f"/api/users/{user.user['id']}"))
    granted(await root.delete(f"/api/providers/{up['id']}"))

    told = await explained(root, event)

    assert (None, None, user.user["id"]) == (told["username"], told["key_name"], told["request"]["user_id"])
    gone = {"channel_id": channel, "channel": None, "provider_id": up["id"], "provider": None, "model": None}
    assert gone == told["answered_by"]


async def test_names_are_found_behind_the_first_page_of_providers(house: RunningHouse, root: Client):
    for number in range(201):
        await made_provider(root, f"p-{number:03}", "only")
    last = granted(await root.get("/api/providers?limit=1&name=p-200"))["items"][0]
    event = asked(root.user["id"], provider_id=last["id"], channel_id=last["channels"][0]["id"])
    await posted(house, event)

    answered_by = (await explained(root, event))["answered_by"]

    assert ("p-200", "only") == (answered_by["provider"], answered_by["channel"])


def billed(usage: Usage, sheet: PriceSheet, factor: Multiplier, charge: int | None, *, sees_behind: bool) -> Bill:
    unknown: dict[str, Any] = {field.name: None for field in dataclasses.fields(LoggedRequest)}
    record = RequestRecord(
        request=LoggedRequest(**unknown | {"charge_nano_usd": charge}),
        provider_id=None,
        channel_id=None,
        upstream_model=None,
        multiplier=str(factor),
        error_message=None,
        tried_json="[]",
        breakdown_json=Breakdown(cost_of(usage, sheet), AT_MS).encoded().decode(),
        agent_record_id=None,
        decisions_json=None,
    )
    return bill_of(record, None, sees_behind=sees_behind)


few = st.integers(0, 10**7)


@given(few, few, few, few, st.booleans(), st.integers(0, 10**12))
@example(1, 1, 1, 1, True, 333_333_333)
def test_the_lines_that_a_user_sees_add_up_to_the_charge_and_those_of_the_house_to_the_cost(
    read: int, written: int, stored: int, cached: int, us_only: bool, billionths: int
):
    usage = Usage(read, written, cache_write_5m_tokens=stored, cache_read_tokens=cached, us_only=us_only)
    factor, cost = Multiplier(billionths), cost_of(usage, OPUS).total_nano
    assert cost is not None
    charge = charge_of(cost, factor)

    theirs = billed(usage, OPUS, factor, charge, sees_behind=False).lines or []
    ours = billed(usage, OPUS, factor, charge, sees_behind=True).lines or []

    assert (charge, cost) == tuple(sum(line.amount_nano_usd or 0 for line in lines) for lines in (theirs, ours))
    assert [line.quantity for line in theirs] == [line.quantity for line in ours]
    for line in itertools.chain(theirs, ours):
        assert line.amount_nano_usd is not None
        assert line.amount_usd is not None
        assert line.amount_nano_usd == nano_of_usd(line.amount_usd) >= 0


def test_a_charge_that_does_not_follow_from_the_cost_is_not_broken_down_for_users():
    factor = Multiplier.of_text("1.5")
    for charge in (COST, COST * 3 // 2 + 1, None):
        lines = billed(USAGE, SONNET, factor, charge, sees_behind=False).lines or []
        assert {(None, None, None)} == {(line.rate_usd, line.amount_nano_usd, line.amount_usd) for line in lines}


def test_moments_are_what_they_are_called():
    assert AT_MS == dt.datetime.fromisoformat(UTC_AT).timestamp() * 1000
