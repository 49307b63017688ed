"""One credential over many hosts: what a host is told, what is taken from it, and that nobody's login is lost."""

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import select, update
from support.answers import granted
from support.fleet import enrol, refused, told
from support.house import Client, RunningHouse
from support.logins import Sharer, ago, digest, login, normal
from support.rows import every_row, last_seq, logs_after

from monoize.base.clock import utc_now
from monoize.control.fleet.tables import (
    auth_entries,
    auth_payloads,
    fleet_alerts,
    host_auth_digests,
    host_auth_states,
    hosts,
)
from monoize.control.identity.tables import versions

PATHS = ("/auth", "/api/fleet/host/auth")


async def sharer(root: Client, house: RunningHouse, name: str = "a", **terms: Any) -> Sharer:
    return Sharer(await enrol(root, house, f"{name}.example.com", **terms))


@pytest.fixture
async def one(house: RunningHouse, root: Client) -> Sharer:
    return await sharer(root, house, "one")


@pytest.fixture
async def two(house: RunningHouse, root: Client) -> Sharer:
    return await sharer(root, house, "two")


async def rows(house: RunningHouse, table: Any) -> list[Any]:
    async with house.house.database.read() as tx:
        return list((await tx.execute(select(table))).all())


async def test_a_login_travels_from_one_host_to_another_on_every_engine(house_everywhere: RunningHouse):
    house = house_everywhere
    root = await house.make_root()
    a, b = await sharer(root, house, "a"), await sharer(root, house, "b")
    a.file = login("a")

    assert ("missing", "store") == ((data := await a.asks())["status"], data["action"])
    assert data["canonical_digest"] is None
    assert "updated" == (await a.hands_in())["status"]
    assert normal(login("a", last_refresh=a.file["last_refresh"])).keys() == a.file.keys()
    assert "valid" == await a.syncs()
    assert "outdated" == await b.syncs()
    assert a.file == b.file
    assert "valid" == await b.syncs()

    b.file = login("b", last_refresh=ago(minutes=5))
    assert "updated" == await b.syncs()
    assert "outdated" == await a.syncs()
    assert a.file == b.file

    (entry_a, entry_b) = await rows(house, auth_entries)
    assert {"api.openai.com"} == {entry_a.target, entry_b.target}
    assert {digest(a.file)} == {state.seen_digest for state in await rows(house, host_auth_states)}
    assert {digest(a.file)} == {host.auth_digest for host in await rows(house, hosts)}


async def test_whoever_has_no_login_is_not_served_one_that_is_none(one: Sharer, house: RunningHouse):
    assert "missing" == (await one.asks())["status"]

    assert (422, "validation_failed") == refused(answer := await one.store())
    assert "/body/auth/auths" == answer.json()["error"]["details"]["errors"][0]["pointer"]
    assert [] == await rows(house, auth_payloads)


async def test_whoever_refreshed_earlier_and_comes_later_gets_the_newer_login(one: Sharer, two: Sharer):
    one.file, two.file = login("one", last_refresh=ago(minutes=1)), login("two", last_refresh=ago(minutes=2))
    newest = one.file
    await one.syncs()

    assert "outdated" == await two.syncs()
    assert normal(newest) == two.file


async def test_the_same_date_without_entries_is_the_same_document(one: Sharer):
    one.file = login("one")
    as_the_tool_wrote_it = one.file
    await one.syncs()
    one.file = dict(reversed(list(as_the_tool_wrote_it.items())))

    assert "valid" == (await one.asks())["status"]
    assert "unchanged" == (await one.hands_in())["status"]


async def test_the_same_date_with_other_content_counts_only_from_where_it_was_made(one: Sharer, two: Sharer):
    moment = ago(minutes=1)
    one.file = login("one", last_refresh=moment)
    await one.syncs()
    two.file = login("two", last_refresh=moment)

    assert "upload_required" == (data := await two.asks())["status"]
    assert "conflict" == (await two.hands_in())["status"]
    assert "conflict" == (await two.hands_in(base_digest="0" * 64))["status"]
    assert "updated" == (await two.hands_in(base_digest=data["canonical_digest"]))["status"]


async def test_a_newer_login_that_was_made_from_an_old_one_is_a_conflict(one: Sharer, two: Sharer):
    one.file = login("one", last_refresh=ago(hours=3))
    await one.syncs()
    old = digest(one.file)
    one.file = login("one again", last_refresh=ago(hours=2))
    await one.syncs()
    two.file = login("two", last_refresh=ago(hours=1))

    assert "conflict" == (await two.hands_in(base_digest=old))["status"]
    assert "updated" == await two.syncs()


