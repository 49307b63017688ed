"""API keys: shown once, bound to their owner, and good for what they say and no more."""

import datetime as dt
import hashlib
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update
from support.answers import granted, refusal, together
from support.house import Client, RunningHouse

from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.control.identity.model import KEYS_PER_USER_MOST
from monoize.control.identity.tables import api_keys

NOWHERE = "01a1fc11-0000-7000-8000-000000000000"


async def made(client: Client, **fields: Any) -> dict[str, Any]:
    return granted(await client.post("/api/keys", json={"name": "laptop", **fields}))


async def test_a_key_is_shown_at_its_birth_and_never_again(user: Client):
    created = await made(user)
    path = f"/api/keys/{created['key']['id']}"

    assert created["secret"].startswith(created["key"]["key_prefix"])
    assert ("sk-", 12, 67) == (created["secret"][:3], len(created["key"]["key_prefix"]), len(created["secret"]))
    for answer in (
        await user.get("/api/keys"),
        await user.get(path),
        await user.patch(path, json={"name": "desktop"}),
    ):
        assert created["key"]["key_prefix"] in answer.text
        assert created["secret"][:13] not in answer.text


async def test_only_the_sha_256_of_a_key_is_stored(house: RunningHouse, user: Client):
    created = await made(user)
    async with house.house.database.read() as tx:
        row = (await tx.execute(select(api_keys))).one()

    assert hashlib.sha256(created["secret"].encode()).hexdigest() == row.key_hash
    assert not [value for value in row if created["secret"] in str(value)]
    assert (401, "invalid_credential") == refusal(await house.bearing(row.key_hash).get("/api/me"))
    assert (401, "invalid_credential") == refusal(await house.bearing(f"sk-{row.key_hash}").get("/api/me"))


OF_A_USERS_KEY = sorted(
    ["approvals.propose", "approvals.read", "notes.read", "notes.write", "self.read", "telemetry.write"]
)


async def test_a_key_tells_whose_it_is_in_either_header(house: RunningHouse, user: Client, visitor: Client):
    created = await made(user)

    as_bearer = granted(await house.bearing(created["secret"]).get("/api/me"))
    as_header = granted(await visitor.get("/api/me", headers={"x-api-key": created["secret"]}))
    assert as_bearer == as_header
    assert ("api_key", created["key"]["key_prefix"], "alice", OF_A_USERS_KEY) == (
        as_bearer["kind"],
        as_bearer["name"],
        as_bearer["user"]["username"],
        as_bearer["permissions"],
    )


async def test_a_disabled_expired_or_deleted_key_opens_nothing_at_once(house: RunningHouse, user: Client):
    disabled, deleted, expired = [await made(user) for _ in range(3)]
    clients = [house.bearing(created["secret"]) for created in (disabled, deleted, expired)]
    for client in clients:
        granted(await client.get("/api/me"))

    granted(await user.patch(f"/api/keys/{disabled['key']['id']}", json={"enabled": False}))
    granted(await user.delete(f"/api/keys/{deleted['key']['id']}"))
    async with house.house.database.write() as tx:
        late = update(api_keys).where(api_keys.c.id == expired["key"]["id"])
        await tx.execute(late.values(expires_at=utc_now() - dt.timedelta(seconds=1)))
    granted(await user.patch(f"/api/keys/{expired['key']['id']}", json={"name": "late"}))

    for client in clients:
        assert (401, "invalid_credential") == refusal(await client.get("/api/me"))
    granted(await user.patch(f"/api/keys/{disabled['key']['id']}", json={"enabled": True}))
    granted(await clients[0].get("/api/me"))


@pytest.mark.parametrize(
    "expires_at",
    [
        "2020-01-01T00:00:00Z",
        "2099-01-01T00:00:00",
        "2099-01-01",
        "tomorrow",
        4_070_908_800,
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "2099-13-01T00:00:00Z",
    ],
)
async def test_an_expiry_is_a_moment_with_its_offset_that_is_still_to_come(user: Client, expires_at: Any):
    body = {"name": "laptop", "expires_at": expires_at}

    assert (422, "invalid_request") == refusal(await user.post("/api/keys", json=body))


async def test_an_expiry_is_the_same_moment_whatever_its_offset(user: Client):
    created = await made(user, expires_at="2099-01-01T02:30:00.123456+02:30")

    moment = dt.datetime(2099, 1, 1, microsecond=123_456, tzinfo=dt.UTC)
    assert moment == dt.datetime.fromisoformat(created["key"]["expires_at"])


