"""Where the hub refreshes: no host ever holds the real refresh token, none needs it, and a copied login shows."""

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fakes.token_server import OpenAiAuth
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update
from support.answers import granted, refusal
from support.fleet import ELSEWHERE_IP, enrol, refused
from support.house import Client, RunningHouse, open_house, test_settings
from support.logins import Sharer, access_token, ago, login
from support.rows import every_row, last_seq, logs_after

from monoize.base.clock import utc_now
from monoize.control.fleet.actions.renewal import Refresher
from monoize.control.fleet.drivers.token_server import TokenServer
from monoize.control.fleet.model import renewal
from monoize.control.fleet.tables import auth_payloads, fleet_alerts, fleet_pools, host_refresh_tokens

FIRST = "rt-first-0123456789"
CREDENTIALS = "/api/fleet/credentials/hub"


@pytest.fixture
def server() -> Iterator[OpenAiAuth]:
    with OpenAiAuth(FIRST) as running:
        yield running


@pytest.fixture
def refresher(house: RunningHouse, server: OpenAiAuth) -> Refresher:
    return Refresher(house.house, TokenServer(server.url))


async def hub(root: Client, **shape: Any) -> None:
    """A pool whose login ends in an hour, unless `shape` says otherwise."""
    granted(await root.post("/api/fleet/pools", json={"name": "hub", "mode": "hub"}))
    granted(await root.post(CREDENTIALS, json={"auth": login(**shape)}))


async def member(root: Client, house: RunningHouse, name: str = "a", **terms: Any) -> Sharer:
    return Sharer(await enrol(root, house, f"{name}.example.com", pool="hub", **terms))


async def refreshes(house: RunningHouse, token: str, ip: str = "198.51.100.7", **more: Any) -> httpx2.Response:
    """As Codex does it, with CODEX_REFRESH_TOKEN_URL_OVERRIDE."""
    asked = {"client_id": "app_EMoamEEZ73f0CkXaXp7hrann", "grant_type": "refresh_token", "refresh_token": token}
    return await house.visitor(ip).post("/oauth/token", json={**asked, "refresh_reason": "expired", **more})


def held(sharer: Sharer) -> str:
    return sharer.file["tokens"]["refresh_token"]


def took(sharer: Sharer, answer: httpx2.Response) -> str:
    """The tool writes what it was given, in its own way; its refresh token."""
    given = granted(answer)
    assert {"access_token", "id_token", "refresh_token"} == given.keys()
    kept = {name: value for name, value in sharer.file.items() if name != "auths"}
    sharer.file = {**kept, "tokens": {**sharer.file["tokens"], **given}, "last_refresh": ago(seconds=0)}
    return given["refresh_token"]


async def rows(house: RunningHouse, table: Any) -> list[Any]:
    async with house.house.database.read() as tx:
        return list((await tx.execute(select(table))).all())


async def alerts(house: RunningHouse, kind: str) -> list[Any]:
    return [row for row in await rows(house, fleet_alerts) if row.kind == kind and row.resolved_at is None]


async def test_a_host_gets_a_refresh_token_of_its_own_and_stays_in_step(house_everywhere: RunningHouse):
    house = house_everywhere
    root = await house.make_root()
    await hub(root)
    a, b = await member(root, house, "a"), await member(root, house, "b")

    assert ["outdated", "outdated"] == [await a.syncs(), await b.syncs()]

    assert held(a).startswith(f"mzr_{a.host.id}.")
    assert held(a) != held(b)
    assert ["valid", "valid"] == [await a.syncs(), await b.syncs()]
    after = took(a, await refreshes(house, held(a)))
    assert after == held(a)
    assert "outdated" == await a.syncs()
    assert after == held(a)
    assert "valid" == await a.syncs()


