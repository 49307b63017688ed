"""Who of the hosts is served: the right key, from the right address, at the right time, and nobody after too many
wrong ones.
"""

import asyncio
import datetime as dt
import hashlib
from typing import Any

import pytest
from sqlalchemy import select
from support.answers import granted
from support.fleet import ELSEWHERE_IP, HOME_IP, EnrolledHost, enrol, refused, report_user, stored, told
from support.house import Client, RunningHouse
from support.rows import every_row, last_seq, logs_after

from monoize.base.clock import utc_now
from monoize.control.fleet.authenticator import BLOCKED_S, CALLS_MOST, FAILURES_MOST
from monoize.control.fleet.store import published
from monoize.control.fleet.tables import fleet_alerts, hosts, install_tokens

WRONG_KEY = "0" * 64
PATHS = ("/host/users", "/api/fleet/host/host/users")


@pytest.fixture
async def host(house: RunningHouse, root: Client) -> EnrolledHost:
    return await enrol(root, house)


async def shown(root: Client, host: EnrolledHost) -> dict[str, Any]:
    return granted(await root.get(host.path))


@pytest.mark.parametrize("path", PATHS)
async def test_a_host_is_served_with_its_key_in_either_header(
    house: RunningHouse, visitor: Client, host: EnrolledHost, path: str
):
    as_bearer = await host.calls().post(path, json={"username": "ada"})
    as_header = await house.visitor(HOME_IP).post(path, json={}, headers={"x-api-key": host.secret})

    assert ["ada"] == [user["username"] for user in told(as_bearer)["users"]]
    assert told(as_bearer)["users"] == told(as_header)["users"]


@pytest.mark.parametrize("path", PATHS)
async def test_nobody_else_is(house: RunningHouse, root: Client, visitor: Client, host: EnrolledHost, path: str):
    digest = hashlib.sha256(host.secret.encode()).hexdigest()
    token = await house.make_token(root, "ci", role="admin")

    assert (401, "key_missing") == refused(await visitor.post(path, json={}))
    for key in (WRONG_KEY, digest, host.secret[:-1], host.secret + "0", host.secret.upper(), "é" * 40, "x" * 600):
        shown_key = {"x-api-key": key.encode()}
        assert (401, "key_invalid") == refused(await visitor.post(path, json={}, headers=shown_key)), key
    for person in (root, token):
        assert (401, "key_invalid") == refused(await person.post(path, json={}))


async def test_a_host_key_opens_nothing_but_the_hosts_api(host: EnrolledHost):
    for path in ("/api/me", "/api/fleet/hosts", host.path, "/api/keys"):
        assert 401 == (await host.calls().get(path)).status_code


async def test_only_the_sha_256_of_a_key_is_stored_and_the_key_itself_only_sealed(
    house: RunningHouse, host: EnrolledHost
):
    rows = await every_row(house.house.database)

    assert host.secret not in str(rows) and host.install_token not in str(rows)
    async with house.house.database.read() as tx:
        kept = await tx.scalar(select(hosts.c.api_key))
        sealed = await tx.scalar(select(install_tokens.c.sealed_key))
    assert hashlib.sha256(host.secret.encode()).hexdigest() == kept
    assert sealed.startswith("v1.")


async def test_after_too_many_wrong_keys_an_address_waits_and_valid_keys_are_still_served(
    house: RunningHouse, host: EnrolledHost
):
    guesser = house.bearing(WRONG_KEY, ip=HOME_IP)
    answers = [refused(await report_user(guesser)) for _ in range(FAILURES_MOST + 1)]
    last = await report_user(guesser)

    assert [(401, "key_invalid")] * FAILURES_MOST + [(429, "rate_limited")] == answers
    assert (429, "rate_limited") == refused(last)
    assert str(BLOCKED_S) == last.headers["retry-after"]
    assert (429, "rate_limited") == refused(await house.visitor(HOME_IP).post("/host/users", json={}))
    told(await report_user(host.calls()))
    assert (401, "key_invalid") == refused(await report_user(house.bearing(WRONG_KEY, ip=ELSEWHERE_IP)))


