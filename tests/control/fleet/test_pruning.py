"""Hosts that are gone are forgotten, each with a reason in the audit log; the others stay."""

import datetime as dt
import json

from sqlalchemy import select, update
from support.answers import granted, refusal
from support.fleet import enrol, refused, report_user, stored, told
from support.house import Client, RunningHouse
from support.rows import last_seq, logs_after

from monoize.base.clock import utc_now
from monoize.control.fleet.actions import enrolment, pruning
from monoize.control.fleet.model.installs import INSTALL_TTL
from monoize.control.fleet.tables import host_users, install_tokens
from monoize.control.identity.tables import api_keys

SECOND, DAY = dt.timedelta(seconds=1), dt.timedelta(days=1)


async def prune(house: RunningHouse) -> int:
    return await pruning.prune(house.house.database, house.house.audit_log, utc_now())


async def names(root: Client) -> set[str]:
    return {host["fqdn"] for host in granted(await root.get("/api/fleet/hosts"))["items"]}


async def test_the_expired_the_silent_and_those_that_never_came_are_forgotten(house_everywhere: RunningHouse):
    house = house_everywhere
    root = await house.make_root()
    now = utc_now()
    granted(await root.post("/api/fleet/pools", json={"name": "short", "inactivity_days": 1}))
    granted(await root.post("/api/fleet/pools", json={"name": "keeps", "inactivity_days": 0}))
    lives = {
        "expired": ({"temporary": True}, {"expires_at": now - SECOND, "api_calls": 5, "last_seen_at": now}),
        "still-a-guest": ({"temporary": True}, {"created_at": now - DAY, "expires_at": now + DAY}),
        "never-came": ({}, {"created_at": now - dt.timedelta(minutes=31)}),
        "new": ({}, {"created_at": now - dt.timedelta(minutes=29)}),
        "silent": ({}, {"api_calls": 5, "last_seen_at": now - 31 * DAY}),
        "quiet": ({}, {"api_calls": 5, "last_seen_at": now - 29 * DAY}),
        "silent-in-short": ({"pool": "short"}, {"api_calls": 5, "last_seen_at": now - 2 * DAY}),
        "silent-in-keeps": ({"pool": "keeps"}, {"api_calls": 5, "last_seen_at": now - 900 * DAY}),
    }
    for fqdn, (terms, values) in lives.items():
        host = await enrol(root, house, fqdn, **terms)
        await stored(house, host.id, **values)
    before = await last_seq(house.house.database)

    assert 4 == await prune(house)

    assert {"still-a-guest", "new", "quiet", "silent-in-keeps"} == await names(root)
    rows = await logs_after(house.house.database, before)
    assert {("host.prune", "system:monoize", "host")} == {(row.action, row.actor, row.target_type) for row in rows}
    told_why = [json.loads(row.details) for row in rows]
    assert {
        "expired": "expired",
        "never-came": "unprovisioned",
        "silent": "inactive",
        "silent-in-short": "inactive",
    } == {why["fqdn"]: why["reason"] for why in told_why}
    assert 0 == await prune(house)
    assert (await house.house.audit_log.verify()).problem is None


async def test_a_pruned_host_is_unknown_and_comes_back_by_being_enrolled(house: RunningHouse, root: Client):
    host = await enrol(root, house)
    told(await report_user(host.calls()))
    await stored(house, host.id, last_seen_at=utc_now() - 31 * DAY)
    assert 1 == await prune(house)

    assert (401, "key_invalid") == refused(await report_user(host.calls()))
    async with house.house.database.read() as tx:
        assert [] == (await tx.execute(select(host_users))).all()
    again = await enrol(root, house)
    told(await report_user(again.calls()))
    assert host.id != again.id


async def test_a_host_that_uses_the_gateway_is_not_silent(house: RunningHouse, root: Client):
    granted(await root.post("/api/fleet/pools", json={"name": "metered", "mode": "gateway"}))
    host = await enrol(root, house, pool="metered", user_id=root.user["id"])
    await stored(house, host.id, api_calls=5, last_seen_at=utc_now() - 31 * DAY)
    async with house.house.database.write() as tx:
        await tx.execute(update(api_keys).values(last_used_at=utc_now() - DAY))

    assert 0 == await prune(house)

    async with house.house.database.write() as tx:
        await tx.execute(update(api_keys).values(last_used_at=utc_now() - 31 * DAY))
    assert 1 == await prune(house)
    async with house.house.database.read() as tx:
        assert [] == (await tx.execute(select(api_keys.c.id))).all()


async def test_a_host_whose_key_holds_money_stays_for_its_owner_to_settle(house: RunningHouse, root: Client):
    granted(await root.post("/api/fleet/pools", json={"name": "metered", "mode": "gateway"}))
    host = await enrol(root, house, pool="metered", user_id=root.user["id"])
    await stored(house, host.id, created_at=utc_now() - DAY)
    async with house.house.database.write() as tx:
        await tx.execute(update(api_keys).values(sub_account_enabled=1))

    assert 0 == await prune(house)

    assert (409, "sub_account_open") == refusal(await root.delete(host.path))
    assert {host.fqdn} == await names(root)


async def test_a_key_that_no_installer_fetched_in_time_is_erased_and_a_spent_link_forgotten(
    house: RunningHouse, root: Client
):
    host = await enrol(root, house)
    now = utc_now()

    async def links() -> list[str | None]:
        async with house.house.database.read() as tx:
            return list((await tx.execute(select(install_tokens.c.sealed_key))).scalars())

    async def forget(at: dt.datetime) -> None:
        async with house.house.database.write() as tx:
            await enrolment.forget_links(tx, at, spent_before=at - DAY)

    await forget(now)
    assert [None] != await links()
    await forget(now + INSTALL_TTL + SECOND)
    assert [None] == await links()
    assert 410 == (await house.visitor().get(f"/install/{host.install_token}")).status_code
    await forget(now + 2 * DAY)
    assert [] == await links()
