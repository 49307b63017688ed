"""What each model came to on each day, for those who may look at the money of all."""

import datetime as dt
from typing import Any

import pytest
from control.telemetry.bench import DAY, DAY_MS, NOON_MS, USAGE_NANO, Bench, event
from sqlalchemy import insert
from support.house import Client, RunningHouse

from monoize.base.clock import midnight_ms
from monoize.base.cost.sheet import UNPRICED
from monoize.control.telemetry.errors import TooManyCosts
from monoize.control.telemetry.model.calls import COSTS_MOST
from monoize.control.telemetry.tables import usage_model_days

PATH = "/api/telemetry/costs"


def day_of(model: str) -> dict[str, Any]:
    names = {"tenant_id": "a", "provider": "p", "model": model, "served_model": model}
    return {"at_ms": midnight_ms(DAY), **names}


async def test_costs_are_summed_up_over_tenants_by_provider_day_and_model(bench: Bench):
    await bench.record(
        event(),
        event(tenant_id="another"),
        event(sheet=UNPRICED),
        event(model="claude-haiku-4-5"),
        event(provider="openai"),
        event(at_ms=NOON_MS + DAY_MS),
    )

    tomorrow = DAY + dt.timedelta(days=1)
    assert [
        ("anthropic", DAY, "claude-haiku-4-5", 1, 0, USAGE_NANO),
        ("anthropic", DAY, "claude-sonnet-4-6", 3, 1, 2 * USAGE_NANO),
        ("anthropic", tomorrow, "claude-sonnet-4-6", 1, 0, USAGE_NANO),
        ("openai", DAY, "claude-sonnet-4-6", 1, 0, USAGE_NANO),
    ] == [
        (cost.provider, cost.day, cost.model, cost.calls, cost.unpriced_calls, cost.cost_nano_usd)
        for cost in await bench.costs()
    ]
    assert ["openai"] == [cost.provider for cost in await bench.costs(provider="openai")]
    assert [tomorrow] == [cost.day for cost in await bench.costs(since=tomorrow)]
    assert 3 == len(await bench.costs(until=tomorrow))
    assert [] == await bench.costs(until=DAY)


async def test_sums_beyond_a_number_of_53_bits_stay_exact(bench: Bench):
    rows = [{**day_of("m"), "tenant_id": tenant, "calls": 1, "cost_nano": 2**61 + 1} for tenant in ("a", "b")]
    async with bench.database.write() as tx:
        await tx.execute(insert(usage_model_days), rows)

    assert [2**62 + 2] == [cost.cost_nano_usd for cost in await bench.costs()]


async def test_more_than_31_days_or_too_many_lines_are_refused(sqlite_bench: Bench):
    with pytest.raises(TooManyCosts):
        await sqlite_bench.costs(until=DAY + dt.timedelta(days=32))

    rows = [{**day_of(f"model-{number}"), "calls": 1} for number in range(COSTS_MOST + 1)]
    async with sqlite_bench.database.write() as tx:
        await tx.execute(insert(usage_model_days), rows)
    with pytest.raises(TooManyCosts):
        await sqlite_bench.costs()
    assert [] == await sqlite_bench.costs(provider="another")


async def test_costs_cross_the_wire_as_exact_text(house: RunningHouse, admin: Client):
    await Bench(house.house.database).record(event(), event(sheet=UNPRICED))

    answer = await admin.get(PATH, params={"since": "2026-02-01", "until": "2026-03-01"})

    assert 200 == answer.status_code
    assert [
        {
            "provider": "anthropic",
            "day": "2026-02-08",
            "model": "claude-sonnet-4-6",
            "calls": 2,
            "unpriced_calls": 1,
            "cost_nano_usd": str(USAGE_NANO),
            "source": "gateway",
        }
    ] == answer.json()["items"]


async def test_only_those_who_may_read_the_ledger_see_costs(house: RunningHouse, root: Client, user: Client):
    days = {"since": "2026-02-01", "until": "2026-02-02"}
    reader = await house.make_token(root, "reader", role="admin", scopes=["ledger.read"])
    other = await house.make_token(root, "other", role="admin", scopes=["prices.read"])

    answers = [(await client.get(PATH, params=days)).status_code for client in (root, reader, user, other)]

    assert [200, 200, 403, 403] == answers


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, "invalid_request"),
        ({"since": "2026-02-01"}, "invalid_request"),
        ({"since": "yesterday", "until": "2026-02-02"}, "invalid_request"),
        ({"since": "2026-02-01", "until": "2026-03-05"}, "too_many_costs"),
        ({"since": "0001-01-01", "until": "9999-12-31"}, "too_many_costs"),
        ({"since": "2026-02-01", "until": "2026-02-02", "provider": "p" * 65}, "invalid_request"),
    ],
    ids=str,
)
async def test_a_range_that_cannot_be_answered_is_refused(admin: Client, params: dict[str, str], code: str):
    answer = await admin.get(PATH, params=params)

    assert (422, code) == (answer.status_code, answer.json()["code"])
