"""Hosts of a pool that uses the gateway: their key opens it, at their owner's cost, and only while they may."""

import pytest
from support.answers import granted, refusal
from support.fleet import EnrolledHost, enrol
from support.house import Client, RunningHouse

from monoize.base.ids import fingerprint
from monoize.contract.grant import Grant
from monoize.control.bridge.grants import KeyGrants

NOWHERE = "01a1fc11-0000-7000-8000-000000000000"


@pytest.fixture
async def house(house_everywhere: RunningHouse) -> RunningHouse:
    return house_everywhere


@pytest.fixture
async def root(house: RunningHouse) -> Client:
    return await house.make_root()


@pytest.fixture
async def alice(house: RunningHouse, root: Client) -> Client:
    return await house.make_user(root, "alice")


@pytest.fixture
async def host(house: RunningHouse, root: Client, alice: Client) -> EnrolledHost:
    granted(await root.post("/api/fleet/pools", json={"name": "metered", "mode": "gateway"}))
    return await enrol(root, house, pool="metered", user_id=alice.user["id"])


async def grant_of(house: RunningHouse, key: str) -> Grant | None:
    return await KeyGrants(house.house.database, house.house.seal, lambda *_: None).grant(fingerprint(key))


async def test_the_hosts_key_opens_the_gateway_at_its_owners_cost(
    house: RunningHouse, host: EnrolledHost, alice: Client
):
    grant = await grant_of(house, host.secret)

    assert grant is not None and alice.user["id"] == grant.user_id
    [key] = granted(await alice.get("/api/keys"))["items"]
    assert (host.fqdn, f"host-{host.id}") == (key["name"], key["key_prefix"])


async def test_nobody_is_enrolled_there_without_somebody_who_pays(house: RunningHouse, root: Client):
    granted(await root.post("/api/fleet/pools", json={"name": "metered", "mode": "gateway"}))

    for owner, code in ((None, "owner_needed"), (NOWHERE, "user_not_found")):
        body = {"fqdn": "b", "pool": "metered", "user_id": owner}
        assert code == refusal(await root.post("/api/fleet/hosts", json=body))[1]
    plain = await enrol(root, house, "plain")
    assert (422, "owner_needed") == refusal(await root.patch(plain.path, json={"pool": "metered"}))
    assert await grant_of(house, plain.secret) is None


async def test_a_suspended_host_loses_the_gateway_and_a_resumed_one_has_it_again(
    house: RunningHouse, root: Client, host: EnrolledHost
):
    granted(await root.post(f"{host.path}/suspend"))
    assert await grant_of(house, host.secret) is None

    granted(await root.post(f"{host.path}/resume"))
    assert await grant_of(house, host.secret) is not None


async def test_a_new_key_takes_the_place_of_the_old_one_there_too(
    house: RunningHouse, root: Client, host: EnrolledHost, alice: Client
):
    before = await grant_of(house, host.secret)
    rotated = granted(await root.post(f"{host.path}/rotate"))
    again = await enrol(root, house)

    assert await grant_of(house, host.secret) is None
    assert await grant_of(house, rotated["secret"]) is None
    assert before == await grant_of(house, again.secret)
    assert 1 == len(granted(await alice.get("/api/keys"))["items"])


async def test_what_the_owner_says_of_the_key_outlives_its_renewal(
    house: RunningHouse, root: Client, host: EnrolledHost, alice: Client
):
    [key] = granted(await alice.get("/api/keys"))["items"]
    path = f"/api/keys/{key['id']}"
    granted(await alice.patch(path, json={"daily_budget_nano_usd": "5"}))

    again = await enrol(root, house)

    grant = await grant_of(house, again.secret)
    assert grant is not None and 5 == grant.daily_budget_nano

    granted(await alice.patch(path, json={"enabled": False}))
    granted(await root.patch(host.path, json={"vip": True}))
    last = await enrol(root, house)
    assert await grant_of(house, last.secret) is None


async def test_another_owner_pays_from_then_on(
    house: RunningHouse, root: Client, host: EnrolledHost, alice: Client
):
    bob = await house.make_user(root, "bob")

    granted(await root.patch(host.path, json={"user_id": bob.user["id"]}))

    grant = await grant_of(house, host.secret)
    assert grant is not None and bob.user["id"] == grant.user_id
    assert [] == granted(await alice.get("/api/keys"))["items"]
    assert (422, "owner_needed") == refusal(await root.patch(host.path, json={"user_id": None}))


async def test_a_host_that_leaves_takes_its_key_away(
    house: RunningHouse, root: Client, host: EnrolledHost, alice: Client
):
    moved = granted(await root.patch(host.path, json={"pool": "default"}))
    assert None is moved["gateway_key_id"]
    assert await grant_of(house, host.secret) is None

    granted(await root.patch(host.path, json={"pool": "metered"}))
    assert await grant_of(house, host.secret) is not None

    assert 204 == (await root.delete(host.path)).status_code
    assert await grant_of(house, host.secret) is None
    assert [] == granted(await alice.get("/api/keys"))["items"]


async def test_an_owner_who_is_deleted_leaves_a_host_without_the_gateway(
    house: RunningHouse, root: Client, host: EnrolledHost, alice: Client
):
    assert 204 == (await root.delete(f"/api/users/{alice.user['id']}")).status_code

    assert await grant_of(house, host.secret) is None
    left = granted(await root.get(host.path))
    assert (None, None) == (left["user_id"], left["gateway_key_id"])
    assert 204 == (await root.delete(host.path)).status_code