async def test_of_a_hundred_that_hand_in_at_once_exactly_one_wins(house: RunningHouse, root: Client):
    first = await sharer(root, house, "first")
    first.file = login("first", last_refresh=ago(hours=1))
    await first.syncs()
    base, moment = digest(first.file), ago(minutes=1)
    crowd = [await sharer(root, house, f"h{number}") for number in range(100)]
    for number, each in enumerate(crowd):
        each.file = login(f"h{number}", last_refresh=moment)

    answers = await asyncio.gather(*(each.store(base_digest=base) for each in crowd))

    said = [told(answer)["status"] for answer in answers]
    assert {"updated": 1, "conflict": 99} == {status: said.count(status) for status in set(said)}
    assert 2 == len(await rows(house, auth_payloads))
    winner = crowd[said.index("updated")]
    assert "outdated" == await first.syncs()
    assert normal(winner.file) == first.file


@pytest.mark.parametrize("round_", range(3))
async def test_of_two_that_hand_in_at_once_one_wins_on_every_engine(house_everywhere: RunningHouse, round_: int):
    root = await house_everywhere.make_root()
    a, b = await sharer(root, house_everywhere, "a"), await sharer(root, house_everywhere, "b")
    moment = ago(minutes=1)
    a.file, b.file = login("a", last_refresh=moment), login("b", last_refresh=moment)

    answers = await asyncio.gather(a.store(), b.store())

    assert ["conflict", "updated"] == sorted(told(answer)["status"] for answer in answers)


@pytest.mark.parametrize("path", PATHS)
async def test_both_addresses_say_the_same(one: Sharer, path: str):
    one.file = login("one")

    data = told(await one.host.calls().post(path, json={"command": "store", "auth": one.file}))

    assert "updated" == data["status"]
    assert "sha256/canonical-1" == data["digest_alg"]


async def test_a_host_is_told_everything_that_it_acts_on(one: Sharer, house: RunningHouse):
    one.file = login("one")
    await one.syncs()

    data = await one.asks(client_version="0.169.0", wrapper_version="1.2.3")

    assert {
        "status",
        "canonical_digest",
        "canonical_last_refresh",
        "digest_alg",
        "pool",
        "host",
        "api_calls",
        "token_usage_month",
        "versions",
        "quota_hard_fail",
        "quota_limit_percent",
        "quota_week_partition",
        "quota_verdict",
        "quota_reasons",
        "chatgpt_usage",
        "cdx_silent",
    } == data.keys()
    assert ("default", "codex", "shared") == (data["pool"]["name"], data["pool"]["tool"], data["pool"]["mode"])
    assert (3, 3) == (data["api_calls"], (await rows(house, hosts))[0].api_calls)
    row = (await rows(house, hosts))[0]
    assert ("0.169.0", "1.2.3") == (row.client_version, row.wrapper_version)


async def test_versions_may_also_stand_in_the_address(one: Sharer, house: RunningHouse):
    asked = {"digest": digest(one.file), "last_refresh": one.file["last_refresh"]}

    told(await one.host.calls().post("/auth?cdx_version=0.1.0&wrapper_version=2.0.0", json=asked))

    row = (await rows(house, hosts))[0]
    assert ("0.1.0", "2.0.0") == (row.client_version, row.wrapper_version)


@pytest.mark.parametrize("name", ["digest", "auth_digest", "auth_sha"])
async def test_the_digest_has_three_names_and_no_case(one: Sharer, name: str):
    one.file = login("one")
    await one.syncs()

    asked = {name: digest(one.file).upper(), "last_refresh": one.file["last_refresh"]}
    assert "valid" == told(await one.host.calls().post("/auth", json=asked))["status"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"digest": None}, "/body/digest"),
        ({"digest": "0" * 63}, "/body/digest"),
        ({"digest": "g" * 64}, "/body/digest"),
        ({"digest": 7}, "/body/digest"),
        ({"last_refresh": None}, "/body/last_refresh"),
        ({"last_refresh": "yesterday"}, "/body/last_refresh"),
        ({"last_refresh": "1999-12-31T23:59:59Z"}, "/body/last_refresh"),
        ({"last_refresh": "2999-01-01T00:00:00Z"}, "/body/last_refresh"),
        ({"last_refresh": 1763726400}, "/body/last_refresh"),
        ({"command": "destroy"}, "/body/command"),
        ({"digest_alg": "md5"}, "/body/digest_alg"),
        ({"client_version": "x" * 65}, "/body/client_version"),
        ({"tokens": {}}, "/body/tokens"),
        ({"command": "store"}, "/body/auth"),
        ({"command": "store", "auth": []}, "/body/auth"),
        ({"command": "store", "auth": "{}"}, "/body/auth"),
    ],
)
async def test_a_call_with_a_wrong_value_is_refused_and_changes_nothing(
    one: Sharer, house: RunningHouse, changes: dict[str, Any], pointer: str
):
    await one.asks()
    before = await every_row(house.house.database)

    answer = await one.retrieve(**changes)

    assert (422, "validation_failed") == refused(answer)
    assert pointer in {error["pointer"] for error in answer.json()["error"]["details"]["errors"]}
    assert before == await every_row(house.house.database)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"command": "store", "command": "retrieve"}',
        b'{"auth": NaN}',
        b'{"auth": {"a": "\\u0000"}}',
        b'{"auth": {"a": "\\ud800"}}',
        b'{"auth": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"auth": "\xff"}',
        b'{"auth": {"n": 1e999}}',
    ],
)
async def test_a_body_that_is_not_strictly_json_is_refused(one: Sharer, house: RunningHouse, body: bytes):
    before = await every_row(house.house.database)

    answer = await one.host.calls("127.0.0.1").post("/auth", content=body)

    assert (400, "malformed_body") == refused(answer)
    assert before == await every_row(house.house.database)


