"""Buckets listed into the inventory: whole listings only say what has vanished, and search is literal."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from fakes.object_store import KEY_ID, REGION, SECRET, FakeObjectStore
from fakes.server import LocalServer
from hypothesis import given
from hypothesis import strategies as st
from support.answers import granted, refusal
from support.house import Client, RunningHouse

from monoize.base.ids import new_id
from monoize.control.governance.actions.buckets import cursor_of, place_of
from monoize.control.governance.model.inventory import (
    STALE_FOR,
    Bucket,
    Listed,
    ObjectFilter,
    ObjectSeen,
)
from monoize.control.governance.model.signatures import query_of, signed_headers
from monoize.control.governance.store import objects
from monoize.infra.db import Database

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def photos() -> Iterator[tuple[FakeObjectStore, str]]:
    store = FakeObjectStore(page=3)
    with LocalServer(store.app) as running:
        yield store, running.url


@pytest.fixture
def store(photos: tuple[FakeObjectStore, str]) -> FakeObjectStore:
    photos[0].objects, photos[0].fails_on_page, photos[0].asked = {}, None, []
    return photos[0]


async def make_bucket(root: Client, url: str, **fields: Any) -> dict[str, Any]:
    body = {
        "name": "photos",
        "endpoint": url,
        "region": REGION,
        "access_key_id": KEY_ID,
        "secret": SECRET,
        "private_network": True,
    }
    made: dict[str, Any] = granted(await root.post("/api/buckets", json={**body, **fields}))
    return made


async def found(client: Client, **wanted: Any) -> list[str]:
    answer = granted(await client.get("/api/objects", params=wanted))
    return [item["object_key"] for item in answer["items"]]


@pytest.mark.case(58)
async def test_a_bucket_is_listed_over_pages_and_what_vanishes_is_stale(
    house: RunningHouse, root: Client, store: FakeObjectStore, photos: tuple[FakeObjectStore, str]
):
    odd = ["a b+c/ü.jpg", "a_b%", "aXbY", "x&<y>", "z"]
    store.objects = {key: number for number, key in enumerate(odd, 1)} | {f"many/{n}": 10 for n in range(5)}
    bucket = await make_bucket(root, photos[1])
    assert SECRET not in str(bucket)
    path = f"/api/buckets/{bucket['id']}"

    synced = granted(await root.post(f"{path}/sync"))

    assert (10, 65, None) == (synced["objects"], synced["bytes"], synced["last_error"])
    assert sorted(store.objects) == sorted(await found(root))
    assert 4 == len(store.asked)
    assert ["a_b%"] == await found(root, contains="a_b%")
    assert ["a_b%"] == await found(root, prefix="a_")
    assert ["a_b%"] == await found(root, suffix="%")
    assert [] == await found(root, prefix="A")
    first = granted(await root.get("/api/objects", params={"limit": 6}))
    rest = granted(await root.get("/api/objects", params={"limit": 6, "cursor": first["next_cursor"]}))
    assert 10 == len({item["object_key"] for item in first["items"] + rest["items"]})
    assert rest["next_cursor"] is None and first["as_of"]["photos"] == synced["synced_at"].replace("Z", "+00:00")

    # A listing that fails on its way changes nothing that it did not see.
    del store.objects["z"]
    store.fails_on_page = 2
    assert (502, "bucket_unreachable") == refusal(await root.post(f"{path}/sync"))
    failed = granted(await root.get(path))
    assert "503, SlowDown" in failed["last_error"] and failed["synced_at"] == synced["synced_at"]
    assert "z" in await found(root, status="active")
    store.fails_on_page = None
    again = granted(await root.post(f"{path}/sync"))
    assert (9, None) == (again["objects"], again["last_error"])
    assert ["z"] == await found(root, status="stale")

    granted(await root.patch(path, json={"secret": "wrong"}))
    assert (502, "bucket_unreachable") == refusal(await root.post(f"{path}/sync"))
    assert "SignatureDoesNotMatch" in granted(await root.get(path))["last_error"]
    tenant = granted(await root.post("/api/tenants", json={"name": "other"}))
    theirs = await house.make_user(root, "otheradmin", role="admin", tenant_id=tenant["id"])
    assert [] == await found(theirs)
    granted(await root.delete(path))
    assert [] == await found(root)


async def test_the_clock_lists_what_is_due_and_only_public_stores_without_leave(
    house: RunningHouse, root: Client, store: FakeObjectStore, photos: tuple[FakeObjectStore, str]
):
    store.objects = {"one": 1}
    bucket = await make_bucket(root, photos[1])
    syncer = house.app.state.governance.syncer
    await syncer.run()
    while not granted(await root.get(f"/api/buckets/{bucket['id']}"))["synced_at"]:
        assert syncer._crew.busy
    asked = len(store.asked)
    await syncer.run()
    assert not syncer._crew.busy and asked == len(store.asked)

    refused = await root.post(
        "/api/buckets", json={**bucket_body(photos[1]), "name": "other", "private_network": False}
    )
    assert (422, "bucket_address_invalid") == refusal(refused)
    https = photos[1].replace("http:", "https:")
    near = granted(
        await root.post("/api/buckets", json={**bucket_body(https), "name": "near", "private_network": False})
    )
    assert (502, "bucket_unreachable") == refusal(await root.post(f"/api/buckets/{near['id']}/sync"))


def bucket_body(url: str) -> dict[str, Any]:
    return {"name": "photos", "endpoint": url, "access_key_id": KEY_ID, "secret": SECRET}


async def test_generations_on_every_engine(database: Database):
    bucket = Bucket(
        new_id(), "t", "b", "https://s.test", "r", None, "k", False, True, 60, 0, None, None, None, None, NOW, NOW
    )
    listed = [Listed(f"k{number}", 1, None, None) for number in range(3)]
    later = NOW + dt.timedelta(hours=1)
    async with database.write() as tx:
        await objects.seen(tx, bucket, 1, listed, NOW)
        assert (3, 3) == await objects.finish(tx, bucket, 1, NOW)
        await objects.seen(tx, bucket, 2, [Listed("k0", 7, "e", None), Listed("K0_", 1, None, None)], later)
        assert (2, 8) == await objects.finish(tx, bucket, 2, later)
        for wanted, keys in (
            (ObjectFilter(status="stale"), ["k1", "k2"]),
            (ObjectFilter(prefix="k"), ["k0", "k1", "k2"]),
            (ObjectFilter(contains="_"), ["K0_"]),
            (ObjectFilter(suffix="\\"), []),
        ):
            seen = await objects.page(tx, "t", wanted, after=None, most=10)
            assert sorted(keys) == sorted(one.object_key for one in seen)
        assert (2, 8) == await objects.finish(tx, bucket, 2, later + STALE_FOR)
        gone = await objects.page(tx, "t", ObjectFilter(status="orphaned"), after=("b", "k1"), most=10)
        assert ["k2"] == [one.object_key for one in gone]
        # What comes back is there again.
        await objects.seen(tx, bucket, 3, listed, later)
        assert (4, 10 - 6) == await objects.finish(tx, bucket, 2, later)
        assert [] == await objects.page(tx, "other", ObjectFilter(), after=None, most=10)


def test_a_request_is_signed_as_the_documentation_shows():
    """The example of a GET of a list in the documentation of the scheme, with its own credentials."""
    headers = signed_headers(
        host="examplebucket.s3.amazonaws.com",
        path="/",
        query=query_of({"prefix": "J", "max-keys": "2"}),
        region="us-east-1",
        key_id="AKIAIOSFODNN7EXAMPLE",
        secret="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        now=dt.datetime(2013, 5, 24, tzinfo=dt.UTC),
    )

    signature = headers["authorization"].rpartition("=")[2]
    assert "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7" == signature


@given(st.text(st.characters(exclude_categories=("C", "Z"))), st.text(max_size=20))
def test_a_cursor_leads_where_it_was_made(bucket: str, made_up: str):
    seen = ObjectSeen(bucket, "key of it", 1, None, None, "active", NOW, NOW, None)
    assert (bucket, "key of it") == place_of(cursor_of(seen))
    assert place_of(made_up) is None or isinstance(place_of(made_up), tuple)
