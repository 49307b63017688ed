"""What hosts report is added up and asked for like what went through the gateway, and never together with it."""

import csv
import datetime as dt
import io
from collections.abc import Mapping
from typing import Any

import pytest
from control.telemetry.bench import NOON_MS, TENANT, Bench, event
from control.telemetry.test_usage import migrated
from sqlalchemy import delete, func, insert, select
from support.answers import granted, refusal
from support.fleet import enrol, told
from support.house import Client, RunningHouse

from monoize.base.clock import utc_now
from monoize.base.ids import fingerprint, new_id
from monoize.control.fleet.actions.usage import forget_ingests
from monoize.control.fleet.model.pools import DEFAULT_POOL_ID
from monoize.control.fleet.model.usage import EARLIER_MOST
from monoize.control.fleet.tables import hosts, token_usage_ingests
from monoize.control.identity.tables import tenants, users
from monoize.control.telemetry.actions import usage
from monoize.control.telemetry.actions.reported import record_reported
from monoize.control.telemetry.actions.retention import forget_old
from monoize.control.telemetry.errors import NotTold
from monoize.control.telemetry.model.queries import Dimension, Step, UsageTable, span_of
from monoize.control.telemetry.model.reported import KEPT_LEAST, Reported, ReportedKey, ReportedSum, by_day
from monoize.control.telemetry.tables import (
    reported_days,
    reported_usage_days,
    reported_usage_hours,
    token_usages,
)
from monoize.infra.db import Tx

PATH = "/api/telemetry/usage"
NOON = dt.datetime.fromtimestamp(NOON_MS / 1000, dt.UTC)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
ENTRY = {"input": 1_000, "cached": 400, "output": 250, "reasoning": 64, "model": "gpt-5-codex"}


async def made(bench: Bench, fqdn: str = "one") -> tuple[int, int]:
    """(host, ingest)"""
    async with bench.database.write() as tx:
        row = {"fqdn": fqdn, "api_key": fingerprint(fqdn), "pool_id": DEFAULT_POOL_ID}
        host = (await tx.execute(insert(hosts).values(**row))).inserted_primary_key
        assert host is not None
        ingest = insert(token_usage_ingests).values(host_id=host[0], entries=1)
        ingested = (await tx.execute(ingest)).inserted_primary_key
        assert ingested is not None
        return host[0], ingested[0]


def reported(host: tuple[int, int], at: dt.datetime = NOON, **fields: Any) -> Reported:
    counts: dict[str, Any] = {"total": 15, "input_tokens": 10, "output_tokens": 5, "cached_tokens": 30}
    about = {"tenant_id": TENANT, "provider": "openai", "model": "gpt-5", "cost_nano": 7, **counts}
    return Reported(host_id=host[0], ingest_id=host[1], at=at, **about | fields)


async def record(bench: Bench, *rows: Reported) -> None:
    async with bench.database.write() as tx:
        await record_reported(tx, rows)


async def asked(bench: Bench, *by: Dimension, step: Step | None = None, **wanted: Any) -> UsageTable:
    span = span_of(step or "day", NOON - 2 * DAY, NOON + 2 * DAY, NOON, "reported")
    async with bench.database.read() as tx:
        return await usage.usage(tx, span, by, wanted, in_steps=step is not None, sees_behind=True)


async def sums(bench: Bench, table: Any) -> dict[ReportedKey, ReportedSum]:
    async with bench.database.read() as tx:
        rows = (await tx.execute(select(table))).all()
    key = len(ReportedKey._fields)
    return {ReportedKey(*row[:key]): ReportedSum(*row[key:]) for row in rows}


async def no_ceilings(_: Tx) -> Mapping[str, int]:
    return {}


