"""What operators see of what hosts used: by day, week and month, of all hosts, of a pool's or of one."""

import datetime as dt
from typing import Any

import pytest
from support.answers import granted, refusal
from support.fleet import EnrolledHost, enrol, told
from support.house import Client, RunningHouse

from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.control.fleet.actions import usage
from monoize.control.fleet.model.pools import DEFAULT_POOL_ID
from monoize.control.fleet.model.quota import LimitWindow, Reading, Snapshot
from monoize.control.fleet.model.windows import month_of
from monoize.control.fleet.store import usage_snapshots

PATH = "/api/fleet/usage"
DAY = dt.timedelta(days=1)
NOTHING = {
    **dict.fromkeys(("total", "input", "output", "cached", "reasoning", "events", "unpriced"), 0),
    "cost_nano_usd": "0",
}


async def used(host: EnrolledHost, total: int, ago: dt.timedelta = dt.timedelta()) -> None:
    entry = {"total": total, "recorded_at": (utc_now() - ago).isoformat()}
    told(await host.calls().post("/usage", json=entry))


async def overview(root: Client, query: str = "") -> dict[str, Any]:
    found: dict[str, Any] = granted(await root.get(f"{PATH}/overview{query}"))
    return found


async def test_the_overview_adds_up_days_weeks_and_months(house_everywhere: RunningHouse):
    house, root = house_everywhere, await house_everywhere.make_root()
    granted(await root.post("/api/fleet/pools", json={"name": "other"}))
    one, two = await enrol(root, house, "one"), await enrol(root, house, "two", pool="other")
    for host, total, days in ((one, 1, 0), (one, 10, 3), (two, 100, 0), (two, 1_000, 5), (one, 10_000, 30)):
        await used(host, total, days * DAY)

    everything = await overview(root)

    assert (101, 1_111, 11_111) == tuple(everything[span]["total"] for span in ("day", "week", "all_time"))
    assert 5 == everything["all_time"]["events"] == everything["all_time"]["unpriced"]
    in_month = [days for days in (0, 3, 5, 30) if utc_now() - days * DAY >= month_of(utc_now()).since]
    by_days = {0: 101, 3: 10, 5: 1_000, 30: 10_000}
    assert sum(by_days[days] for days in in_month) == everything["month"]["total"]
    assert {"one", "two"} == {each["fqdn"] for each in everything["top_hosts"]}
    assert 10_011 == (await overview(root, "?host=one"))["all_time"]["total"]
    assert 1_100 == (await overview(root, f"?host={two.id}"))["all_time"]["total"]
    assert 1_100 == (await overview(root, "?pool=other"))["week"]["total"]
    granted(await root.post("/api/fleet/pools", json={"name": "empty"}))
    assert NOTHING == (await overview(root, "?pool=empty"))["all_time"]


async def test_the_week_of_a_pool_is_the_one_of_its_account(house: RunningHouse, root: Client):
    host = await enrol(root, house)
    await used(host, 1, dt.timedelta(hours=2))
    await used(host, 10, dt.timedelta(hours=30))
    now = utc_now()
    began_a_day_ago = LimitWindow(5, 604_800, 6 * 86_400)
    async with house.house.database.write() as tx:
        reading = Reading(secondary=began_a_day_ago)
        await usage_snapshots.add(
            tx, DEFAULT_POOL_ID, Snapshot(fetched_at=now, next_eligible_at=now, reading=reading)
        )

    of_pool, of_all = await overview(root, "?pool=default"), await overview(root)

    assert (1, 11) == (of_pool["week"]["total"], of_all["week"]["total"])
    assert now - DAY == dt.datetime.fromisoformat(of_pool["week_began_at"])


async def test_days_are_told_without_gaps_from_the_first_on_which_anything_was_used(house_everywhere: RunningHouse):
    house, root = house_everywhere, await house_everywhere.make_root()
    host = await enrol(root, house)
    await used(host, 7, 3 * DAY)
    await used(host, 8)
    today = utc_now().date()

    async def totals(since: dt.date, until: dt.date) -> list[int]:
        params = {"since": str(since), "until": str(until)}
        items = granted(await root.get(f"{PATH}/days", params=params))["items"]
        return [each["usage"]["total"] for each in items]

    assert [7, 0, 0, 8] == await totals(today - 30 * DAY, today + DAY)
    assert [7, 0, 0] == await totals(today - 30 * DAY, today)
    assert [] == await totals(today - 30 * DAY, today - 20 * DAY)
    assert [] == await totals(today, today)


@pytest.mark.parametrize(("since", "until"), [("2026-01-02", "2026-01-01"), ("2025-01-01", "2026-02-06")])
async def test_too_many_days_or_none_are_refused(root: Client, since: str, until: str):
    answer = await root.get(f"{PATH}/days", params={"since": since, "until": until})

    assert (422, "too_many_days") == refusal(answer)


async def test_what_came_in_is_listed_newest_first_and_by_whose_it_is(house_everywhere: RunningHouse):
    house, root = house_everywhere, await house_everywhere.make_root()
    one, two = await enrol(root, house, "one"), await enrol(root, house, "two")
    for host, total in ((one, 1), (two, 2), (one, 3)):
        await used(host, total)

    first = granted(await root.get(f"{PATH}?limit=2"))
    rest = granted(await root.get(f"{PATH}?limit=2&cursor={first['next_cursor']}"))

    assert [3, 2, 1] == [ingest["total"] for page in (first, rest) for ingest in page["items"]]
    assert [3, 1] == [each["total"] for each in granted(await root.get(f"{PATH}?host=one"))["items"]]
    assert 3 == len(granted(await root.get(f"{PATH}?pool=default"))["items"])


@pytest.mark.parametrize("query", ["?host=nobody", "?pool=nothing", f"?host={10**17}"])
async def test_usage_of_nobody_is_not_found(root: Client, query: str):
    for path in (PATH, f"{PATH}/overview"):
        assert 404 == refusal(await root.get(path + query))[0]


async def test_a_host_hears_what_it_used_this_month(house: RunningHouse, root: Client):
    one, two = await enrol(root, house, "one"), await enrol(root, house, "two")
    await used(one, 5)
    await used(two, 50)

    async with house.house.database.read() as tx:
        month = await usage.month_of(tx, one.id, utc_now())
        later = await usage.month_of(tx, one.id, utc_now() + 32 * DAY)

    assert (5, 1, "0") == (month.total, month.events, month.cost)
    assert 0 == later.total


async def test_whoever_may_not_look_at_the_fleet_sees_nothing_of_it(house: RunningHouse, root: Client):
    user = await house.make_user(root, "alice")
    today = str(utc_now().date())

    for path in (
        *(PATH, f"{PATH}/overview", f"{PATH}/days?since={today}&until={today}"),
        *("/api/fleet/quota", "/api/fleet/quota/default", "/api/fleet/quota/default/history", "/api/fleet/alerts"),
    ):
        assert (403, "not_permitted") == refusal(await user.get(path)), path
    for path in ("/api/fleet/quota/default/refresh", f"/api/fleet/alerts/{new_id()}/resolve"):
        assert (403, "not_permitted") == refusal(await user.post(path)), path
