"""A host that has nothing new costs no commit: its calls are counted in memory and written down together."""

import asyncio
import datetime as dt
from typing import Any

import pytest
from sqlalchemy import event, select
from support.answers import granted
from support.fleet import enrol, stored
from support.house import Client, RunningHouse
from support.logins import Sharer, login

from monoize.base.clock import utc_now
from monoize.control.fleet.actions.sightings import Sightings
from monoize.control.fleet.tables import hosts

HOUR = dt.timedelta(hours=1)


def sightings(house: RunningHouse) -> Sightings:
    found: Sightings = house.app.state.fleet.sightings
    return found


async def row(house: RunningHouse, sharer: Sharer) -> Any:
    async with house.house.database.read() as tx:
        return (await tx.execute(select(hosts).where(hosts.c.id == sharer.host.id))).one()


async def synced(house: RunningHouse, name: str = "one", **terms: Any) -> Sharer:
    """A host that has the login of its pool, and said so."""
    sharer = Sharer(await enrol(await house.make_root(), house, name, **terms), login())
    await sharer.syncs()
    return sharer


def commits(house: RunningHouse) -> list[None]:
    seen: list[None] = []
    event.listen(house.house.database._writer.sync_engine, "commit", lambda _: seen.append(None))
    return seen


async def test_calls_that_bring_nothing_new_are_counted_without_a_commit(house: RunningHouse):
    one = await synced(house)
    before, seen = await row(house, one), commits(house)

    answers = [await one.asks() for _ in range(3)]

    assert ["valid"] * 3 == [data["status"] for data in answers]
    calls = [before.api_calls + more for more in (1, 2, 3)]
    assert calls == [data["api_calls"] for data in answers] == [data["host"]["api_calls"] for data in answers]
    assert [] == seen
    assert before == await row(house, one)


async def test_what_was_counted_is_written_down_once(house_everywhere: RunningHouse):
    house = house_everywhere
    sharers = [await synced(house, name) for name in ("one", "two")]
    before = [(await row(house, each)).api_calls for each in sharers]
    for _ in range(2):
        await asyncio.gather(*(each.asks() for each in sharers))

    for _ in range(2):
        await sightings(house).write_down()

    after = [await row(house, each) for each in sharers]
    assert [calls + 2 for calls in before] == [each.api_calls for each in after]
    assert all(each.last_seen_at > utc_now() - HOUR for each in after)
    assert not sightings(house).any_waiting


async def test_what_cannot_be_written_waits_for_the_next_time(house: RunningHouse):
    one = await synced(house)
    before = (await row(house, one)).api_calls
    await one.asks()

    await let_nobody_write(house, True)
    await sightings(house).write_down()
    await one.asks()
    await let_nobody_write(house, False)
    await sightings(house).write_down()

    assert before + 2 == (await row(house, one)).api_calls


async def let_nobody_write(house: RunningHouse, nobody: bool) -> None:
    connection = await house.house.database._writer.raw_connection()
    await connection.driver_connection.execute(f"PRAGMA query_only = {int(nobody)}")  # type: ignore[union-attr]
    connection.close()


@pytest.mark.parametrize(
    ("terms", "kept"),
    [
        ({"temporary": True}, {"expires_at": 2 * HOUR}),
        ({"secure": False}, {"insecure_enabled_until": dt.timedelta(minutes=10)}),
    ],
    ids=["temporary", "insecure"],
)
async def test_terms_that_a_call_renews_are_renewed_at_once(
    house: RunningHouse, terms: dict[str, Any], kept: dict[str, dt.timedelta]
):
    one = await synced(house, **terms)
    ((name, term),) = kept.items()
    await stored(house, one.host.id, **{name: utc_now() + dt.timedelta(seconds=30)})

    await one.asks()

    assert getattr(await row(house, one), name) > utc_now() + term - dt.timedelta(minutes=1)


async def test_a_window_that_was_closed_meanwhile_stays_closed(house: RunningHouse, root: Client):
    one = await synced(house, secure=False)
    await one.asks()
    granted(await root.delete(f"{one.host.path}/window"))

    await sightings(house).write_down()

    assert (await row(house, one)).insecure_enabled_until is None


async def test_a_host_that_is_gone_is_not_missed(house: RunningHouse, root: Client):
    one = await synced(house)
    await one.asks()
    granted(await root.delete(one.host.path))

    await sightings(house).write_down()

    assert not sightings(house).any_waiting


async def test_a_new_version_is_written_down_at_once(house: RunningHouse):
    one = await synced(house)

    await one.asks(client_version="0.200.0")

    assert "0.200.0" == (await row(house, one)).client_version