@pytest.mark.parametrize(
    ("whitelist", "ip", "admitted"),
    [
        ([], "203.0.113.9", True),
        (["203.0.113.9"], "203.0.113.9", True),
        (["203.0.113.9"], "203.0.113.10", False),
        (["203.0.113.0/24"], "203.0.113.255", True),
        (["203.0.113.0/24"], "203.0.114.0", False),
        (["203.0.113.77/24"], "203.0.113.1", True),
        (["10.0.0.0/8", "203.0.113.9"], "203.0.113.9", True),
        (["0.0.0.0/0"], "203.0.113.9", True),
        (["0.0.0.0/0"], "2001:db8::1", False),
        (["::/0"], "203.0.113.9", False),
        (["2001:db8::/32"], "2001:db8:1::1", True),
        (["2001:db8::/32"], "2001:db9::1", False),
        (["2001:DB8:0:0:0:0:0:1"], "2001:db8::1", True),
        (["203.0.113.9"], "::ffff:203.0.113.9", True),
        (["::ffff:203.0.113.9"], "203.0.113.9", True),
        (["::ffff:203.0.113.0/120"], "203.0.113.9", True),
        (["::ffff:203.0.113.0/120"], "203.0.114.9", False),
    ],
)
async def test_a_key_is_good_only_from_the_addresses_on_its_list(
    house: RunningHouse, root: Client, whitelist: list[str], ip: str, admitted: bool
):
    created = await made(root, ip_whitelist=whitelist)

    answer = await house.bearing(created["secret"], ip).get("/api/me")

    if admitted:
        granted(answer)
    else:
        assert (403, "ip_not_allowed") == refusal(answer)


async def test_the_address_is_asked_for_on_every_use_and_a_shorter_list_counts_at_once(
    house: RunningHouse, root: Client
):
    created = await made(root, ip_whitelist=["203.0.113.0/24"])
    path = f"/api/keys/{created['key']['id']}"
    inside, outside = (house.bearing(created["secret"], ip) for ip in ("203.0.113.9", "198.51.100.1"))

    granted(await inside.get("/api/me"))
    assert (403, "ip_not_allowed") == refusal(await outside.get("/api/me"))
    granted(await root.patch(path, json={"ip_whitelist": ["198.51.100.1"]}))
    assert (403, "ip_not_allowed") == refusal(await inside.get("/api/me"))
    granted(await outside.get("/api/me"))


async def test_behind_a_trusted_proxy_the_list_is_about_the_address_before_it(house: RunningHouse, root: Client):
    created = await made(root, ip_whitelist=["203.0.113.9"])
    forwarded = {"x-forwarded-for": "203.0.113.9"}

    granted(await house.bearing(created["secret"], "127.0.0.1").get("/api/me", headers=forwarded))
    claimed = await house.bearing(created["secret"], "198.51.100.1").get("/api/me", headers=forwarded)
    assert (403, "ip_not_allowed") == refusal(claimed)


@pytest.mark.parametrize(
    "entry", ["", "nonsense", "203.0.113", "203.0.113.0/33", "10.0.0.1-10.0.0.9", "fe80::1%eth0", "1.2.3.4/a", "*"]
)
async def test_a_list_of_addresses_takes_nothing_else(user: Client, entry: str):
    body = {"name": "laptop", "ip_whitelist": [entry]}

    assert (422, "invalid_request") == refusal(await user.post("/api/keys", json=body))


async def test_a_list_of_addresses_is_kept_in_one_spelling(user: Client):
    spelt = ["10.1.2.3/8", "2001:DB8:0::1/128", "203.0.113.9/32", " 192.0.2.0/24 ", "::ffff:10.0.0.0/104"]

    created = await made(user, ip_whitelist=spelt)

    expected = ["10.0.0.0/8", "2001:db8::1", "203.0.113.9", "192.0.2.0/24", "10.0.0.0/8"]
    assert expected == created["key"]["ip_whitelist"]


