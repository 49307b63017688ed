"""Limits of roles: kept, changed, raised for a while; and what an agent is told that asks before it acts."""

import asyncio
import dataclasses
import datetime as dt
import json

import pytest
from sqlalchemy import update
from support.agents import AgentRuntime, make_agent_runtime
from support.answers import granted, refusal
from support.house import Client, RunningHouse

from monoize.base.clock import utc_now
from monoize.control.governance.services import Governance
from monoize.control.governance.tables import (
    agent_ai_executable_limits,
    agent_ai_limit_overrides,
    agent_ai_sam,
)
from monoize.control.identity.model import DEFAULT_TENANT_ID
from monoize.infra.quotas import MemoryQuotas

MIDNIGHT_MS = 20_000 * 86_400_000


@pytest.fixture
async def runtime(house: RunningHouse) -> AgentRuntime:
    return await make_agent_runtime(house)


@pytest.fixture
async def everywhere(house_everywhere: RunningHouse) -> AgentRuntime:
    return await make_agent_runtime(house_everywhere)


class Clock:
    def __init__(self) -> None:
        self.now_ms = MIDNIGHT_MS

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock(house: RunningHouse) -> Clock:
    """The time of day by which this house counts."""
    clock, governance = Clock(), house.app.state.governance
    assert isinstance(governance, Governance)
    house.app.state.governance = dataclasses.replace(governance, quotas=MemoryQuotas(clock_ms=clock))
    return clock


async def test_a_role_has_the_values_of_its_tier_and_whatever_else_is_said(everywhere: AgentRuntime):
    made = await everywhere.set_limits(cost_tier="low", max_ai_calls_per_day=7, max_tokens_per_request=None)

    assert ("low", 7, None, 30) == (
        made["cost_tier"],
        made["max_ai_calls_per_day"],
        made["max_tokens_per_request"],
        made["max_d1_queries_per_minute"],
    )
    assert ["d1_query", "r2_get", "r2_list", "cms_read", "r2_put", "cms_write"] == made["allowed_operations"]
    assert (1, DEFAULT_TENANT_ID, None) == (made["version"], made["tenant_id"], made["allowed_tools"])
    assert made == granted(await everywhere.root.get(f"/api/agent-limits/{made['id']}"))
    body = {"agent_role_id": "worker"}
    assert (409, "agent_limits_exist") == refusal(await everywhere.root.post("/api/agent-limits", json=body))


async def test_a_new_tier_brings_its_values_along_and_every_change_counts(everywhere: AgentRuntime):
    made = await everywhere.set_limits(cost_tier="free", max_ai_calls_per_day=7, notes="a trial")
    path = f"/api/agent-limits/{made['id']}"

    changed = granted(await everywhere.root.patch(path, json={"cost_tier": "standard", "version": 1}))
    assert (1000, 2, "a trial") == (changed["max_ai_calls_per_day"], changed["version"], changed["notes"])
    stale = await everywhere.root.patch(path, json={"max_ai_calls_per_day": 8, "version": 1})
    assert (409, "limits_changed") == refusal(stale)
    cleared = granted(await everywhere.root.patch(path, json={"rate_limit_per_minute": None, "notes": None}))
    assert (None, None, 3) == (cleared["rate_limit_per_minute"], cleared["notes"], cleared["version"])
    assert (422, "not_clearable") == refusal(await everywhere.root.patch(path, json={"allowed_operations": None}))


async def test_of_two_changes_at_once_that_read_the_same_version_one_is_refused(everywhere: AgentRuntime):
    made = await everywhere.set_limits()
    path = f"/api/agent-limits/{made['id']}"

    answers = await asyncio.gather(
        *(everywhere.root.patch(path, json={"max_ai_calls_per_day": n, "version": 1}) for n in (1, 2))
    )

    assert [200, 409] == sorted(answer.status_code for answer in answers)


