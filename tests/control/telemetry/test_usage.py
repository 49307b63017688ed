"""What calls add up to, hour by hour and day by day: the same whoever asks, and no more than they may know."""

import csv
import datetime as dt
import io
import math
from collections.abc import Sequence
from typing import Any, Final

from alembic.migration import MigrationContext
from alembic.operations import Operations
from control.telemetry.bench import DAY, DAY_MS, NOON_MS, TENANT, USAGE_NANO, Bench, event
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, insert, select
from support.answers import refusal
from support.cost_strategies import at_leisure
from support.house import Client, RunningHouse
from support.price_book import HAIKU

from monoize.base.cost.sheet import UNPRICED
from monoize.base.cost.usage import Usage
from monoize.base.ids import new_id
from monoize.contract.events import Charged, RequestLog
from monoize.control.ledger.actions.logs import log_requests
from monoize.control.telemetry.actions import usage
from monoize.control.telemetry.model.calls import RecordedCall
from monoize.control.telemetry.model.queries import Dimension, Figure, UsageTable, span_of
from monoize.control.telemetry.model.usage import (
    DURATION_BOUNDS_MS,
    HOUR_MS,
    Figures,
    ModelKey,
    UsageKey,
    by_day,
    by_hour,
    by_model,
    percentile_ms,
    total,
)
from monoize.control.telemetry.tables import (
    telemetry_days,
    usage_days,
    usage_hours,
    usage_model_days,
    usage_model_hours,
)
from monoize.migrations.runner import known_migrations

SOMEBODY, ANOTHER = new_id(), new_id()
NOON = dt.datetime(2026, 2, 8, 12, tzinfo=dt.UTC)
PATH = "/api/telemetry/usage"


def call(user_id: str = SOMEBODY, *, duration_ms: int = 800, status: Any = "success", **more: Any) -> Charged:
    log = RequestLog(
        model="sonnet", status=status, reasoning_tokens=30, duration_ms=duration_ms, ttfb_ms=duration_ms // 4
    )
    changes = {"user_id": user_id, "log": log} | more.pop("changes", {})
    return event(changes=changes, **more)


async def asked(bench: Bench, *by: Dimension, step: Any = None, **wanted: Any) -> UsageTable:
    span = span_of(step or "day", NOON - dt.timedelta(days=2), NOON + dt.timedelta(days=2), NOON)
    async with bench.database.read() as tx:
        return await usage.usage(tx, span, by, wanted, in_steps=step is not None, sees_behind=True)


@at_leisure
@given(st.lists(st.integers(0, 900_000), min_size=1, max_size=40))
def test_percentiles_lie_in_the_buckets_of_the_calls_they_stand_for(durations: list[int]):
    each = [call(duration_ms=duration) for duration in durations]
    (figures,) = by_hour(RecordedCall.of(one, one.call) for one in each if one.call).values()

    last = DURATION_BOUNDS_MS[-1]
    for share in (0.5, 0.95, 1.0):
        exact = min(sorted(durations)[math.ceil(share * len(durations)) - 1], last)
        found = percentile_ms(figures.durations, share)
        low = max((bound for bound in (0, *DURATION_BOUNDS_MS) if bound < exact), default=0)
        high = min(bound for bound in DURATION_BOUNDS_MS if bound >= exact)
        assert found is not None
        assert low <= found <= high


def test_nothing_has_no_percentile():
    assert percentile_ms(Figures().durations, 0.95) is None


async def test_hours_and_days_say_the_same_of_everybody(bench: Bench):
    await bench.record(
        call(),
        call(at_ms=NOON_MS + HOUR_MS),
        call(ANOTHER, at_ms=NOON_MS + DAY_MS, model="claude-haiku-4-5", provider="openai"),
    )
    await bench.record(
        call(status="error"), call(sheet=UNPRICED), call(usage=Usage(1), sheet=HAIKU, changes={"log": None})
    )

    async with bench.database.read() as tx:
        hours, days = [
            {UsageKey(*row[:8]): Figures(*row[8:]) for row in await tx.execute(select(table))}
            for table in (usage_hours, usage_days)
        ]
    assert days == by_day(hours)
    async with bench.database.read() as tx:
        of_models = [
            {ModelKey(*row[:5]): Figures(*row[5:]) for row in await tx.execute(select(table))}
            for table in (usage_model_hours, usage_model_days)
        ]
    assert [by_model(hours), by_model(days)] == of_models
    assert 6 == total(days.values()).calls
    found = await asked(bench, "user_id")
    assert [(SOMEBODY, 5), (ANOTHER, 1)] == [(row.by["user_id"], row.usage.calls) for row in found.items]
    of_somebody = found.items[0].usage
    assert ("0.2", 1, 3 * USAGE_NANO + 1_000) == (
        *(of_somebody.error_rate, of_somebody.unpriced_calls, of_somebody.cost_nano_usd),
    )
    assert (800, 200) == (of_somebody.mean_ms, of_somebody.mean_first_byte_ms)
    assert 500 < (of_somebody.p95_ms or 0) <= 1_000
    in_hours = await asked(bench, "model", step="hour", user_id=SOMEBODY)
    assert [NOON, NOON, NOON + dt.timedelta(hours=1)] == [row.at for row in in_hours.items]
    assert found.total.calls == (await asked(bench, "provider", "served_model", step="day")).total.calls
    assert (await asked(bench, tenant_id=TENANT)).total == (await asked(bench)).total
    assert [] == (await asked(bench, provider="nobody")).items