async def test_the_real_refresh_token_never_leaves_the_hub(house: RunningHouse, root: Client):
    await hub(root)
    a = await member(root, house)

    seen = [
        (await a.retrieve()).text,
        (await a.store(auth=login("mine"))).text,
        (await root.get(CREDENTIALS)).text,
        repr(await every_row(house.house.database)),
    ]
    await a.syncs()
    seen.append((await refreshes(house, held(a))).text)

    assert [] == [text for text in seen if FIRST in text]


async def test_what_a_host_hands_in_changes_nothing(house: RunningHouse, root: Client):
    await hub(root)
    a = await member(root, house)
    await a.syncs()
    assert "unchanged" == (await a.hands_in())["status"]
    canonical = granted(await root.get(CREDENTIALS))["canonical"]

    a.file = login("a newer one", last_refresh=ago(seconds=1))
    assert "outdated" == (await a.asks())["status"]
    a.file = login("a newer one", last_refresh=ago(seconds=1))
    assert "conflict" == (await a.hands_in())["status"]
    assert canonical == granted(await root.get(CREDENTIALS))["canonical"]


async def test_a_pool_without_a_login_waits_for_its_operator(house: RunningHouse, root: Client):
    granted(await root.post("/api/fleet/pools", json={"name": "hub", "mode": "hub"}))
    a = await member(root, house)

    assert "missing" == (await a.asks())["status"]
    assert (403, "hub_owned") == refused(await a.store(auth=login()))


async def test_a_lost_answer_is_given_again(house: RunningHouse, root: Client):
    await hub(root)
    a = await member(root, house)
    await a.syncs()
    first = held(a)

    lost, again = granted(await refreshes(house, first)), granted(await refreshes(house, first))

    assert lost == again
    assert "active" == granted(await root.get(a.host.path))["status"]
    assert 200 == (await refreshes(house, again["refresh_token"])).status_code


async def test_a_login_that_was_copied_shows_and_its_host_is_out(house: RunningHouse, root: Client):
    await hub(root)
    a = await member(root, house)
    await a.syncs()
    stolen = held(a)
    took(a, await refreshes(house, held(a)))
    took(a, await refreshes(house, held(a)))
    before = await last_seq(house.house.database)

    assert (401, "refresh_token_reused") == refused(await refreshes(house, stolen))

    (row,) = await logs_after(house.house.database, before)
    assert ("host.clone_detected", a.host.id) == (row.action, row.host_id)
    assert "suspended" == granted(await root.get(a.host.path))["status"]
    assert [a.host.fqdn] == [alert.subject for alert in await alerts(house, "clone_detected")]
    assert (403, "host_disabled") == refused(await a.retrieve())

    granted(await root.post(f"{a.host.path}/resume"))
    for token in (stolen, held(a)):
        assert (401, "refresh_token_invalidated") == refused(await refreshes(house, token))
    assert "outdated" == await a.syncs()
    assert 200 == (await refreshes(house, held(a))).status_code


async def test_two_that_take_turns_with_one_login_are_noticed_at_the_second_turn(house: RunningHouse, root: Client):
    await hub(root)
    original = await member(root, house)
    await original.syncs()
    copy = Sharer(original.host, original.file)

    took(original, await refreshes(house, held(original)))
    took(copy, await refreshes(house, held(copy)))
    assert [] == await alerts(house, "clone_detected")
    took(original, await refreshes(house, held(original)))

    assert (401, "refresh_token_reused") == refused(await refreshes(house, held(copy)))
    assert "suspended" == granted(await root.get(original.host.path))["status"]


@pytest.mark.parametrize("renewed", ["rotate", "enrol"])
async def test_with_a_new_key_the_refresh_tokens_of_before_are_no_good(
    house: RunningHouse, root: Client, renewed: str
):
    await hub(root)
    a = await member(root, house)
    await a.syncs()
    path, body = (
        (f"{a.host.path}/rotate", {}) if renewed == "rotate" else ("/api/fleet/hosts", {"fqdn": a.host.fqdn})
    )

    granted(await root.post(path, json=body or None))

    assert (401, "refresh_token_invalidated") == refused(await refreshes(house, held(a)))