async def test_hours_and_days_say_the_same_by_host_person_model_and_provider(bench: Bench):
    one, two, somebody = await made(bench), await made(bench, "two"), new_id()
    await bench.record(event())
    await record(bench, reported(one), reported(one, NOON + HOUR), reported(two, user_id=somebody, model=None))
    await record(bench, reported(one, NOON + DAY, provider="google", cost_nano=None), reported(one, total=None))

    hours, days = [await sums(bench, table) for table in (reported_usage_hours, reported_usage_days)]

    assert (4, 3) == (len(hours), len(days))
    assert days == by_day(hours)
    by_host = await asked(bench, "host_id")
    assert [(str(one[0]), 4, 21), (str(two[0]), 1, 7)] == [
        (row.by["host_id"], row.usage.calls, row.usage.cost_nano_usd) for row in by_host.items
    ]
    total = by_host.total
    assert (5, 50, 150, 200, 25, 28, 1, 0) == (
        *(total.calls, total.input_tokens, total.cache_read_input_tokens, total.total_input_tokens),
        *(total.output_tokens, total.cost_nano_usd, total.unpriced_calls, total.charge_nano_usd),
    )
    assert "0.75" == total.cache_hit_rate
    assert {None, somebody} == {row.by["user_id"] for row in (await asked(bench, "user_id")).items}
    assert {("openai", "gpt-5"), ("openai", None), ("google", "gpt-5")} == {
        (row.by["provider"], row.by["model"]) for row in (await asked(bench, "provider", "model")).items
    }
    in_hours = await asked(bench, step="hour", host_id=one[0])
    assert [(NOON, 2), (NOON + HOUR, 1), (NOON + DAY, 1)] == [(row.at, row.usage.calls) for row in in_hours.items]
    assert 1 == (await asked(bench, user_id=somebody)).total.calls


async def test_the_greatest_are_told_and_the_others_together(bench: Bench):
    enrolled = [await made(bench, name) for name in ("one", "two", "three")]
    for host, times in zip(enrolled, (1, 3, 2), strict=True):
        await record(bench, *[reported(host)] * times)
    span = span_of("day", NOON, NOON + DAY, NOON, "reported")
    ids = [str(host) for host, _ in enrolled]

    async with bench.database.read() as tx:
        ranking = await usage.ranking(tx, span, ["host_id"], {}, of=["cost_nano"], most=2, sees_behind=True)
        course = await usage.course(tx, span, "host_id", {}, of=["calls"], most=1, sees_behind=True)

    assert [(ids[1], 3), (ids[2], 2)] == [(row.by["host_id"], row.usage.calls) for row in ranking.greatest]
    assert (1, 6) == (ranking.others.calls, ranking.total.calls)
    assert [ids[1]] == list(course.greatest)
    assert [3] == [usage.calls for usage in course.others.values()]


async def test_what_a_source_does_not_know_is_refused_and_not_told_as_nothing(sqlite_bench: Bench):
    for source, dimension in (("reported", "api_key_id"), ("reported", "served_model"), ("gateway", "host_id")):
        span = span_of("day", NOON, NOON, NOON, source)  # type: ignore[arg-type]
        for by, wanted in (([dimension], {}), ([], {dimension: "1"})):
            with pytest.raises(NotTold):
                async with sqlite_bench.database.read() as tx:
                    await usage.usage(tx, span, by, wanted, in_steps=False, sees_behind=True)  # type: ignore[arg-type]


async def test_days_from_before_are_taken_over_once_and_belong_to_whoever_pays_now(bench: Bench):
    (one, _), (two, _) = await made(bench), await made(bench, "two")
    old = {"day": NOON.date() - 400 * DAY, "provider": "openai", "model": "gpt-5", "tenant_id": TENANT}
    numbers = {
        "events": 3,
        "total": 60,
        "input_tokens": 10,
        "output_tokens": 20,
        "cached_tokens": 30,
        "unpriced": 1,
    }
    days = [
        {**old, **numbers, "reasoning_tokens": 5, "cost_nano": 2**50, "host_id": id} for id in (one, two, 10**9)
    ]
    person = new_id()
    async with bench.database.write() as tx:
        tenant = await tx.scalar(select(tenants.c.id).limit(1))
        who = {"id": person, "username": "somebody", "email": "s@example.com", "tenant_id": tenant}
        await tx.execute(insert(users).values(**who))
        await tx.execute(hosts.update().where(hosts.c.id == two).values(user_id=person))
        await tx.execute(insert(reported_days), days)
        await tx.execute(delete(reported_usage_days))

    for _ in range(2):
        await migrated(bench, 30)

    taken_over = await sums(bench, reported_usage_days)
    assert {one: "", two: person, 10**9: ""} == {key.host_id: key.user_id for key in taken_over}
    assert {ReportedSum(3, 1, 60, 10, 20, 30, 5, 2**50)} == set(taken_over.values())
    assert {int((NOON - 400 * DAY).replace(hour=0).timestamp() * 1000)} == {key.at_ms for key in taken_over}


