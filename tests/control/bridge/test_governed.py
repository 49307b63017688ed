"""A key that is for an agent, through the whole house: what its record says holds from the next request on."""

import asyncio
import dataclasses
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from control.telemetry.bench import Bench
from sqlalchemy import update
from support.answers import granted
from support.house import Client, RunningHouse
from support.money import Till
from support.patience import PATIENCE_S

from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.contract.budgets import agent_account, agent_budget
from monoize.contract.events import Charged, RequestLog
from monoize.contract.gates.decision import Decision, written
from monoize.control.bridge.budgets import LedgerBudgets
from monoize.control.governance.actions import spending
from monoize.control.governance.store import records
from monoize.control.governance.store import spending as store
from monoize.control.governance.tables import agent_ai_sam, agent_spending
from monoize.control.ledger.actions.decisions import in_shadow
from monoize.control.ledger.actions.logs import log_requests
from monoize.infra.settings import Settings
from monoize.main.application import make_faces, open_all
from monoize.main.gateway import captures_folder

OPEN = {
    "mode": "worker",
    "safety_level": "permissive",
    "auth_strategy": "api_key",
    "required_roles": [],
    "requires_human_approval": False,
}


@pytest.fixture
async def served(settings: Settings) -> AsyncIterator[RunningHouse]:
    """All of it, as `monoize serve` opens it where captures may be kept."""
    settings = dataclasses.replace(settings, captures_enabled=True)
    app = make_faces(settings)
    async with open_all(settings) as app.state:
        yield RunningHouse(app, app.state.house, app.state.identity)


class Agent:
    """An agent with a key of its own, and root, who decides about it."""

    def __init__(self, served: RunningHouse, root: Client, record: dict[str, Any], key: dict[str, Any]) -> None:
        self.served = served
        self.root = root
        self.record = record
        self.key = key

    async def says(self, **fields: Any) -> None:
        path = f"/api/agent-records/{self.record['id']}"
        body = {"version": self.record["config_version"], "sole_admin": True, **fields}
        self.record = granted(await self.root.patch(path, json=body))

    async def asks(self, model: str = "m", **more: Any) -> httpx2.Response:
        transport = httpx2.ASGITransport(self.served.app.state.gateway)
        body = {"model": model, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 10, **more}
        headers = {"authorization": f"Bearer {self.key['secret']}"}
        async with httpx2.AsyncClient(transport=transport, base_url="http://monoize.test") as client:
            return await client.post("/v1/chat/completions", json=body, headers=headers)

    async def code(self, model: str = "m", **more: Any) -> str:
        answer = await self.asks(model, **more)
        return "ok" if answer.status_code == 200 else str(answer.json()["error"]["code"])


@pytest.fixture
async def agent(served: RunningHouse) -> Agent:
    root = await served.make_root()
    channel = {"name": "default", "base_url": "http://127.0.0.1:9"}
    offered = [{"name": model} for model in ("m", "n")]
    body = {"name": "echo", "type": "echo", "models": offered, "channels": [channel]}
    granted(await root.post("/api/providers", json=body))
    key = granted(await root.post("/api/keys", json={"name": "k"}))
    record = granted(await root.post("/api/agent-records", json={"name": "a", "role_name": "r", **OPEN}))
    granted(await root.post("/api/agent-limits", json={"agent_role_id": "r", "cost_tier": "unlimited"}))
    made = Agent(served, root, record, key)
    granted(await root.put(f"/api/keys/{key['key']['id']}/agent-record", json={"record_id": record["id"]}))
    return made


async def test_what_a_record_says_holds_from_the_next_request_on(agent: Agent):
    root, path = agent.root, f"/api/keys/{agent.key['key']['id']}/agent-record"
    assert "ok" == await agent.code()
    await agent.says(policies={"model_policy_json": {"allowed_models": ["n"]}})
    assert ("model_not_allowed", "ok") == (await agent.code("m"), await agent.code("n"))
    await agent.says(policies={"model_policy_json": {}}, auth_strategy="mtls")
    assert "auth_strategy_required" == await agent.code()
    await agent.says(auth_strategy="session", required_roles=["admin"])
    assert "role_required" == await agent.code()
    await agent.says(required_roles=["admin", "super_admin"], status="paused")
    assert "agent_not_active" == await agent.code()
    await agent.says(status="active")
    assert "ok" == await agent.code()
    baseline = {"name": "b", "role_name": "b", "baseline": "platform"}
    policies = {"model_policy_json": {"blocked_models": ["m"]}}
    granted(await root.post("/api/agent-records", json={**baseline, "policies": policies}))
    assert "model_not_allowed" == await agent.code()
    granted(await root.delete(path))
    assert "ok" == await agent.code()