async def test_calls_are_paced_by_key_so_that_hosts_of_one_address_do_not_hinder_each_other(
    house: RunningHouse, root: Client, host: EnrolledHost
):
    other = await enrol(root, house, "build-2.example.com")
    for _ in range(CALLS_MOST):
        await house.house.counters.add(f"fleet:calls:key:{hashlib.sha256(host.secret.encode()).hexdigest()}", 60)

    paced = await report_user(host.calls())

    assert (429, "rate_limited") == refused(paced)
    assert 1 <= paced.json()["error"]["details"]["retry_after_s"] <= 60
    told(await report_user(other.calls()))


async def test_the_first_call_binds_a_host_to_its_address(house: RunningHouse, root: Client, host: EnrolledHost):
    before = await last_seq(house.house.database)
    told(await report_user(host.calls()))
    told(await report_user(host.calls()))

    assert HOME_IP == (await shown(root, host))["ip"]
    rows = await logs_after(house.house.database, before)
    assert [("host.bind_ip", HOME_IP), ("host.note_user", HOME_IP)] == [(row.action, row.ip) for row in rows]
    assert {f"host:{host.fqdn}"} == {row.actor for row in rows}


async def test_a_bound_host_is_refused_elsewhere_and_somebody_is_told(
    house: RunningHouse, root: Client, host: EnrolledHost
):
    told(await report_user(host.calls()))

    assert (403, "ip_denied") == refused(await report_user(host.calls(ELSEWHERE_IP)))

    assert HOME_IP == (await shown(root, host))["ip"]
    async with house.house.database.read() as tx:
        alert = (await tx.execute(select(fleet_alerts))).one()
    assert ("new_ip", host.fqdn, host.id) == (alert.kind, alert.subject, alert.host_id)
    assert {"bound_to": HOME_IP, "called_from": ELSEWHERE_IP, "let_in": False} == alert.details


async def test_a_roaming_host_takes_its_binding_along(house: RunningHouse, root: Client, host: EnrolledHost):
    told(await report_user(host.calls()))
    granted(await root.patch(host.path, json={"roaming": True}))
    before = await last_seq(house.house.database)

    told(await report_user(host.calls(ELSEWHERE_IP)))

    assert ELSEWHERE_IP == (await shown(root, host))["ip"]
    assert ["host.roam_ip"] == [row.action for row in await logs_after(house.house.database, before)]
    granted(await root.patch(host.path, json={"roaming": False}))
    assert (403, "ip_denied") == refused(await report_user(host.calls(HOME_IP)))


async def test_an_unbound_host_binds_to_where_it_calls_from_next(root: Client, host: EnrolledHost):
    told(await report_user(host.calls()))
    assert None is granted(await root.post(f"{host.path}/unbind"))["ip"]

    told(await report_user(host.calls(ELSEWHERE_IP)))

    assert (403, "ip_denied") == refused(await report_user(host.calls()))