async def test_the_greatest_are_told_and_the_others_together(bench: Bench):
    third = new_id()
    await bench.record(
        *(call(ANOTHER, at_ms=NOON_MS + day * DAY_MS) for day in (0, 0, 1)),
        *(
            call(SOMEBODY, at_ms=NOON_MS + DAY_MS, model=model)
            for model in ("claude-haiku-4-5", "claude-sonnet-4-6")
        ),
        call(third),
    )
    day, next_day = (NOON.replace(hour=0) + dt.timedelta(days=days) for days in (0, 1))
    span = span_of("day", NOON, NOON + dt.timedelta(days=2), NOON)
    calls: Final[Sequence[Figure]] = ["calls"]

    async with bench.database.read() as tx:
        two = await usage.ranking(tx, span, ["user_id"], {}, of=calls, most=2, sees_behind=True)
        one = await usage.ranking(tx, span, ["user_id", "served_model"], {}, of=calls, most=1, sees_behind=True)
        none = await usage.ranking(
            tx, span, ["user_id"], {"provider": "nobody"}, of=calls, most=2, sees_behind=True
        )
        course = await usage.course(tx, span, "user_id", {}, of=calls, most=2, sees_behind=True)

    assert [(ANOTHER, 3), (SOMEBODY, 2)] == [(row.by["user_id"], row.usage.calls) for row in two.greatest]
    assert (1, 6, 6 * USAGE_NANO) == (two.others.calls, two.total.calls, two.total.cost_nano_usd)
    assert [3] == [row.usage.calls for row in one.greatest]
    assert ([], 0, 0) == (none.greatest, none.others.calls, none.total.calls)
    steps = {name: {at: each.calls for at, each in steps.items()} for name, steps in course.greatest.items()}
    assert {ANOTHER: {day: 2, next_day: 1}, SOMEBODY: {next_day: 2}} == steps
    assert {day: 1, next_day: 0} == {at: each.calls for at, each in course.others.items()}


async def test_savings_and_drift_come_from_sums(sqlite_bench: Bench):
    await sqlite_bench.record(call(estimate_nano=2 * USAGE_NANO), call(estimate_nano=2 * USAGE_NANO), call())

    found = (await asked(sqlite_bench)).total

    assert ("-0.5", "0.727273", "0.70202", 3 * 20_850_000) == (
        *(found.drift, found.cache_hit_rate, found.cache_efficiency, found.cache_savings_nano_usd),
    )


async def test_a_call_that_nobody_answered_is_among_the_errors_and_not_among_the_costs(sqlite_bench: Bench):
    await sqlite_bench.record(call(), call(usage=Usage(), status="error", is_failure=True))

    found = (await asked(sqlite_bench)).total
    assert (2, 1, USAGE_NANO) == (found.calls, found.failed_calls, found.cost_nano_usd)
    assert [1] == [cost.calls for cost in await sqlite_bench.costs()]