async def test_a_record_that_was_changed_by_hand_lets_nothing_through(agent: Agent):
    assert "ok" == await agent.code()
    async with agent.served.house.database.write() as tx:
        forged = update(agent_ai_sam).where(agent_ai_sam.c.id == agent.record["id"])
        await tx.execute(forged.values(required_roles_json='["user"]', updated_at=agent_ai_sam.c.updated_at + 1))
    # Nobody tells the gateway of what is done by hand: it asks again within a second.
    await asyncio.sleep(1.05)
    assert "config_tampered" == await agent.code()


async def test_the_gateway_and_the_control_plane_count_with_one_counter(agent: Agent):
    limits = granted(await agent.root.get("/api/agent-limits", params={"agent_role_id": "r"}))["items"][0]
    granted(await agent.root.patch(f"/api/agent-limits/{limits['id']}", json={"max_ai_calls_per_day": 3}))
    program = await agent.served.make_token(agent.root, "runtime", role="deployer")
    path = f"/api/agents/{agent.record['id']}/operations/check"

    assert ["ok", "ok"] == [await agent.code(), await agent.code()]
    counted = granted(await program.post(path, json={"operation": "ai_call"}))
    assert 3 == counted["used"][0]["used"]
    assert "limit_reached" == await agent.code()


async def test_a_denied_request_is_explained_to_its_owner(agent: Agent):
    await agent.says(
        policies={"model_policy_json": {"blocked_models": ["m"]}, "rate_limits_json": {"requests_per_minute": 9}},
        shadow_policies=["rate_limits_json"],
    )
    denied = await agent.asks()
    await agent.asks("n")
    await agent.says(policies={"rate_limits_json": {"requests_per_minute": 0}})
    await agent.asks("n")

    told = await _explained(agent, denied.headers["x-request-id"])
    assert ("error", "model_not_allowed") == (told["request"]["status"], told["request"]["error_code"])
    last = told["decisions"][-1]
    assert ("model", "deny", "model_policy_json/blocked_models") == (last["gate"], last["verdict"], last["rule_id"])
    assert agent.record["id"] == told["agent_record_id"]
    found = granted(await agent.root.get("/api/shadow-denials", params={"record_id": agent.record["id"]}))
    (count,) = found["items"]
    assert ("rate", "rate_limits_json/requests_per_minute", 1) == (
        count["gate"],
        count["rule_id"],
        count["requests"],
    )
    assert (utc_now().date().isoformat(), True) == (count["day"], found["complete"])
    long = {"since": "2026-01-01T00:00:00Z", "until": "2026-03-01T00:00:00Z"}
    refused = await agent.root.get("/api/shadow-denials", params=long)
    assert "shadow_too_long" == refused.json()["code"]


async def _explained(agent: Agent, request_id: str) -> Any:
    for _ in range(60):
        answer = await agent.root.get(f"/api/requests/{request_id}")
        if answer.status_code == 200:
            return answer.json()
        await asyncio.sleep(0.1)
    raise AssertionError("nobody wrote it down")