async def test_a_host_whose_clock_is_ahead_is_refused_and_told_why(one: Sharer):
    one.file = login("one", last_refresh=ago(minutes=-10))

    for answer in (await one.retrieve(), await one.store()):
        assert (422, "validation_failed") == refused(answer)
        assert "future" in answer.json()["error"]["details"]["errors"][0]["message"]
    one.file = login("one", last_refresh=ago(minutes=-4))
    assert "updated" == await one.syncs()


async def test_numbers_come_back_as_they_went_in(one: Sharer, two: Sharer):
    odd = "[1.10,1e3,-0,123456789012345678901234567890]"
    body = json.dumps({"command": "store", "auth": login("one", odd="ODD")}).replace('"ODD"', odd)

    stored = await one.host.calls().post("/auth", content=body)
    fetched = await two.retrieve()

    for answer in (stored, fetched):
        assert told(answer)["auth"]
        assert f'"odd":{odd}' in answer.text


async def test_an_unknown_installation_is_refused(one: Sharer):
    assert (403, "installation_mismatch") == refused(await one.retrieve(installation_id="another"))
    known = (await one.asks())["versions"]["installation_id"]
    assert "missing" == (await one.asks(installation_id=known))["status"]


async def test_every_read_of_a_credential_is_audited_and_a_look_that_reads_nothing_is_not(
    one: Sharer, two: Sharer, house: RunningHouse
):
    one.file = login("one")
    await one.syncs()
    before = await last_seq(house.house.database)

    await two.syncs()
    await two.syncs()
    await one.syncs()

    bound, read = await logs_after(house.house.database, before)
    assert ("host.bind_ip", "credential.read") == (bound.action, read.action)
    assert ("host:two.example.com", two.host.id) == (read.actor, read.host_id)
    assert digest(one.file) == json.loads(read.details)["digest"]


async def test_no_secret_is_stored_in_the_clear_or_audited(one: Sharer, house: RunningHouse):
    one.file = login("one", nested={"secret": "another-secret-0123"})
    one.file["auths"] = {"b": {"token": "sk-of-another-target-01234", "beside": {"pin": "a-secret-beside-0123"}}}
    secrets = [
        *one.file["tokens"].values(),
        "another-secret-0123",
        "sk-of-another-target-01234",
        "a-secret-beside-0123",
    ]
    await one.syncs()

    everything = repr(await every_row(house.house.database))

    assert [] == [secret for secret in secrets if secret != "account-1" and secret in everything]


async def test_a_host_that_is_told_that_nothing_changed_is_written_down_later(one: Sharer, house: RunningHouse):
    one.file = login("one")
    await one.syncs()
    await one.syncs()
    before = await every_row(house.house.database)

    await one.syncs()

    assert before == await every_row(house.house.database)
    await house.app.state.fleet.sightings.write_down()
    after = await every_row(house.house.database)
    assert {"hosts"} == {name for name in after if after[name] != before[name]}


