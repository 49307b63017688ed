"""The life of a host: enrolled, enrolled again, moved, rotated, deleted, with a key that is shown once."""

import asyncio
import datetime as dt
import hashlib
import subprocess
from typing import Any

import pytest
from sqlalchemy import insert, select
from support.answers import granted, refusal, together
from support.fleet import ELSEWHERE_IP, enrol, refused, report_user, stored, told
from support.house import Client, RunningHouse, open_house, test_settings
from support.rows import last_seq, logs_after

from monoize.base.clock import utc_now
from monoize.control.fleet.model.pools import DEFAULT_POOL_ID
from monoize.control.fleet.tables import auth_payloads, host_auth_digests, host_auth_states, hosts
from monoize.infra.audit_log import logs

NOWHERE = "01a1fc11-0000-7000-8000-000000000000"


def instant(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


async def test_an_enrolled_host_has_a_key_of_64_hex_digits_that_is_shown_once(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()
    host = await enrol(root, house_everywhere, "Build-1.Example.COM")

    assert 64 == len(host.secret) and set(host.secret) <= set("0123456789abcdef")
    shown = await root.get(host.path)
    assert host.secret not in shown.text
    assert ("build-1.example.com", "active", True, False, False, DEFAULT_POOL_ID, None, 0) == tuple(
        granted(shown)[name]
        for name in ("fqdn", "status", "secure", "vip", "roaming", "pool_id", "ip", "api_calls")
    )
    assert granted(shown) == granted(await root.get(f"/api/fleet/hosts/{host.id}"))
    assert granted(shown) == granted(await root.get("/api/fleet/hosts/BUILD-1.example.com"))


async def test_the_installer_is_one_quoted_line_that_is_good_for_half_an_hour(root: Client, house: RunningHouse):
    host = await enrol(root, house)

    assert f"http://monoize.test/install/{host.install_token}" == host.installer["url"]
    assert ("mzi_", 68) == (host.install_token[:4], len(host.install_token))
    assert f"curl -sS {host.installer['url']}" in host.installer["command"]
    left = instant(host.installer["expires_at"]) - utc_now()
    assert dt.timedelta(minutes=29) < left <= dt.timedelta(minutes=30)
    unreachable = subprocess.run(["sh", "-c", host.installer["command"]], capture_output=True, timeout=60)
    assert 0 != unreachable.returncode, "a server that cannot be reached must not look like an installation"


async def test_an_address_that_a_shell_could_misread_makes_no_installer_and_no_host(house: RunningHouse):
    root = await house.make_root()
    for name in ("evil$(id).example.com", "evil`id`.example.com", "evil'.example.com", "a b"):
        answer = await root.post("/api/fleet/hosts", json={"fqdn": "build-1"}, headers={"host": name})
        assert (422, "base_url_unusable") == refusal(answer), name

    assert [] == granted(await root.get("/api/fleet/hosts"))["items"]


async def test_the_configured_address_comes_before_that_of_the_request(sqlite: str, tmp_path: Any):
    async with open_house(test_settings(sqlite, tmp_path, public_url="https://ai.example.com/hub/")) as house:
        host = await enrol(await house.make_root(), house)

    assert host.installer["url"].startswith("https://ai.example.com/hub/install/")


async def test_enrolled_again_a_host_has_another_key_no_address_and_otherwise_what_it_had(
    house_everywhere: RunningHouse,
):
    root = await house_everywhere.make_root()
    first = await enrol(root, house_everywhere, secure=False, vip=True, tags=["ci"], roaming=True)
    told(await report_user(first.calls()))
    granted(await root.patch(first.path, json={"roaming": False}))

    second = await enrol(root, house_everywhere, tags=["gpu"])

    assert (first.id, False) == (second.id, first.secret == second.secret)
    shown = granted(await root.get(second.path))
    assert (None, False, True, ["gpu"], 1) == tuple(
        shown[name] for name in ("ip", "secure", "vip", "tags", "api_calls")
    )
    assert (401, "key_invalid") == refused(await report_user(first.calls()))
    told(await report_user(second.calls(ELSEWHERE_IP)))


async def test_enrolling_again_lets_no_suspended_host_back_in(house: RunningHouse, root: Client):
    host = await enrol(root, house)
    granted(await root.post(f"{host.path}/suspend"))

    again = await enrol(root, house)

    assert (403, "host_disabled") == refused(await report_user(again.calls()))


async def test_of_many_who_enrol_one_name_at_once_the_last_key_is_the_one_that_works(
    house_everywhere: RunningHouse,
):
    root = await house_everywhere.make_root()
    body = {"fqdn": "build-1"}

    answers = await together(*(root.post("/api/fleet/hosts", json=body) for _ in range(6)))

    keys = [answer.json()["secret"] for answer in answers if answer.is_success]
    assert {"host_exists"} >= {refusal(answer)[1] for answer in answers if answer.is_error}
    async with house_everywhere.house.database.read() as tx:
        [digest] = (await tx.execute(select(hosts.c.api_key))).scalars()
    assert 1 == [hashlib.sha256(key.encode()).hexdigest() for key in keys].count(digest)


async def test_a_rotated_key_takes_the_place_of_the_one_before_and_keeps_the_address(
    house: RunningHouse, root: Client
):
    host = await enrol(root, house)
    told(await report_user(host.calls()))

    rotated = granted(await root.post(f"{host.path}/rotate"))

    assert (401, "key_invalid") == refused(await report_user(host.calls()))
    told(await report_user(house.bearing(rotated["secret"], ip=rotated["host"]["ip"])))
    assert (403, "ip_denied") == refused(await report_user(house.bearing(rotated["secret"], ip=ELSEWHERE_IP)))
    assert host.installer["url"] != rotated["installer"]["url"]


async def test_an_enrolment_that_is_repeated_with_its_idempotency_key_is_made_once(
    root: Client, house: RunningHouse
):
    headers = {"idempotency-key": "enrol-1"}

    first, second = [
        granted(await root.post("/api/fleet/hosts", json={"fqdn": "b"}, headers=headers)) for _ in range(2)
    ]

    assert first == second
    told(await report_user(house.bearing(first["secret"])))


@pytest.mark.parametrize(
    "fqdn",
    ["", "-a", "a-", "a..b", ".a", "a.", "12345", "a b", "a/b", "ä.example", "a'b", "$(id)", "a" * 64, "a." * 130],
)
async def test_what_is_no_hosts_name_is_refused(root: Client, fqdn: str):
    assert (422, "invalid_request") == refusal(await root.post("/api/fleet/hosts", json={"fqdn": fqdn}))


async def test_a_deleted_host_leaves_nothing_but_the_audit_log(house_everywhere: RunningHouse):
    house = house_everywhere
    root = await house.make_root()
    host = await enrol(root, house)
    told(await report_user(host.calls()))

    assert 204 == (await root.delete(host.path)).status_code

    assert (404, "host_not_found") == refusal(await root.get(host.path))
    async with house.house.database.read() as tx:
        rows = (await tx.execute(select(logs).where(logs.c.target_type == "host"))).all()
    assert {str(host.id)} == {row.target_id for row in rows} and {None} == {row.host_id for row in rows}
    assert (await house.house.audit_log.verify()).problem is None


async def test_what_is_done_to_nobody_finds_nobody(root: Client):
    for named in ("nowhere.example.com", "999999", NOWHERE):
        for verb in ("suspend", "resume", "unbind", "clear", "rotate"):
            assert (404, "host_not_found") == refusal(await root.post(f"/api/fleet/hosts/{named}/{verb}"))
        assert (404, "host_not_found") == refusal(await root.patch(f"/api/fleet/hosts/{named}", json={"vip": True}))


async def test_only_what_is_sent_changes_and_lists_pins_and_owners_can_be_taken_away(
    house: RunningHouse, root: Client
):
    host = await enrol(root, house, tags=["ci"], allowed_targets=["api.openai.com"], user_id=root.user["id"])
    granted(
        await root.patch(host.path, json={"client_version_override": "rust-v0.61.0", "model_override": "gpt-5"})
    )
    pinned = granted(await root.get(host.path))
    assert ("0.61.0", "gpt-5", ["ci"]) == (
        pinned["client_version_override"],
        pinned["model_override"],
        pinned["tags"],
    )

    cleared = granted(
        await root.patch(
            host.path,
            json={
                "client_version_override": None,
                "model_override": None,
                "tags": None,
                "allowed_targets": None,
                "user_id": None,
            },
        )
    )

    assert (None, None, [], None, None) == tuple(
        cleared[name]
        for name in ("client_version_override", "model_override", "tags", "allowed_targets", "user_id")
    )
    assert (422, "not_clearable") == refusal(await root.patch(host.path, json={"secure": None}))
    assert (404, "user_not_found") == refusal(await root.patch(host.path, json={"user_id": NOWHERE}))
    assert (404, "pool_not_found") == refusal(await root.patch(host.path, json={"pool": "nowhere"}))


async def holds_credential(house: RunningHouse, host_id: int) -> None:
    """As if the host had been served a credential."""
    now = utc_now()
    payload = {"id": 1, "pool_id": DEFAULT_POOL_ID, "last_refresh": now, "sha256": "a" * 64}
    state = {"host_id": host_id, "payload_id": 1, "seen_digest": "a" * 64, "seen_at": now}
    async with house.house.database.write() as tx:
        await tx.execute(insert(auth_payloads).values(**payload))
        await tx.execute(insert(host_auth_states).values(**state))
        await tx.execute(insert(host_auth_digests).values(host_id=host_id, digest="a" * 64, last_seen=now))
    await stored(house, host_id, auth_digest="a" * 64, last_refresh=now)


async def holds_nothing(house: RunningHouse, root: Client, host_path: str) -> bool:
    shown = granted(await root.get(host_path))
    async with house.house.database.read() as tx:
        states = (await tx.execute(select(host_auth_states))).all()
        digests = (await tx.execute(select(host_auth_digests))).all()
    return not states and not digests and (None, None) == (shown["auth_digest"], shown["last_refresh"])


async def test_clearing_forgets_what_a_host_holds(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()
    host = await enrol(root, house_everywhere)
    await holds_credential(house_everywhere, host.id)

    granted(await root.post(f"{host.path}/clear"))

    assert await holds_nothing(house_everywhere, root, host.path)


async def test_in_another_pool_a_host_begins_with_nothing(house: RunningHouse, root: Client):
    host = await enrol(root, house)
    await holds_credential(house, host.id)
    pool = granted(await root.post("/api/fleet/pools", json={"name": "research"}))

    moved = granted(await root.patch(host.path, json={"pool": "research"}))

    assert pool["id"] == moved["pool_id"]
    assert await holds_nothing(house, root, host.path)


async def test_hosts_are_found_by_pool_status_window_and_a_part_of_their_name(house: RunningHouse, root: Client):
    granted(await root.post("/api/fleet/pools", json={"name": "research"}))
    for fqdn, terms in (("a-1", {}), ("a-2", {"secure": False}), ("b_1", {"pool": "research"})):
        await enrol(root, house, fqdn, **terms)
    granted(await root.post("/api/fleet/hosts/a-1/suspend"))

    async def found(**wanted: Any) -> list[str]:
        page = granted(await root.get("/api/fleet/hosts", params=wanted))
        return [host["fqdn"] for host in page["items"]]

    assert ["b_1", "a-2", "a-1"] == await found()
    assert ["b_1"] == await found(pool="research")
    assert ["a-1"] == await found(status="suspended")
    assert ["a-2"] == await found(insecure=True)
    assert ["a-2"] == await found(window_open=True)
    granted(await root.delete("/api/fleet/hosts/a-2/window"))
    assert [] == await found(window_open=True)
    assert ["a-2", "a-1"] == await found(name="A-")
    assert ["b_1"] == await found(name="_")
    assert [] == await found(name="%")
    first = granted(await root.get("/api/fleet/hosts", params={"limit": 2}))
    rest = granted(await root.get("/api/fleet/hosts", params={"limit": 2, "cursor": first["next_cursor"]}))
    assert ["a-1"] == [host["fqdn"] for host in rest["items"]]


async def test_hosts_that_were_not_heard_of_for_a_week_are_found(house: RunningHouse, root: Client):
    for fqdn, days in (("a-1", 8), ("a-2", 6)):
        host = await enrol(root, house, fqdn)
        await stored(house, host.id, last_seen_at=utc_now() - dt.timedelta(days=days))
    await enrol(root, house, "a-3")

    silent = granted(await root.get("/api/fleet/hosts", params={"silent": True}))

    assert ["a-1"] == [host["fqdn"] for host in silent["items"]]


async def test_hosts_behind_the_credential_of_their_pool_are_found(house_everywhere: RunningHouse):
    house, root = house_everywhere, await house_everywhere.make_root()
    for day in (1, 2):
        auth = {"OPENAI_API_KEY": "sk-live-4f9a8b7c6d5e4f3a2b1c", "last_refresh": f"2026-11-0{day}T10:00:00Z"}
        granted(await root.post("/api/fleet/credentials/default", json={"auth": auth}))
    async with house.house.database.read() as tx:
        payloads = (await tx.execute(select(auth_payloads).order_by(auth_payloads.c.id))).all()
    older, newest = payloads
    digests = {"current": newest.sha256, "as-served": "f" * 64, "behind": older.sha256, "without": None}
    for fqdn, digest in digests.items():
        host = await enrol(root, house, fqdn)
        await stored(house, host.id, auth_digest=digest)
        if fqdn == "as-served":
            served = {"host_id": host.id, "payload_id": newest.id, "seen_digest": digest, "seen_at": utc_now()}
            async with house.house.database.write() as tx:
                await tx.execute(insert(host_auth_states).values(**served))

    found = granted(await root.get("/api/fleet/hosts", params={"behind": True}))

    assert ["behind"] == [host["fqdn"] for host in found["items"]]


async def test_a_window_lasts_longer_each_time_it_is_opened_and_a_secure_host_has_none(
    house: RunningHouse, root: Client
):
    host = await enrol(root, house, secure=False)
    granted(await root.delete(f"{host.path}/window"))

    once = granted(await root.post(f"{host.path}/window", json={"minutes": 10}))
    twice = granted(await root.post(f"{host.path}/window", json={}))

    longer = instant(twice["insecure_enabled_until"]) - instant(once["insecure_enabled_until"])
    assert dt.timedelta(minutes=10) == longer
    assert None is granted(await root.patch(host.path, json={"secure": True}))["insecure_enabled_until"]
    assert (409, "host_is_secure") == refusal(await root.post(f"{host.path}/window", json={}))
    assert (422, "invalid_request") == refusal(await root.post(f"{host.path}/window", json={"minutes": 481}))


async def test_no_key_and_no_link_enters_the_audit_log(house: RunningHouse, root: Client):
    before = await last_seq(house.house.database)
    host = await enrol(root, house)
    rotated = granted(await root.post(f"{host.path}/rotate"))

    written = str(await logs_after(house.house.database, before))

    for secret in (host.secret, host.install_token, rotated["secret"]):
        assert secret not in written
        assert hashlib.sha256(secret.encode()).hexdigest() not in written


async def test_an_operator_without_the_permission_changes_nothing(house: RunningHouse, root: Client):
    host = await enrol(root, house)
    reader = await house.make_token(root, "reads", role="admin", scopes=["fleet.read"])

    granted(await reader.get(host.path))
    answers = await asyncio.gather(
        reader.post("/api/fleet/hosts", json={"fqdn": "b"}),
        reader.post(f"{host.path}/rotate"),
        reader.delete(host.path),
        reader.put("/api/fleet/switches", json={"api_disabled": True}),
    )

    assert {(403, "not_permitted")} == {refusal(answer) for answer in answers}