@pytest.mark.case(59)
async def test_without_telemetry_every_call_is_still_accounted_for_and_nothing_of_what_was_said_is_kept(
    agent: Agent,
):
    root, rates = agent.root, {"input_usd_per_mtok": "1", "output_usd_per_mtok": "2"}
    source = {"source_url": "https://example.com/prices"}
    granted(await root.post("/api/prices", json={"provider": "echo", "model_key": "m", **rates, **source}))
    granted(
        await root.post("/api/ledger/top-ups", json={"user_id": root.user["id"], "amount_nano_usd": "1000000000"})
    )
    granted(await root.patch(f"/api/keys/{agent.key['key']['id']}", json={"request_capture_mode": "capture-all"}))

    async def asked(*, telemetry: bool) -> str:
        await agent.says(telemetry_enabled=telemetry)
        answer = await agent.asks(messages=[{"role": "user", "content": "marmalade"}])
        assert "marmalade" in answer.text
        return str(answer.headers["x-request-id"])

    silent, told = await asked(telemetry=False), await asked(telemetry=True)

    for request_id in (silent, told):
        await _explained(agent, request_id)
    rows = await Bench(agent.served.house.database).rows()
    assert [(agent.record["id"], 7_000)] * 2 == [(row.config_id, row.cost_nano) for row in rows]
    assert "marmalade" not in repr(rows)
    folder = captures_folder(agent.served.house.settings)
    async with asyncio.timeout(PATIENCE_S):
        while not (folder / f"{told}.json").exists():
            await asyncio.sleep(0.05)
    assert [f"{told}.json"] == [file.name for file in folder.iterdir()]


async def test_only_who_manages_records_says_which_keys_they_govern(agent: Agent):
    user = await agent.served.make_user(agent.root, "ada")
    key = granted(await user.post("/api/keys", json={"name": "own"}))["key"]
    path, body = f"/api/keys/{key['id']}/agent-record", {"record_id": agent.record["id"]}

    assert 403 == (await user.put(path, json=body)).status_code
    assert agent.record["id"] == granted(await agent.root.put(path, json=body))["agent_record_id"]
    assert 403 == (await user.delete(path)).status_code
    assert 422 == (await user.patch(f"/api/keys/{key['id']}", json={"agent_record_id": None})).status_code
    assert 404 == (await agent.root.put(path, json={"record_id": "nobody"})).status_code


async def test_spending_is_added_up_and_forgotten_once_its_window_is_over(till_everywhere: Till):
    database = till_everywhere.house.house.database
    budgets, long_ago = LedgerBudgets(database), utc_now() - dt.timedelta(days=50)
    for _ in range(2):
        async with database.write() as tx:
            await store.add(tx, {"day:a": 5, "total:b": 7})
    assert 90 == await budgets.balance(agent_budget(100, "day:a"))
    assert 14 == 100 - (await budgets.balance(agent_budget(100, "total:b")) or 0)
    assert 100 == await budgets.balance(agent_budget(100, "day:nobody"))
    assert "day:a" == agent_account(agent_budget(100, "day:a")) and agent_account("user:x") is None

    async with database.write() as tx:
        await tx.execute(update(agent_spending).values(updated_at=long_ago))
        assert 1 == await store.forget(tx, unchanged_since=utc_now() - dt.timedelta(days=40))
        assert (0, 14) == (await store.of(tx, "day:a"), await store.of(tx, "total:b"))
        assert () == await records.stamps(tx, "nobody", "nowhere")


async def test_what_is_in_shadow_is_found_by_agent_and_time(till_everywhere: Till):
    database, now = till_everywhere.house.house.database, utc_now()
    said = [
        Decision(gate="model", rule_id="model_policy_json/blocked_models", verdict="would_deny"),
        Decision(gate="rate", rule_id="rate_limits_json"),
    ]
    events = [
        Charged(
            id=new_id(),
            request_id=new_id(),
            user_id=new_id(),
            at_ms=int(now.timestamp() * 1000) - number * 60_000,
            charge_nano=5,
            budgets={agent_budget(10, "day:x"): 5, agent_budget(20, "day:x"): 5},
            log=RequestLog(model="m", agent_record_id=record, decisions_json=written(decisions)),
        )
        for number, record, decisions in ((1, "a", said), (2, "b", said), (3, "a", said[1:]), (4, None, said))
    ]
    for _ in range(2):
        async with database.write() as tx:
            await spending.add_up(tx, await log_requests(tx, events))
    async with database.read() as tx:
        begin = now - dt.timedelta(minutes=10)
        found, complete = await in_shadow(tx, record_id=None, since=begin, until=now)
        (one,), _ = await in_shadow(tx, record_id="a", since=begin, until=now)
        none, _ = await in_shadow(tx, record_id="a", since=begin, until=begin)
        # What two budgets of one account were charged is spent once, and what was booked again is not.
        spent = await spending.spent_of(tx, "day:x")
    assert (["a", "b"], True, []) == ([each.record_id for each in found], complete, none)
    assert tuple(said) == one.decisions
    assert 4 * 5 == spent