async def test_an_owner_with_groups_passes_on_only_those(house: RunningHouse, root: Client):
    owner = await house.make_user(root, "bob", allowed_groups=["team-a", "team-b"])
    created = await made(owner, allowed_groups=["Team-A"])
    path = f"/api/keys/{created['key']['id']}"

    assert ["team-a"] == created["key"]["allowed_groups"]
    for actor in (owner, root):
        beyond = await actor.post(
            "/api/keys", json={"name": "x", "user_id": owner.user["id"], "allowed_groups": ["c"]}
        )
        assert (422, "groups_not_allowed") == refusal(beyond)
        widened = await actor.patch(path, json={"allowed_groups": ["team-a", "c"]})
        assert (422, "groups_not_allowed") == refusal(widened)
    assert ["team-b"] == granted(await owner.patch(path, json={"allowed_groups": ["team-b"]}))["allowed_groups"]


async def test_an_owner_without_groups_is_not_restricted(user: Client):
    assert ["anything"] == (await made(user, allowed_groups=["anything"]))["key"]["allowed_groups"]


async def test_somebody_elses_key_is_not_there(house: RunningHouse, root: Client, user: Client):
    foreign = (await made(root))["key"]
    path = f"/api/keys/{foreign['id']}"

    for attempt in (user.get(path), user.patch(path, json={"enabled": False}), user.delete(path)):
        assert (404, "key_not_found") == refusal(await attempt)
    missing = await user.get(f"/api/keys/{NOWHERE}")
    there = await user.get(path)
    assert {**missing.json(), "request_id": ""} == {**there.json(), "request_id": ""}
    assert foreign == granted(await root.get(path))


async def test_people_list_and_make_keys_of_others_only_with_the_permission_for_it(
    root: Client, admin: Client, user: Client
):
    own, foreign = await made(user), await made(root)
    of_root = f"/api/keys?user_id={root.user['id']}"

    assert [own["key"]] == granted(await user.get("/api/keys"))["items"]
    assert (403, "not_permitted") == refusal(await user.get(of_root))
    assert (403, "not_permitted") == refusal(await user.get("/api/keys?everybody=true"))
    both = f"/api/keys?everybody=true&user_id={user.user['id']}"
    assert (403, "not_permitted") == refusal(await user.get(both))
    for_root = await user.post("/api/keys", json={"name": "x", "user_id": root.user["id"]})
    assert (403, "not_permitted") == refusal(for_root)
    assert [foreign["key"]] == granted(await admin.get(of_root))["items"]
    assert [foreign["key"], own["key"]] == granted(await admin.get("/api/keys?everybody=true"))["items"]
    assert user.user["id"] == (await made(admin, user_id=user.user["id"]))["key"]["user_id"]


async def test_a_token_has_no_keys_of_its_own(house: RunningHouse, root: Client, user: Client):
    token = await house.make_token(root, "tool", role="admin")

    assert (403, "not_permitted") == refusal(await token.post("/api/keys", json={"name": "x"}))
    assert (403, "not_permitted") == refusal(await token.get("/api/keys"))
    assert user.user["id"] == (await made(token, user_id=user.user["id"]))["key"]["user_id"]


async def test_a_key_for_nobody_cannot_be_made(root: Client):
    nobody = await root.post("/api/keys", json={"name": "x", "user_id": NOWHERE})

    assert (404, "user_not_found") == refusal(nobody)


async def test_a_user_has_at_most_as_many_keys_as_one_may_have_even_when_asking_at_once_on_every_engine(
    house_everywhere: RunningHouse,
):
    root = await house_everywhere.make_root()
    filled = [
        {"id": new_id(), "user_id": root.user["id"], "name": "old", "key_prefix": "sk-", "key_hash": new_id()}
        for _ in range(KEYS_PER_USER_MOST - 3)
    ]
    async with house_everywhere.house.database.write() as tx:
        await tx.execute(insert(api_keys), filled)

    answers = await together(*[root.post("/api/keys", json={"name": "new"}) for _ in range(12)])

    assert 3 == sum(answer.is_success for answer in answers)
    assert {(409, "max_api_keys_reached")} == {refusal(answer) for answer in answers if answer.is_error}
    async with house_everywhere.house.database.read() as tx:
        assert KEYS_PER_USER_MOST == await tx.scalar(select(func.count()).select_from(api_keys))
    other = await house_everywhere.make_user(root)
    await made(other)


async def test_a_multiplier_is_kept_to_the_last_digit(user: Client):
    for multiplier in ("1", "0.000000001", "999999999.999999999", "1.50", "0.1", "1.000000001", "123456789"):
        assert multiplier == (await made(user, max_multiplier=multiplier))["key"]["max_multiplier"]