async def test_limits_are_found_by_tenant_and_role_and_gone_once_deleted(everywhere: AgentRuntime):
    root = everywhere.root
    tenant = granted(await root.post("/api/tenants", json={"name": "elsewhere"}))["id"]
    for role, of in (("a", None), ("b", None), ("a", tenant)):
        granted(await root.post("/api/agent-limits", json={"agent_role_id": role, "tenant_id": of}))

    async def listed(**params: str) -> list[tuple[str, str]]:
        page = granted(await root.get("/api/agent-limits", params=params))
        return sorted((item["agent_role_id"], item["tenant_id"]) for item in page["items"])

    ours = DEFAULT_TENANT_ID
    assert sorted([("a", ours), ("b", ours), ("a", tenant)]) == await listed()
    assert sorted([("a", ours), ("a", tenant)]) == await listed(agent_role_id="a")
    assert [("a", tenant)] == await listed(tenant_id=tenant)
    found = granted(await root.get("/api/agent-limits", params={"tenant_id": tenant}))["items"][0]
    granted(await root.delete(f"/api/agent-limits/{found['id']}"))
    assert [] == await listed(tenant_id=tenant)
    assert (404, "agent_limits_not_found") == refusal(await root.get(f"/api/agent-limits/{found['id']}"))
    nowhere = {"agent_role_id": "a", "tenant_id": "01a1fc11-0000-7000-8000-000000000000"}
    assert (404, "tenant_not_found") == refusal(await root.post("/api/agent-limits", json=nowhere))


@pytest.mark.case(41)
async def test_of_the_free_tier_the_51st_call_of_a_day_waits_for_midnight(runtime: AgentRuntime, clock: Clock):
    clock.now_ms += 10 * 3_600_000
    for number in range(1, 51):
        counted = granted(await runtime.check(operation="ai_call", input_tokens=600, max_output_tokens=400))
        assert (number, number >= 40) == (counted["used"][0]["used"], counted["used"][0]["is_nearly_used_up"])

    refused = await runtime.check(operation="ai_call")

    assert (429, "limit_reached") == refusal(refused)
    told = refused.json()
    assert ("max_ai_calls_per_day", "free", 50, 50, "day") == tuple(
        told[name] for name in ("counter", "tier", "limit", "used", "window")
    )
    assert str(14 * 3600) == refused.headers["retry-after"]
    assert dt.datetime.fromtimestamp((MIDNIGHT_MS + 86_400_000) / 1000, dt.UTC) == dt.datetime.fromisoformat(
        told["resets_at"]
    )
    clock.now_ms = MIDNIGHT_MS + 86_400_000
    granted(await runtime.check(operation="ai_call"))


@pytest.mark.case(42)
async def test_a_request_of_too_many_tokens_is_refused_and_not_counted(runtime: AgentRuntime):
    refused = await runtime.check(operation="ai_call", input_tokens=1000, max_output_tokens=1)

    assert (413, "request_too_large") == refusal(refused)
    assert (1000, 1001) == (refused.json()["limit"], refused.json()["used"])
    assert 1 == granted(await runtime.check(operation="ai_call", input_tokens=1000))["used"][0]["used"]


@pytest.mark.case(43)
async def test_ten_statements_a_minute_wherever_the_minute_begins(runtime: AgentRuntime, clock: Clock):
    for second in range(10):
        clock.now_ms = MIDNIGHT_MS + second * 1000
        granted(await runtime.check(operation="d1_query"))

    clock.now_ms = MIDNIGHT_MS + 30_000
    refused = await runtime.check(operation="d1_query")
    assert ((429, "limit_reached"), "30") == (refusal(refused), refused.headers["retry-after"])
    clock.now_ms = MIDNIGHT_MS + 60_000
    granted(await runtime.check(operation="d1_query"))


@pytest.mark.case(43)
async def test_a_batch_that_no_minute_holds_is_refused_whole(runtime: AgentRuntime):
    refused = await runtime.check(operation="d1_query", count=11)

    assert (429, "limit_reached") == refusal(refused)
    assert "split it" in refused.json()["hint"]
    assert 10 == granted(await runtime.check(operation="d1_query", count=10))["used"][0]["used"]