async def test_what_was_recorded_before_is_added_up_once(bench: Bench):
    events = [call(), call(), call(ANOTHER, at_ms=NOON_MS + HOUR_MS, duration_ms=400_000)]
    async with bench.database.write() as tx:
        await log_requests(tx, events)
    await bench.record(*events)
    before = await asked(bench, "user_id", "model", step="hour")
    async with bench.database.write() as tx:
        for table in (usage_hours, usage_days, usage_model_hours, usage_model_days):
            await tx.execute(delete(table))

    for _ in range(2):
        for version in (23, 27):
            await migrated(bench, version)

    after = await asked(bench, "user_id", "model", step="hour")
    unknown = {"cache_savings_nano_usd", "cache_efficiency", "drift"}
    known = [name for name in before.total.__dataclass_fields__ if name not in unknown]
    for old, new in zip((*before.items, before), (*after.items, after), strict=True):
        old_sums, new_sums = (getattr(each, "usage", None) or before.total for each in (old, new))
        assert [getattr(old_sums, name) for name in known] == [getattr(new_sums, name) for name in known]
    of_models = await asked(bench, "model", step="hour")
    assert before.total.charge_nano_usd == after.total.charge_nano_usd == of_models.total.charge_nano_usd


async def test_days_that_only_the_old_sums_know_are_taken_over_once(bench: Bench):
    await bench.record(call())
    old = {"tenant_id": TENANT, "provider": "anthropic", "model": "m", "calls": 7, "unpriced_calls": 2}
    days = [{**old, "day": day, "cost_nano": 2**60} for day in (DAY, DAY - dt.timedelta(days=200))]
    async with bench.database.write() as tx:
        await tx.execute(insert(telemetry_days), days)

    for _ in range(2):
        await migrated(bench, 26)
    async with bench.database.write() as tx:
        await tx.execute(delete(usage_model_days))
    await migrated(bench, 27)

    (taken_over,) = await bench.costs(since=DAY - dt.timedelta(days=201), until=DAY - dt.timedelta(days=190))
    assert (days[1]["day"], "m", 7, 2, 2**60) == (
        *(taken_over.day, taken_over.model, taken_over.calls, taken_over.unpriced_calls),
        taken_over.cost_nano_usd,
    )
    assert [USAGE_NANO] == [cost.cost_nano_usd for cost in await bench.costs()]


async def migrated(bench: Bench, version: int) -> None:
    """Once more: each step looks whether it was taken."""
    migration = next(each for each in known_migrations() if each.version == version).load()

    def upgrade(connection: Connection) -> None:
        with Operations.context(MigrationContext.configure(connection)):
            migration.upgrade()

    async with bench.database.connect() as connection:
        await connection.run_sync(upgrade)
        await connection.commit()


async def test_people_see_their_own_and_what_it_cost_us_only_who_may(
    house: RunningHouse, root: Client, user: Client
):
    me = (await user.get("/api/me")).json()["user"]["id"]
    await Bench(house.house.database).record(call(me), call(ANOTHER))
    days = {"since": f"{DAY}T00:00:00Z", "until": f"{DAY + dt.timedelta(days=1)}T00:00:00Z"}

    mine = (await user.get(PATH, params=days | {"group_by": "model", "step": "day"})).json()
    every = (await root.get(PATH, params=days | {"group_by": "user", "everybody": "true"})).json()

    assert [("sonnet", 1, None, str(USAGE_NANO))] == [
        (row["by"]["model"], row["usage"]["calls"], row["usage"]["cost_nano_usd"], row["usage"]["charge_nano_usd"])
        for row in mine["items"]
    ]
    assert ({me, ANOTHER}, str(2 * USAGE_NANO)) == (
        {row["by"]["user_id"] for row in every["items"]},
        every["total"]["cost_nano_usd"],
    )
    table = await root.get(f"{PATH}.csv", params=days | {"group_by": "served_model", "everybody": "true"})
    assert "text/csv; charset=utf-8" == table.headers["content-type"]
    header, row = csv.reader(io.StringIO(table.text))
    assert ("claude-sonnet-4-6", "2") == (row[header.index("served_model")], row[header.index("calls")])
    for params in (
        {"group_by": "provider"},
        {"group_by": "user"},
        {"served_model": "x"},
        {"everybody": "true"},
        {"user_id": ANOTHER},
    ):
        assert (403, "not_permitted") == refusal(await user.get(PATH, params=params)), params
    for params, code in (
        ({"group_by": "user,model,key"}, "unknown_dimension"),
        ({"group_by": "colour"}, "unknown_dimension"),
        ({"step": "hour", "since": "2020-01-01T00:00:00Z"}, "span_too_long"),
        ({"since": "0001-01-01T00:00:00Z", "until": "9999-12-31T23:59:59Z"}, "span_too_long"),
        ({"step": "week"}, "invalid_request"),
    ):
        assert (422, code) == refusal(await root.get(PATH, params={"everybody": "true"} | params)), params
    summary = (await user.get("/api/telemetry/summary")).json()
    assert (0, 0, []) == (summary["today"]["calls"], summary["month"]["calls"], summary["days"])