async def test_of_two_first_calls_from_two_addresses_one_is_refused(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()
    host = await enrol(root, house_everywhere)

    answers = await asyncio.gather(*(report_user(host.calls(f"198.51.100.{n}")) for n in range(1, 7)))

    assert [200, *[403] * 5] == sorted(answer.status_code for answer in answers)


async def test_the_kill_switch_stops_hosts_at_once_and_operators_never(
    house: RunningHouse, root: Client, visitor: Client, host: EnrolledHost
):
    told(await report_user(host.calls()))
    granted(await root.put("/api/fleet/switches", json={"api_disabled": True}))
    before = await shown(root, host)

    assert (503, "api_disabled") == refused(await report_user(host.calls()))
    assert (503, "api_disabled") == refused(await visitor.post("/host/users", json={}))
    assert before == await shown(root, host), "a call that was not served is not counted"

    granted(await root.put("/api/fleet/switches", json={"api_disabled": False}))
    told(await report_user(host.calls()))


async def test_the_kill_switch_of_another_process_is_heard_within_a_second(
    house: RunningHouse, root: Client, host: EnrolledHost
):
    told(await report_user(host.calls()))
    async with house.house.database.write() as tx:
        await published.switch_api(tx, disabled=True)

    await asyncio.sleep(1.05)

    assert (503, "api_disabled") == refused(await report_user(host.calls()))


async def test_a_suspended_host_is_refused_at_once_and_a_resumed_one_is_served(root: Client, host: EnrolledHost):
    told(await report_user(host.calls()))

    assert "suspended" == granted(await root.post(f"{host.path}/suspend"))["status"]
    assert (403, "host_disabled") == refused(await report_user(host.calls()))
    assert "active" == granted(await root.post(f"{host.path}/resume"))["status"]
    told(await report_user(host.calls()))


async def test_a_deleted_host_and_an_expired_one_are_unknown(house: RunningHouse, root: Client, host: EnrolledHost):
    other = await enrol(root, house, "guest", temporary=True)
    told(await report_user(other.calls()))
    await stored(house, other.id, expires_at=utc_now() - dt.timedelta(seconds=1))
    assert 204 == (await root.delete(host.path)).status_code

    assert (401, "key_invalid") == refused(await report_user(host.calls()))
    assert (401, "key_invalid") == refused(await report_user(other.calls()))


async def test_an_insecure_host_is_served_in_its_window_only(house: RunningHouse, root: Client):
    host = await enrol(root, house, "kiosk", secure=False)
    told(await report_user(host.calls()))

    assert None is granted(await root.delete(f"{host.path}/window"))["insecure_enabled_until"]
    assert (403, "window_closed") == refused(await report_user(host.calls()))
    granted(await root.post(f"{host.path}/window", json={"minutes": 5}))
    told(await report_user(host.calls()))
    await stored(house, host.id, insecure_enabled_until=utc_now() - dt.timedelta(seconds=1))
    assert (403, "window_closed") == refused(await report_user(host.calls()))


async def test_a_host_of_another_installation_is_told_so(host: EnrolledHost, root: Client):
    ours = granted(await root.get("/api/fleet/versions"))["installation_id"]

    told(await report_user(host.calls(), installation_id=ours))
    assert (403, "installation_mismatch") == refused(await report_user(host.calls(), installation_id="another"))


async def test_calls_are_counted_and_keep_a_temporary_host_alive(house: RunningHouse, root: Client):
    host = await enrol(root, house, "guest", temporary=True)
    soon = utc_now() + dt.timedelta(minutes=5)
    await stored(house, host.id, expires_at=soon)

    for _ in range(3):
        told(await report_user(host.calls()))

    seen = await shown(root, host)
    assert 3 == seen["api_calls"]
    assert dt.datetime.fromisoformat(seen["last_seen_at"]) > utc_now() - dt.timedelta(minutes=1)
    assert dt.datetime.fromisoformat(seen["expires_at"]) > utc_now() + dt.timedelta(minutes=119)


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b'{"username": ', 400, "malformed_body"),
        (b'{"username": "\xff"}', 400, "malformed_body"),
        (b"[]", 422, "validation_failed"),
        (b'{"username": 5}', 422, "validation_failed"),
        (b'{"username": "a\\u0000b"}', 422, "validation_failed"),
        (b'{"misspelt": "x"}', 422, "validation_failed"),
        (b'{"username": "' + b"x" * 256 + b'"}', 422, "validation_failed"),
        (b"[" * 5000, 400, "malformed_body"),
    ],
)
async def test_a_misshapen_call_is_refused_and_counts_for_nothing(
    house: RunningHouse, host: EnrolledHost, content: bytes, status: int, code: str
):
    before = await every_row(house.house.database)

    answer = await host.calls().post("/host/users", content=content, headers={"content-type": "application/json"})

    assert (status, code) == refused(answer)
    assert before == await every_row(house.house.database)
    nobody = await house.visitor().post(
        "/host/users", content=content, headers={"content-type": "application/json"}
    )
    assert (401, "key_missing") == refused(nobody), "who asks is settled before what they ask"


async def test_people_of_a_host_are_listed_once_each(house: RunningHouse, root: Client, host: EnrolledHost):
    for name, hostname in (("ada", "lab"), ("bob", None), ("ada", None)):
        told(await report_user(host.calls(), username=name, hostname=hostname))

    users = granted(await root.get(f"{host.path}/users"))["users"]
    assert [("ada", "lab"), ("bob", None)] == [(user["username"], user["hostname"]) for user in users]
    rows = [row.action for row in await logs_after(house.house.database, 0)]
    assert 2 == rows.count("host.note_user")