@pytest.mark.case(44, 45)
async def test_a_refusal_says_what_would_be_allowed(runtime: AgentRuntime):
    await runtime.set_limits(allowed_operations=["*"], blocked_operations=["d1_execute"], allowed_tools=["read_*"])

    granted(await runtime.check(operation="d1_query", tool="read_file"))
    blocked = await runtime.check(operation="d1_execute")
    assert ((403, "operation_not_allowed"), ["*"], ["d1_execute"]) == (
        refusal(blocked),
        blocked.json()["allowed"],
        blocked.json()["blocked"],
    )
    tool = await runtime.check(operation="d1_query", tool="shell")
    assert ((403, "tool_not_allowed"), ["read_*"]) == (refusal(tool), tool.json()["allowed"])
    await runtime.set_limits(allowed_tools=[])
    assert (403, "tool_not_allowed") == refusal(await runtime.check(operation="d1_query", tool="read_file"))
    await runtime.set_limits(allowed_tools=None)
    granted(await runtime.check(operation="d1_query", tool="shell"))


@pytest.mark.case(46)
async def test_of_a_hundred_at_once_fifty_are_admitted(everywhere: AgentRuntime):
    answers = await asyncio.gather(*(everywhere.check(operation="ai_call") for _ in range(100)))

    assert (50, 50) == tuple(sum(a.status_code == status for a in answers) for status in (200, 429))


async def test_limits_that_cannot_be_read_allow_nothing_until_they_are_written_anew(everywhere: AgentRuntime):
    made = await everywhere.set_limits(cost_tier="unlimited")
    for text in ("{", '"*"', "[1]"):
        async with everywhere.house.house.database.write() as tx:
            await tx.execute(update(agent_ai_executable_limits).values(allowed_operations=text))
        assert (500, "limits_corrupt") == refusal(await everywhere.check(operation="d1_query"))
        shown = granted(await everywhere.root.get(f"/api/agent-limits/{made['id']}"))
        assert (True, []) == (shown["is_corrupt"], shown["allowed_operations"])

    await everywhere.set_limits(allowed_operations=["*"])
    granted(await everywhere.check(operation="d1_query"))


async def test_a_limit_is_raised_for_a_while_by_a_super_admin_and_it_is_written_down(
    everywhere: AgentRuntime, tmp_path
):
    runtime, root = everywhere, everywhere.root
    made = await runtime.set_limits(max_ai_calls_per_day=1)
    path = f"/api/agent-limits/{made['id']}/overrides"
    until = (utc_now() + dt.timedelta(hours=1)).isoformat()
    body = {"limit_name": "max_ai_calls_per_day", "value": 2, "until": until, "reason": "a demonstration"}
    granted(await runtime.check(operation="ai_call"))
    assert (429, "limit_reached") == refusal(await runtime.check(operation="ai_call"))
    admin = await runtime.house.make_user(root, "boss", role="admin")
    assert (403, "super_admin_needed") == refusal(await admin.post(path, json=body))

    given = granted(await root.post(path, json=body))
    assert ("user:root", 2) == (given["granted_by"], given["value"])
    granted(await runtime.check(operation="ai_call"))
    assert (429, "limit_reached") == refusal(await runtime.check(operation="ai_call"))
    assert [given] == granted(await root.get(path))["items"]

    async with runtime.house.house.database.write() as tx:
        await tx.execute(update(agent_ai_limit_overrides).values(until=utc_now()))
    assert [] == granted(await root.get(path))["items"]
    assert 1 == (await runtime.check(operation="ai_call")).json()["limit"]
    lifted = granted(await root.post(path, json={**body, "value": None}))
    granted(await runtime.check(operation="ai_call"))
    granted(await root.delete(f"{path}/{lifted['id']}"))
    assert (404, "limit_override_not_found") == refusal(await root.delete(f"{path}/{lifted['id']}"))
    assert (429, "limit_reached") == refusal(await runtime.check(operation="ai_call"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_ai_calls_per_day": -1},
        {"max_ai_calls_per_day": 2**31},
        {"allowed_operations": ["a*b"]},
        {"allowed_operations": ["a?"]},
        {"allowed_tools": ["x" * 129]},
        {"blocked_operations": ["a"] * 201},
        {"cost_tier": "pro"},
        {"max_ai_call_per_day": 1},
    ],
)
async def test_what_no_limit_can_be_is_refused(runtime: AgentRuntime, wrong: dict[str, object]):
    body = {"agent_role_id": "r", **wrong}

    assert (422, "invalid_request") == refusal(await runtime.root.post("/api/agent-limits", json=body))


