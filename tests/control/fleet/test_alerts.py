"""What operators hear of without asking, once for each trouble, until it is over."""

import asyncio
import datetime as dt
from typing import Any

import pytest
from sqlalchemy import select
from support.answers import granted, refusal
from support.fleet import enrol, stored
from support.house import Client, RunningHouse

from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.control.fleet.actions import alerts, troubles
from monoize.control.fleet.model.alerts import STALE_AFTER, Trouble
from monoize.control.fleet.model.pools import DEFAULT_POOL_ID
from monoize.control.fleet.model.quota import LimitWindow, Reading, Snapshot
from monoize.control.fleet.store import usage_snapshots
from monoize.control.fleet.tables import fleet_alerts

PATH = "/api/fleet/alerts"
NOW = utc_now()
HOUR = dt.timedelta(hours=1)


async def listed(root: Client, query: str = "") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = granted(await root.get(f"{PATH}{query}"))["items"]
    return items


async def raised(house: RunningHouse, trouble: Trouble, now: dt.datetime = NOW) -> None:
    async with house.house.database.write() as tx:
        await alerts.raise_alert(tx, trouble, now)


def new_ip(subject: str = "build-1", **details: Any) -> Trouble:
    return Trouble(kind="new_ip", subject=subject, details=details)


async def used(house: RunningHouse, percent: int) -> None:
    reading = Reading(primary=LimitWindow(percent, 18_000, 9_000))
    now = utc_now()
    async with house.house.database.write() as tx:
        snapshot = Snapshot(fetched_at=now, next_eligible_at=now + HOUR, reading=reading)
        await usage_snapshots.add(tx, DEFAULT_POOL_ID, snapshot)


async def test_trouble_that_is_noticed_again_is_one_alert_that_tells_of_the_latest(house_everywhere: RunningHouse):
    house, root = house_everywhere, await house_everywhere.make_root()

    await raised(house, new_ip(called_from="198.51.100.1"))
    await raised(house, new_ip(called_from="198.51.100.2"), NOW + HOUR)
    await raised(house, new_ip("build-2"))
    await raised(house, Trouble(kind="clone_detected", subject="build-1"))

    one = next(alert for alert in await listed(root, "?kind=new_ip") if alert["subject"] == "build-1")
    assert {"called_from": "198.51.100.2"} == one["details"]
    assert (NOW, NOW + HOUR) == tuple(
        dt.datetime.fromisoformat(one[moment]) for moment in ("raised_at", "last_seen_at")
    )
    assert 3 == len(await listed(root))


async def test_of_many_that_notice_the_same_trouble_at_once_one_raises_an_alert(house_everywhere: RunningHouse):
    house, root = house_everywhere, await house_everywhere.make_root()

    async def noticed(ip: str) -> None:
        async with house.house.database.write() as tx:
            await alerts.raise_alert(tx, new_ip(called_from=ip), utc_now())
            # Nobody sees what is not committed yet.
            await asyncio.sleep(0.05)

    for _ in range(2):
        await asyncio.gather(*(noticed(f"198.51.100.{number}") for number in range(5)))
        (alert,) = await listed(root)
        assert alert["details"]["called_from"].startswith("198.51.100.")
        granted(await root.post(f"{PATH}/{alert['id']}/resolve"))
    assert 2 == len(await listed(root, "?settled=true"))


async def test_an_alert_that_was_seen_to_is_settled_and_trouble_that_comes_back_raises_another(
    house_everywhere: RunningHouse,
):
    house, root = house_everywhere, await house_everywhere.make_root()
    await raised(house, new_ip())
    (alert,) = await listed(root)

    settled = granted(await root.post(f"{PATH}/{alert['id']}/resolve"))

    assert settled["resolved_at"] is not None
    assert [] == await listed(root)
    assert [settled] == await listed(root, "?settled=true")
    await raised(house, new_ip())
    assert alert["id"] != (await listed(root))[0]["id"]
    assert 2 == len(await listed(root, "?settled=true"))


async def test_settling_what_is_settled_or_unknown_changes_no_moment(house: RunningHouse, root: Client):
    await raised(house, new_ip())
    (alert,) = await listed(root)
    first = granted(await root.post(f"{PATH}/{alert['id']}/resolve"))

    assert first == granted(await root.post(f"{PATH}/{alert['id']}/resolve"))
    assert (404, "alert_not_found") == refusal(await root.post(f"{PATH}/{new_id()}/resolve"))


async def test_a_host_that_fell_silent_is_told_of_until_it_is_heard_again(house_everywhere: RunningHouse):
    house, root = house_everywhere, await house_everywhere.make_root()
    silent, suspended = await enrol(root, house, "silent"), await enrol(root, house, "suspended")
    await enrol(root, house, "heard")
    for host in (silent, suspended):
        await stored(house, host.id, last_seen_at=utc_now() - STALE_AFTER - HOUR)
    granted(await root.post(f"{suspended.path}/suspend"))

    await troubles.look(house.house.database, utc_now())
    await troubles.look(house.house.database, utc_now())

    assert [("stale_host", "silent", silent.id)] == [
        (alert["kind"], alert["subject"], alert["host_id"]) for alert in await listed(root)
    ]
    await stored(house, silent.id, last_seen_at=utc_now())
    await troubles.look(house.house.database, utc_now())
    assert [] == await listed(root)


async def test_an_account_near_its_limit_is_told_of_until_there_is_room_again(house: RunningHouse, root: Client):
    await used(house, 95)
    await troubles.look(house.house.database, utc_now())
    (alert,) = await listed(root)
    assert ("quota_near", "default", {"verdict": "warn", "reasons": ["five_hours"]}) == (
        *(alert["kind"], alert["subject"]),
        alert["details"],
    )

    await used(house, 100)
    await troubles.look(house.house.database, utc_now())
    assert [(alert["id"], "refuse")] == [(each["id"], each["details"]["verdict"]) for each in await listed(root)]

    await used(house, 10)
    await troubles.look(house.house.database, utc_now())
    assert [] == await listed(root)


async def test_looking_for_trouble_leaves_alerts_of_other_kinds_alone(house: RunningHouse, root: Client):
    await raised(house, new_ip())

    await troubles.look(house.house.database, utc_now())

    assert 1 == len(await listed(root))


@pytest.mark.parametrize("kind", ["stale_host", "new_ip"])
async def test_a_host_with_a_very_long_name_is_told_of_like_any_other(house_everywhere: RunningHouse, kind: Any):
    house, root = house_everywhere, await house_everywhere.make_root()
    name = ".".join(["h" * 60] * 4)
    trouble = Trouble(kind=kind, subject=name)

    await raised(house, trouble)
    await raised(house, trouble)
    (alert,) = await listed(root)

    assert name.startswith(alert["subject"])
    async with house.house.database.write() as tx:
        await alerts.settle(tx, kind, name, utc_now())
    assert [] == await listed(root)


async def test_settled_alerts_are_forgotten_in_the_end(house: RunningHouse, root: Client):
    await raised(house, new_ip())
    async with house.house.database.write() as tx:
        await alerts.settle(tx, "new_ip", "build-1", NOW)
    await raised(house, new_ip("still open"), NOW - 1000 * dt.timedelta(days=1))

    await troubles.look(house.house.database, NOW + troubles.SETTLED_KEPT_FOR + HOUR)

    async with house.house.database.read() as tx:
        assert ["still open"] == list((await tx.execute(select(fleet_alerts.c.subject))).scalars())