async def test_of_two_that_use_one_token_at_once_both_get_the_same(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()
    await hub(root)
    a = await member(root, house_everywhere)
    await a.syncs()

    answers = await asyncio.gather(*(refreshes(house_everywhere, held(a)) for _ in range(4)))

    assert 1 == len({granted(answer)["refresh_token"] for answer in answers})
    assert [1, 2] == sorted(row.generation for row in await rows(house_everywhere, host_refresh_tokens))


async def test_only_digests_of_our_tokens_are_stored(house: RunningHouse, root: Client):
    await hub(root)
    a = await member(root, house)
    await a.syncs()
    took(a, await refreshes(house, held(a)))

    assert held(a) not in repr(await every_row(house.house.database))


async def test_a_token_is_good_for_its_own_host_from_its_own_address_while_that_may_call(
    house: RunningHouse, root: Client
):
    await hub(root)
    a = await member(root, house)
    await a.syncs()

    assert (403, "ip_denied") == refused(await refreshes(house, held(a), ip=ELSEWHERE_IP))
    for token in ("mzr_1.nonsense", FIRST, held(a)[:-1], held(a) + "0", "x" * 512):
        assert (401, "refresh_token_invalidated") == refused(await refreshes(house, token))
    assert (422, "validation_failed") == refused(await refreshes(house, held(a), grant_type="password"))
    assert (422, "validation_failed") == refused(await refreshes(house, "x" * 513))
    granted(await root.post(f"{a.host.path}/suspend"))
    assert (403, "host_disabled") == refused(await refreshes(house, held(a)))
    granted(await root.delete(a.host.path))
    assert (401, "refresh_token_invalidated") == refused(await refreshes(house, held(a)))


async def test_a_host_without_the_login_among_its_targets_gets_no_refresh_token(house: RunningHouse, root: Client):
    entries = {"api.openai.com": {"token": access_token()}, "b": {"token": "sk-of-b-0123456789-abcdef"}}
    await hub(root, auths=entries)
    a = await member(root, house, allowed_targets=["b"])

    assert "outdated" == await a.syncs()

    assert (["b"], False) == (list(a.file["auths"]), "tokens" in a.file)
    assert [] == await rows(house, host_refresh_tokens)


async def test_an_access_token_that_ends_is_given_to_nobody(house: RunningHouse, root: Client):
    await hub(root, lives_s=20)
    a = await member(root, house)
    await a.syncs()

    assert (503, "refresh_pending") == refused(await refreshes(house, held(a)))


async def test_the_hub_refreshes_early_and_once_and_every_host_follows(
    house: RunningHouse, root: Client, server: OpenAiAuth, refresher: Refresher
):
    await hub(root, lives_s=30)
    a, b = await member(root, house, "a"), await member(root, house, "b")
    await a.syncs()
    ours = held(a)

    await refresher.run()
    await refresher.run()

    assert [FIRST] == server.used
    assert ["outdated", "outdated"] == [await a.syncs(), await b.syncs()]
    assert server.issued[0]["access_token"] == a.file["tokens"]["access_token"]
    assert server.issued[0]["access_token"] == a.file["auths"]["api.openai.com"]["token"]
    assert ours == held(a)
    assert server.issued[0]["access_token"] == granted(await refreshes(house, held(a)))["access_token"]
    assert ["operator", "refresh"] == [row.origin for row in await rows(house, auth_payloads)]
    (pool,) = [row for row in await rows(house, fleet_pools) if row.name == "hub"]
    assert (1, None, None) == (pool.refresh_generation, pool.refresh_lease_owner, pool.refresh_error)


async def test_a_login_that_lives_on_is_left_alone_until_somebody_asks(
    house: RunningHouse, root: Client, server: OpenAiAuth, refresher: Refresher
):
    await hub(root)
    await refresher.run()
    assert [] == server.used

    granted(await root.post(f"{CREDENTIALS}/refresh"))
    await refresher.run()
    await refresher.run()
    assert [FIRST] == server.used


async def test_ten_rounds_of_refreshing_lose_no_login(
    house: RunningHouse, root: Client, server: OpenAiAuth, refresher: Refresher
):
    server.lives_s = 30
    await hub(root, lives_s=30)
    crowd = [await member(root, house, f"h{number}") for number in range(3)]
    for number in range(10):
        await refresher.run()
        for each in crowd:
            assert "outdated" == await each.syncs()
            if number % 2:
                server_side = server.issued[-1]["access_token"]
                assert server_side == each.file["tokens"]["access_token"]

    assert 10 == len(set(server.used))
    assert [] == await alerts(house, "clone_detected")
    assert [] == await alerts(house, "refresh_failing")


async def test_of_several_processes_one_refreshes(house_everywhere: RunningHouse, server: OpenAiAuth):
    root = await house_everywhere.make_root()
    await hub(root, lives_s=30)
    server.pause_s = 0.2
    processes = [Refresher(house_everywhere.house, TokenServer(server.url)) for _ in range(5)]

    await asyncio.gather(*(each.run() for each in processes))

    assert [FIRST] == server.used
    assert 2 == len(await rows(house_everywhere, auth_payloads))
    assert [] == await alerts(house_everywhere, "refresh_failing")


async def test_a_process_that_died_with_the_lease_holds_nobody_up_for_long(
    house: RunningHouse, root: Client, server: OpenAiAuth, refresher: Refresher
):
    await hub(root, lives_s=30)

    async def leased_until(moment: dt.datetime) -> None:
        async with house.house.database.write() as tx:
            lease = {"refresh_lease_owner": "somebody", "refresh_lease_until": moment}
            await tx.execute(update(fleet_pools).where(fleet_pools.c.name == "hub").values(**lease))

    await leased_until(utc_now() + dt.timedelta(seconds=60))
    await refresher.run()
    assert [] == server.used
    await leased_until(utc_now() - dt.timedelta(seconds=1))
    await refresher.run()
    assert [FIRST] == server.used


@pytest.mark.parametrize("fault", ["away", "not_json", "no_token"])
async def test_a_server_that_does_not_answer_as_it_should_is_asked_again_later(
    house: RunningHouse, root: Client, server: OpenAiAuth, refresher: Refresher, fault: str
):
    await hub(root, lives_s=30)
    server.misbehaviour = fault
    await refresher.run()
    await refresher.run()

    (alert,) = await alerts(house, "refresh_failing")
    assert {"error": "unreachable"} == alert.details
    server.misbehaviour = ""
    await refresher.run()
    assert [] == server.used, "it has to wait first"
    async with house.house.database.write() as tx:
        earlier = utc_now() - dt.timedelta(seconds=31)
        await tx.execute(update(fleet_pools).values(refresh_failed_at=earlier))
    await refresher.run()
    assert [FIRST] == server.used
    assert [] == await alerts(house, "refresh_failing")


@pytest.mark.parametrize("fault", ["reused", "invalidated", "forbids"])
async def test_a_login_that_is_gone_is_not_tried_again_until_there_is_another(
    house: RunningHouse, root: Client, server: OpenAiAuth, refresher: Refresher, fault: str
):
    await hub(root, lives_s=30)
    code = {"forbids": "refused"}.get(fault, f"refresh_token_{fault}")
    match fault:
        case "reused":
            server.used, server.good = [FIRST], "another"
        case "invalidated":
            server.good = "another"
        case _:
            server.misbehaviour = "forbids"

    await refresher.run()
    async with house.house.database.write() as tx:
        await tx.execute(update(fleet_pools).values(refresh_failed_at=utc_now() - dt.timedelta(days=1)))
    await refresher.run()

    (alert,) = await alerts(house, "refresh_failing")
    assert {"error": code} == alert.details
    assert code == granted(await root.get("/api/fleet/pools/hub"))["refresh_error"]
    server.misbehaviour, server.good = "", "rt-second-0123456789"
    granted(await root.post(CREDENTIALS, json={"auth": login("second", last_refresh=ago(minutes=1), lives_s=30)}))
    assert [] == await alerts(house, "refresh_failing")
    await refresher.run()
    assert "rt-second-0123456789" == server.used[-1]


async def test_what_was_renewed_while_somebody_replaced_the_login_is_kept_in_history(
    house: RunningHouse, root: Client, server: OpenAiAuth, refresher: Refresher
):
    await hub(root, lives_s=30)
    server.pause_s = 0.5
    replaced = login("replaced", last_refresh=ago(minutes=1))

    async def replaces() -> None:
        await asyncio.sleep(0.2)
        granted(await root.post(CREDENTIALS, json={"auth": replaced}))

    await asyncio.gather(refresher.run(), replaces())

    history = granted(await root.get(f"{CREDENTIALS}/payloads"))["items"]
    assert ["refresh", "operator", "operator"] == [payload["origin"] for payload in history]
    assert history[1]["id"] == granted(await root.get(CREDENTIALS))["canonical"]["id"]


async def test_a_refresh_is_asked_for_only_where_the_hub_does_it(root: Client):
    assert (409, "not_refreshed_here") == refusal(await root.post("/api/fleet/credentials/default/refresh"))


async def test_a_file_of_a_hub_is_no_login_anywhere_else(house: RunningHouse, root: Client):
    await hub(root)
    a = await member(root, house)
    await a.syncs()
    of_the_hub = {**a.file, "last_refresh": ago(seconds=1)}

    granted(await root.patch("/api/fleet/pools/hub", json={"mode": "shared"}))

    a.file = of_the_hub
    assert "upload_required" == (await a.asks())["status"]
    assert "outdated" == (await a.hands_in())["status"]
    assert FIRST == held(a)
    upload = await root.post(CREDENTIALS, json={"auth": of_the_hub})
    assert (422, "credential_refused") == refusal(upload)


async def test_another_master_key_opens_neither_the_login_nor_the_hosts_tokens(
    house: RunningHouse, root: Client, tmp_path: Path
):
    await hub(root)
    a = await member(root, house)
    await a.syncs()
    other = test_settings(f"sqlite://{tmp_path}/other.db", tmp_path / "other")
    async with open_house(other) as elsewhere:
        assert (401, "refresh_token_invalidated") == refused(await refreshes(elsewhere, held(a)))


def test_a_token_says_when_it_ends_or_does_not():
    assert renewal.expires_at(access_token(lives_s=100)) is not None
    for token in ("", "abc", "a.b.c", "a.e30.c", "a.bnVsbA.c", f"a.{'W' * 20_000}.c", "a.eyJleHAiOiAxZTk5OX0.c"):
        assert renewal.expires_at(token) is None
        assert not renewal.is_stale(token, utc_now())


@given(st.text(max_size=200))
def test_no_text_is_more_than_a_token_that_does_not_say_when_it_ends(token: str):
    assert renewal.expires_at(token) is None


@given(st.floats(60, 1_000_000))
def test_a_login_is_renewed_between_ten_and_twelve_minutes_before_its_end(lives_s: float):
    token = access_token(lives_s=lives_s)
    ends = renewal.expires_at(token)
    assert ends is not None

    ahead = ends - renewal.due_at(token, utc_now())

    assert dt.timedelta(minutes=10) <= ahead <= dt.timedelta(minutes=12)


@given(st.integers(1, 100))
def test_the_wait_after_failures_grows_up_to_a_quarter_of_an_hour(failures: int):
    now = utc_now()

    assert not renewal.may_try("unreachable", now, failures, now + dt.timedelta(seconds=29))
    assert renewal.may_try("unreachable", now, failures, now + dt.timedelta(minutes=15))
    assert not renewal.may_try("refresh_token_reused", now, failures, now + dt.timedelta(days=365))
    assert renewal.may_try(None, None, 0, now)