async def test_how_much_is_used_can_be_looked_at_without_using_anything(runtime: AgentRuntime):
    path = f"/api/agents/{runtime.agent['id']}/operations"
    granted(await runtime.check(operation="d1_query", count=3))

    for _ in range(2):
        found = {use["counter"]: use["used"] for use in granted(await runtime.program.get(path))["items"]}
        assert {
            "rate_limit_per_minute": 0,
            "max_d1_queries_per_minute": 3,
            "max_ai_calls_per_day": 0,
            "max_r2_operations_per_day": 0,
        } == found


async def member_of(house: RunningHouse, root: Client, name: str) -> tuple[str, Client]:
    tenant = granted(await root.post("/api/tenants", json={"name": name}))["id"]
    return tenant, await house.make_token(root, f"of-{name}", role="deployer", tenant_id=tenant)


@pytest.mark.case(48)
async def test_who_may_use_an_agent_is_asked_first_and_each_tenant_counts_for_itself(house: RunningHouse):
    runtime = await make_agent_runtime(house, is_global=True)
    blocked, blocked_program = await member_of(house, runtime.root, "blocked")
    _, other = await member_of(house, runtime.root, "other")
    await runtime.set_limits(max_ai_calls_per_day=1)
    path, body = f"/api/agents/{runtime.agent['id']}/operations/check", {"operation": "ai_call"}

    granted(await runtime.check(operation="ai_call"))
    assert (429, "limit_reached") == refusal(await runtime.check(operation="ai_call"))
    # Nothing is said of this role in the other tenant: the free tier.
    assert 50 == granted(await other.post(path, json=body))["used"][0]["limit"]
    await runtime.change(blocked_tenants=[blocked])
    assert (403, "tenant_blocked") == refusal(await blocked_program.post(path, json=body))
    await runtime.change(allowed_tenants=[blocked], blocked_tenants=[])
    assert (403, "tenant_not_allowed") == refusal(await other.post(path, json=body))
    granted(await blocked_program.post(path, json=body))
    await runtime.change(is_global=False, allowed_tenants=[])
    assert (404, "agent_record_not_found") == refusal(await other.post(path, json=body))
    nowhere = f"/api/agents/{DEFAULT_TENANT_ID}/operations/check"
    assert (404, "agent_record_not_found") == refusal(await other.post(nowhere, json=body))


@pytest.mark.case(47)
async def test_a_tenant_that_is_forced_into_both_lists_is_let_in_by_neither(runtime: AgentRuntime):
    """What nobody could have written is not even read."""
    both = {"allowed_tenants": [DEFAULT_TENANT_ID], "blocked_tenants": [DEFAULT_TENANT_ID]}
    path = f"/api/agent-records/{runtime.agent['id']}"
    assert (422, "scope_contradictory") == refusal(await runtime.root.patch(path, json={"version": 1, **both}))

    async with runtime.house.house.database.write() as tx:
        forced = {f"{name}_json": json.dumps(tenants) for name, tenants in both.items()}
        await tx.execute(update(agent_ai_sam).values(forced))

    assert (409, "config_tampered") == refusal(await runtime.check(operation="ai_call"))


async def test_an_agent_that_is_not_active_may_do_nothing(runtime: AgentRuntime):
    await runtime.change(status="paused")

    assert (409, "agent_not_active") == refusal(await runtime.check(operation="ai_call"))