async def test_old_rows_go_and_what_they_added_up_to_stays(bench: Bench):
    host = await made(bench)
    await record(bench, reported(host, NOON - 91 * DAY), reported(host, NOON - 89 * DAY), reported(host))

    await forget_old(bench.database, NOON, kept_days=90, hours_kept_days=80, ceilings=no_ceilings)
    await forget_ingests(bench.database, utc_now() + 89 * DAY, kept_days=90)

    async with bench.database.read() as tx:
        counted = [
            await tx.scalar(select(func.count()).select_from(table))
            for table in (token_usages, reported_usage_hours, reported_usage_days, token_usage_ingests)
        ]
    assert [2, 1, 3, 1] == counted
    await forget_ingests(bench.database, utc_now() + 91 * DAY, kept_days=90)
    async with bench.database.read() as tx:
        assert 0 == await tx.scalar(select(func.count()).select_from(token_usage_ingests))


async def test_rows_that_may_be_reported_once_more_are_kept_to_know_them_by(sqlite_bench: Bench):
    assert KEPT_LEAST > EARLIER_MOST
    host = await made(sqlite_bench)
    await record(sqlite_bench, reported(host, NOON - EARLIER_MOST), reported(host, NOON - KEPT_LEAST - HOUR))

    await forget_old(sqlite_bench.database, NOON, kept_days=1, hours_kept_days=0, ceilings=no_ceilings)
    await forget_ingests(sqlite_bench.database, utc_now() + 31 * DAY, kept_days=1)

    async with sqlite_bench.database.read() as tx:
        for table in (token_usages, token_usage_ingests):
            assert 1 == await tx.scalar(select(func.count()).select_from(table))


async def test_people_see_what_their_own_hosts_report_and_no_cost(house: RunningHouse, root: Client, user: Client):
    mine = await enrol(root, house, "mine", user_id=user.user["id"])
    other = await enrol(root, house, "other")
    for host, times in ((mine, 1), (other, 2)):
        told(await host.calls().post("/usage", json={"usages": [ENTRY] * times}))
    await Bench(house.house.database).record(event(at_ms=int(utc_now().timestamp() * 1000)))

    own = granted(await user.get(PATH, params={"source": "reported", "group_by": "host", "step": "day"}))
    every = granted(await root.get(PATH, params={"source": "reported", "group_by": "host", "everybody": "true"}))
    measured = granted(await root.get(PATH, params={"everybody": "true"}))
    summary = granted(await root.get("/api/telemetry/summary?source=reported&everybody=true"))
    of_one = granted(await root.get(f"{PATH}?source=reported&everybody=true&host_id={other.id}"))

    assert [(str(mine.id), 1, None)] == [
        (row["by"]["host_id"], row["usage"]["calls"], row["usage"]["cost_nano_usd"]) for row in own["items"]
    ]
    assert {str(mine.id): 1, str(other.id): 2} == {
        row["by"]["host_id"]: row["usage"]["calls"] for row in every["items"]
    }
    assert (3, 1, 3, 2) == (
        *(every["total"]["calls"], measured["total"]["calls"], summary["today"]["calls"]),
        of_one["total"]["calls"],
    )
    table = (await root.get(f"{PATH}.csv?source=reported&everybody=true&group_by=host")).text
    assert {str(mine.id), str(other.id)} == {row["host_id"] for row in csv.DictReader(io.StringIO(table))}
    assert (422, "not_told_apart") == refusal(await root.get(f"{PATH}?source=reported&group_by=key"))
    assert (422, "not_told_apart") == refusal(await root.get(f"{PATH}?group_by=host"))


async def test_a_host_of_the_gateway_is_counted_there_and_not_once_more(house: RunningHouse, root: Client):
    granted(await root.post("/api/fleet/pools", json={"name": "metered", "mode": "gateway"}))
    host = await enrol(root, house, pool="metered", user_id=root.user["id"])
    key = granted(await root.get(host.path))["gateway_key_id"]
    now_ms = int(utc_now().timestamp() * 1000)
    await Bench(house.house.database).record(event(at_ms=now_ms, changes={"api_key_id": key}))

    assert 0 == told(await host.calls().post("/usage", json=ENTRY))["recorded"]

    measured = granted(await root.get(f"{PATH}?everybody=true&group_by=key"))
    assert [(key, 1)] == [(row["by"]["api_key_id"], row["usage"]["calls"]) for row in measured["items"]]
    assert [] == granted(await root.get(f"{PATH}?source=reported&everybody=true&group_by=host"))["items"]
