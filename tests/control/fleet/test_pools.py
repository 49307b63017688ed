"""Pools: made, changed within what their hosts bear, and deleted only when they are empty."""

import pytest
from sqlalchemy import insert, select
from support.answers import granted, refusal, together
from support.fleet import enrol
from support.house import Client, RunningHouse

from monoize.base.clock import utc_now
from monoize.control.fleet.model.pools import DEFAULT_POOL_ID, POINTER, pointer_of
from monoize.control.fleet.tables import auth_payloads
from monoize.control.identity.tables import versions

NOWHERE = "01a1fc11-0000-7000-8000-000000000000"


async def pointers(house: RunningHouse) -> set[str]:
    async with house.house.database.read() as tx:
        query = select(versions.c.name).where(versions.c.name.startswith(POINTER))
        return set((await tx.execute(query)).scalars())


async def test_there_is_a_pool_from_the_beginning_and_it_stays(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()
    [first] = granted(await root.get("/api/fleet/pools"))["items"]

    assert (DEFAULT_POOL_ID, "default", "codex", "shared", "off") == tuple(
        first[name] for name in ("id", "name", "tool", "mode", "validation")
    )
    assert (20, 30, True, 100, 0, False, None) == tuple(
        first[name]
        for name in (
            "payloads_kept",
            "inactivity_days",
            "quota_hard_fail",
            "quota_limit_percent",
            "quota_week_partition",
            "silent",
            "client_version",
        )
    )
    assert first == granted(await root.get("/api/fleet/pools/default"))
    assert (409, "default_pool_stays") == refusal(await root.delete("/api/fleet/pools/default"))


async def test_a_pool_comes_and_goes_with_the_row_that_locks_it(house_everywhere: RunningHouse):
    house = house_everywhere
    root = await house.make_root()

    made = granted(await root.post("/api/fleet/pools", json={"name": "research", "tool": "claude"}))
    assert {POINTER, pointer_of(made["id"])} == await pointers(house)

    assert 204 == (await root.delete(f"/api/fleet/pools/{made['id']}")).status_code
    assert {POINTER} == await pointers(house)
    assert (404, "pool_not_found") == refusal(await root.get("/api/fleet/pools/research"))


async def test_a_name_is_given_once(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()

    answers = await together(*(root.post("/api/fleet/pools", json={"name": "research"}) for _ in range(4)))

    assert [201, 409, 409, 409] == sorted(answer.status_code for answer in answers)
    assert (409, "pool_exists") == refusal(await root.patch("/api/fleet/pools/research", json={"name": "default"}))


@pytest.mark.parametrize("name", ["", "Research", "a b", "-a", "a" * 65, NOWHERE, "ä", "a/b"])
async def test_what_is_no_name_of_a_pool_is_refused(root: Client, name: str):
    assert (422, "invalid_request") == refusal(await root.post("/api/fleet/pools", json={"name": name}))


async def test_a_pool_with_hosts_is_not_deleted_and_does_not_become_one_of_the_gateway(
    house_everywhere: RunningHouse,
):
    root = await house_everywhere.make_root()
    granted(await root.post("/api/fleet/pools", json={"name": "research"}))
    host = await enrol(root, house_everywhere, pool="research")

    for change in ({"mode": "gateway"}, {"tool": "gemini"}):
        assert (409, "pool_in_use") == refusal(await root.patch("/api/fleet/pools/research", json=change))
    assert (409, "pool_in_use") == refusal(await root.delete("/api/fleet/pools/research"))
    assert "hub" == granted(await root.patch("/api/fleet/pools/research", json={"mode": "hub"}))["mode"]

    granted(await root.patch(host.path, json={"pool": "default"}))
    assert 204 == (await root.delete("/api/fleet/pools/research")).status_code


async def test_a_deleted_pool_takes_its_credentials_along(house_everywhere: RunningHouse):
    house = house_everywhere
    root = await house.make_root()
    made = granted(await root.post("/api/fleet/pools", json={"name": "research"}))
    async with house.house.database.write() as tx:
        values = {"pool_id": made["id"], "last_refresh": utc_now(), "sha256": "a" * 64}
        await tx.execute(insert(auth_payloads).values(**values))

    assert (409, "pool_in_use") == refusal(await root.patch("/api/fleet/pools/research", json={"tool": "gemini"}))
    assert 204 == (await root.delete("/api/fleet/pools/research")).status_code

    async with house.house.database.read() as tx:
        assert [] == (await tx.execute(select(auth_payloads.c.id))).all()


async def test_only_what_is_sent_changes_and_only_the_pin_can_be_taken_away(root: Client):
    path = "/api/fleet/pools/default"

    pinned = granted(await root.patch(path, json={"client_version": "rust-v0.61.0", "quota_limit_percent": 90}))
    assert ("0.61.0", 90, True) == tuple(
        pinned[name] for name in ("client_version", "quota_limit_percent", "quota_hard_fail")
    )
    assert None is granted(await root.patch(path, json={"client_version": None}))["client_version"]
    assert (422, "not_clearable") == refusal(await root.patch(path, json={"silent": None}))
    for wrong in (
        {"quota_limit_percent": 49},
        {"quota_week_partition": 3},
        {"payloads_kept": 0},
        {"inactivity_days": -1},
        {"client_version": "newest"},
        {"mode": "secret"},
    ):
        assert (422, "invalid_request") == refusal(await root.patch(path, json=wrong)), wrong