@pytest.mark.parametrize(
    "tamper",
    [
        {"sha256": "0" * 64},
        {"body": None},
        {"body": "v1.00000000.AAAA"},
        {"last_refresh": utc_now()},
    ],
    ids=lambda tamper: next(iter(tamper)),
)
async def test_a_tampered_credential_is_refused_to_all_and_never_taken_for_absent(
    one: Sharer, two: Sharer, house: RunningHouse, root: Client, tamper: dict[str, Any]
):
    one.file = login("one", last_refresh=ago(hours=2))
    await one.syncs()
    async with house.house.database.write() as tx:
        await tx.execute(update(auth_payloads).values(**tamper))
    two.file = login("two", last_refresh=ago(minutes=1))

    for answer in (await one.retrieve(), await two.retrieve(), await two.store()):
        assert (503, "canonical_invalid") == refused(answer)
    assert 1 == len(await rows(house, auth_payloads))
    (alert,) = [row for row in await rows(house, fleet_alerts) if row.kind == "canonical_invalid"]
    assert ("default", None) == (alert.subject, alert.resolved_at)

    repaired = login("three", last_refresh=ago(hours=3))
    path = "/api/fleet/credentials/default"
    assert "canonical_invalid" == granted(await root.get(path))["problem"]
    assert (503, "canonical_invalid") == (
        (a := await root.post(path, json={"auth": repaired})).status_code,
        a.json()["code"],
    )
    granted(await root.post(path, json={"auth": repaired, "force": True}))
    one.file = login("one", last_refresh=ago(hours=9))
    assert "outdated" == await one.syncs()
    (alert,) = [row for row in await rows(house, fleet_alerts) if row.kind == "canonical_invalid"]
    assert alert.resolved_at is not None


async def test_a_body_moved_from_another_row_does_not_open(one: Sharer, house: RunningHouse):
    one.file = login("one", last_refresh=ago(hours=2))
    await one.syncs()
    one.file = login("again", last_refresh=ago(hours=1))
    await one.syncs()
    first, second = await rows(house, auth_payloads)
    async with house.house.database.write() as tx:
        await tx.execute(update(auth_payloads).where(auth_payloads.c.id == second.id).values(body=first.body))

    assert (503, "canonical_invalid") == refused(await one.retrieve())


@pytest.mark.parametrize("pointer", ["999999", "nonsense"])
async def test_a_pointer_at_nothing_is_no_absent_credential(one: Sharer, house: RunningHouse, pointer: str):
    one.file = login("one")
    await one.syncs()
    async with house.house.database.write() as tx:
        await tx.execute(update(versions).where(versions.c.name == "canonical_payload_id").values(version=pointer))

    assert (503, "canonical_invalid") == refused(await one.store())


async def test_of_the_digests_of_a_host_the_latest_three_are_kept(one: Sharer, house: RunningHouse):
    shown = []
    for number in range(5):
        one.file = login(f"n{number}", last_refresh=ago(minutes=10 - number))
        shown.append(digest(one.file))
        await one.syncs()

    kept = [row.digest for row in await rows(house, host_auth_digests)]
    assert sorted(shown[-3:]) == sorted(kept)


async def test_history_is_as_long_as_the_pool_says(one: Sharer, house: RunningHouse, root: Client):
    granted(await root.patch("/api/fleet/pools/default", json={"payloads_kept": 3}))
    for number in range(6):
        one.file = login(f"n{number}", last_refresh=ago(minutes=10 - number))
        await one.syncs()

    kept = await rows(house, auth_payloads)
    assert 3 == len(kept)
    assert digest(one.file) == kept[-1].sha256
    assert 3 == len(await rows(house, auth_entries))
    assert "valid" == await one.syncs()


async def test_pools_share_nothing(house: RunningHouse, root: Client):
    granted(await root.post("/api/fleet/pools", json={"name": "other"}))
    a, b = await sharer(root, house, "a"), await sharer(root, house, "b", pool="other")
    a.file = login("a")
    await a.syncs()

    assert "missing" == (await b.asks())["status"]
    b.file = login("b", last_refresh=ago(days=1))
    assert "updated" == await b.syncs()
    assert "valid" == await a.syncs()


async def test_a_host_takes_its_leave(one: Sharer, house: RunningHouse):
    await one.asks()
    elsewhere = one.host.calls("203.0.113.77")

    assert (403, "ip_denied") == refused(await elsewhere.delete("/auth"))
    assert {"deleted": one.host.fqdn} == told(await elsewhere.delete("/auth?force=1"))
    assert [] == await rows(house, hosts)
    assert (401, "key_invalid") == refused(await one.retrieve())


async def test_a_suspended_host_hears_nothing_of_a_new_login(one: Sharer, two: Sharer, root: Client):
    one.file = login("one")
    await one.syncs()
    granted(await root.post(f"{two.host.path}/suspend"))

    assert (403, "host_disabled") == refused(await two.retrieve())
    assert (403, "host_disabled") == refused(await two.store(auth=login("two")))
