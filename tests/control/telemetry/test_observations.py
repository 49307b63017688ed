"""What agents report of themselves: once, in their own tenant, without a cost, and kept as long as it may be."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest
from control.telemetry.bench import NOON_MS, TENANT, Bench, event
from sqlalchemy import func, select
from support.answers import granted, refusal
from support.house import Client, RunningHouse

from monoize.base.clock import DAY_MS, utc_now
from monoize.base.ids import new_id
from monoize.base.principal import Principal
from monoize.control.telemetry.actions import observations
from monoize.control.telemetry.actions.observations import Taken
from monoize.control.telemetry.actions.retention import forget_old
from monoize.control.telemetry.model.observations import BATCHES_PER_MINUTE, Observation
from monoize.control.telemetry.tables import usage_days, usage_hours, usage_model_hours
from monoize.infra.db import Tx
from monoize.infra.forgetting import BATCH

PATH = "/api/telemetry"
NOON = dt.datetime(2026, 2, 8, 12, tzinfo=dt.UTC)
CALL: Mapping[str, Any] = {"metric_type": "tool", "metric_name": "call", "metric_value": 12.5, "unit": "ms"}


def caller(id: str = "k-1", tenant_id: str = TENANT) -> Principal:
    return Principal("api_key", id, "sk-1", "user", tenant_id, frozenset(), user_id=new_id())


async def report(bench: Bench, who: Principal, *told: Observation) -> Taken:
    async with bench.database.write() as tx:
        return await observations.report(tx, who, told, {}, NOON)


def turn(key: str | None = None, **more: Any) -> Observation:
    fields: dict[str, Any] = {"metric_type": "llm", "metric_name": "turn", "metric_value": 1, "at": NOON}
    return Observation(**fields | {"idempotency_key": key, "input_tokens": 7} | more)


@pytest.mark.case(40)
async def test_a_report_that_comes_again_counts_once_for_each_caller(bench: Bench):
    who, another = caller(), caller("k-2")

    assert Taken(2, 1) == await report(bench, who, turn("a"), turn("a"), turn())
    assert Taken(1, 1) == await report(bench, who, turn("a"), turn("b"))
    assert Taken(1, 0) == await report(bench, another, turn("a"))

    rows = await bench.rows()
    assert 4 == len(rows)
    assert {TENANT} == {row.tenant_id for row in rows}
    assert {(7, None, None, None)} == {
        (row.input_tokens, row.output_tokens, row.cost_nano, row.computed_cost_usd) for row in rows
    }
    assert [] == await bench.days()


async def test_keys_agents_and_programs_report_in_their_own_name(house: RunningHouse, root: Client, user: Client):
    made = (await user.post("/api/keys", json={"name": "agent"})).json()
    key = house.bearing(made["secret"])
    told = {**CALL, "agent_id": "somebody", "metadata": {"tool": "sql"}, "timestamp": utc_now().isoformat()}

    assert {"recorded": 1, "known": 0, "left_out": 0} == (await key.post(PATH, json={"events": [told]})).json()
    granted(await root.post("/api/plans", json={"name": "small", "max_agents": 1, "max_vpses": 1}))
    granted(await root.put(f"/api/users/{root.user['id']}/plan", json={"plan": "small"}))
    agent = granted(await root.post("/api/agents", json={"name": "helper"}))
    itself = house.bearing(agent["gateway_token"])
    assert 200 == (await itself.post(PATH, json={"events": [told]})).status_code

    rows = await Bench(house.house.database).rows()
    me, boss = [(await one.get("/api/me")).json()["user"] for one in (user, root)]
    assert [("somebody", me["id"]), (agent["agent"]["id"], boss["id"])] == [
        (row.agent_id, row.created_by) for row in rows
    ]
    assert {me["tenant_id"]} == {row.tenant_id for row in rows}


async def test_what_cannot_be_reported_is_refused_and_leaves_nothing(house: RunningHouse, user: Client):
    long_ago = (utc_now() - dt.timedelta(days=31)).isoformat()
    ahead = (utc_now() + dt.timedelta(hours=1)).isoformat()
    for wrong, code in (
        ({"metric_type": "llm", "metric_name": "request"}, "kind_not_reported"),
        ({"metric_type": "approval", "metric_name": "approved"}, "kind_not_reported"),
        ({"timestamp": long_ago}, "implausible_time"),
        ({"timestamp": ahead}, "implausible_time"),
        ({"tenant_id": TENANT}, "invalid_request"),
        ({"cost_nano": 1}, "invalid_request"),
        ({"metadata": {"text": "x" * 9_000}}, "invalid_request"),
        ({"metric_value": "12.5"}, "invalid_request"),
        ({"metric_value": True}, "invalid_request"),
        ({"trace_id": "short"}, "invalid_request"),
        ({"input_tokens": -1}, "invalid_request"),
    ):
        answer = await user.post(PATH, json={"events": [CALL, {**CALL, **wrong}]})
        assert (422, code) == refusal(answer), wrong
    for events in ([], [CALL] * 201):
        assert (422, "invalid_request") == refusal(await user.post(PATH, json={"events": events}))
    assert [] == await Bench(house.house.database).rows()

    caller_id = user.user["id"]
    for _ in range(BATCHES_PER_MINUTE):
        await house.house.counters.add(f"telemetry:user:{caller_id}", 60)
    assert (429, "too_much_telemetry") == refusal(await user.post(PATH, json={"events": [CALL]}))


@pytest.mark.parametrize("ceiling", [None, 10])
async def test_what_is_old_goes_and_what_it_added_up_to_stays(bench: Bench, ceiling: int | None):
    agent_id = new_id()
    old = [event(at_ms=NOON_MS - 40 * DAY_MS) for _ in range(BATCH + 1)]
    of_agent = event(at_ms=NOON_MS - 20 * DAY_MS, agent_id=agent_id)
    young = event(at_ms=NOON_MS - 20 * DAY_MS)
    await bench.record(*old, of_agent, young)

    async def ceilings(_: Tx) -> Mapping[str, int]:
        return {} if ceiling is None else {agent_id: ceiling, "another": 400}

    gone = await forget_old(bench.database, NOON, kept_days=30, hours_kept_days=0, ceilings=ceilings)

    kept = [young.id] if ceiling else sorted([of_agent.id, young.id])
    assert kept == sorted(row.id for row in await bench.rows())
    assert BATCH + 3 - len(kept) == gone
    async with bench.database.read() as tx:
        for table in (usage_hours, usage_days):
            assert BATCH + 3 == await tx.scalar(select(func.sum(table.c.calls)))


async def test_hours_go_only_where_that_is_asked_for_and_days_stay(sqlite_bench: Bench):
    await sqlite_bench.record(event(at_ms=NOON_MS - 40 * DAY_MS), event(at_ms=NOON_MS))

    async def none(_: Tx) -> Mapping[str, int]:
        return {}

    await forget_old(sqlite_bench.database, NOON, kept_days=90, hours_kept_days=30, ceilings=none)

    async with sqlite_bench.database.read() as tx:
        tables = (usage_hours, usage_model_hours, usage_days)
        assert [1, 1, 2] == [await tx.scalar(select(func.count()).select_from(one)) for one in tables]