async def test_a_multiplier_is_a_positive_decimal_as_text_and_nothing_else(user: Client):
    nothing = ("0", "0.0", "0.000000000", "-1", "", "NaN", "Infinity")
    badly_written = ("+1", "1e3", "1.", ".5", "1,5", " 1", "1_0", "٣", "१.५", "1.0000000001", "1234567890")
    no_text = (1.5, 1, True, ["1"])

    for multiplier in (*nothing, *badly_written, *no_text):
        body = {"name": "laptop", "max_multiplier": multiplier}
        assert (422, "invalid_request") == refusal(await user.post("/api/keys", json=body)), multiplier


async def test_budgets_are_kept_to_the_last_nano_dollar_on_every_engine(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()
    for amount in ("0", "1", "9007199254740993", "9" * 19, "9" * 30):
        created = await made(root, daily_budget_nano_usd=amount, monthly_budget_nano_usd=amount)

        read = granted(await root.get(f"/api/keys/{created['key']['id']}"))
        assert (amount, amount) == (read["daily_budget_nano_usd"], read["monthly_budget_nano_usd"])


async def test_a_budget_is_a_whole_number_as_text_and_nothing_else(user: Client):
    for amount in ("-1", "+1", "1.0", "1e9", "", " 1", "1\n", "1_000", "9" * 31, "٣", 5, 5.0, True):
        body = {"name": "laptop", "daily_budget_nano_usd": amount}
        assert (422, "invalid_request") == refusal(await user.post("/api/keys", json=body)), amount


async def test_a_limit_is_a_positive_whole_number(user: Client):
    for field in ("requests_per_minute", "tokens_per_minute", "max_concurrent", "cache_ttl_s"):
        for limit in (0, -1, 2**31, 1.5, "1", True):
            refused = await user.post("/api/keys", json={"name": "laptop", field: limit})
            assert (422, "invalid_request") == refusal(refused), (field, limit)


async def test_a_limit_that_is_cleared_is_gone_and_the_rest_stays(user: Client):
    limits: dict[str, Any] = {
        "expires_at": "2099-01-01T00:00:00Z",
        "max_multiplier": "1.5",
        "requests_per_minute": 2**31 - 1,
        "tokens_per_minute": 1,
        "max_concurrent": 1,
        "daily_budget_nano_usd": "1",
        "monthly_budget_nano_usd": "1",
        "cache_ttl_s": 604_800,
    }
    created = (await made(user, model_limits=["gpt-*"], model_limits_enabled=True, **limits))["key"]
    path = f"/api/keys/{created['id']}"
    assert limits == {name: created[name] for name in limits}

    for name in limits:
        assert granted(await user.patch(path, json={name: None}))[name] is None
    after = granted(await user.get(path))
    unchanged = {**created, **dict.fromkeys(limits), "updated_at": after["updated_at"]}
    assert unchanged == after
    for name in ("name", "enabled", "model_limits", "model_limits_enabled", "ip_whitelist", "allowed_groups"):
        assert 422 == (await user.patch(path, json={name: None})).status_code


async def test_when_a_key_was_last_used_is_written_in_time(house: RunningHouse, user: Client):
    created = await made(user)
    path, before = f"/api/keys/{created['key']['id']}", utc_now()
    granted(await house.bearing(created["secret"]).get("/api/me"))

    await house.identity.authenticator.flush_last_used()

    used = dt.datetime.fromisoformat(granted(await user.get(path))["last_used_at"])
    assert before <= used <= utc_now()


@pytest.mark.parametrize(
    "wrong",
    [{"cache_ttl_s": 604_801}, {"request_capture_mode": "everything"}, {"request_capture_mode": None}],
    ids=["kept too long", "unknown mode", "no mode"],
)
async def test_how_a_key_is_watched_is_one_of_what_there_is(user: Client, wrong: dict[str, Any]):
    assert 422 == (await user.post("/api/keys", json={"name": "laptop", **wrong})).status_code


async def test_how_a_key_is_watched_and_what_is_answered_once_more_is_off_until_it_is_wished(user: Client):
    created = (await made(user))["key"]
    assert ("off", None) == (created["request_capture_mode"], created["cache_ttl_s"])

    wishes = {"request_capture_mode": "capture-all", "cache_ttl_s": 60}
    changed = granted(await user.patch(f"/api/keys/{created['id']}", json=wishes))
    assert wishes == {name: changed[name] for name in wishes}
