"""Calls of tools that cost something: held before they are made, charged when they have ended, each once."""

import dataclasses
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from fakes.mcp_server import FakeMcp, mcp_server
from support.agents import make_agent_runtime
from support.answers import granted
from support.house import Client, RunningHouse
from support.mcp import bearer_of, loopback, make_service, mcp_client, text_of
from support.money import Till, open_till

from monoize.control.mcp.services import Mcp
from monoize.main.metered_till import MeteredTill

PRICE = 1_000_000


@pytest.fixture(scope="module")
def shop() -> Iterator[tuple[FakeMcp, str]]:
    with mcp_server() as running:
        yield running


@pytest.fixture
async def till(house: RunningHouse) -> AsyncIterator[Till]:
    """A house with money, whose tools are paid from it."""
    async with open_till(house) as opened:
        mcp: Mcp = house.app.state.mcp
        house.app.state.mcp = dataclasses.replace(mcp, till=MeteredTill(opened.money.meter))
        yield opened


@pytest.fixture
async def address(till: Till) -> AsyncIterator[str]:
    async with loopback(till.house.app) as url:
        yield url


async def priced(root: Client, url: str, *names: str, **fields: Any) -> dict[str, Any]:
    service = await make_service(root, url, open_to_keys=True, approval="never", **fields)
    path = f"/api/mcp-services/{service['id']}/tools"
    for tool in granted(await root.get(path))["items"]:
        if tool["name"] in names:
            granted(await root.patch(f"{path}/{tool['id']}", json={"price_nano_usd": str(PRICE)}))
    return service


async def key_of(owner: Client, **fields: Any) -> str:
    secret: str = granted(await owner.post("/api/keys", json={"name": "k", **fields}))["secret"]
    return secret


async def settled(till: Till) -> None:
    await till.money.handover.run()


async def test_a_call_with_a_price_is_charged_once_and_without_the_money_it_is_not_made(
    till: Till, root: Client, user: Client, address: str, shop: tuple[FakeMcp, str]
):
    fake, url = shop
    await priced(root, url, "look", "fails")
    await till.top_up(user.user["id"], 2 * PRICE)
    key = await key_of(user)

    async with mcp_client(f"{address}/mcp/shop", key) as client:
        for where in ("here", "there", "nowhere"):
            looked = await client.call_tool("look", {"where": where})
        free = await client.call_tool("reports", {})

    assert looked.is_error and "budget_exceeded" in text_of(looked)
    assert not free.is_error
    assert [("look", "here"), ("look", "there")] == fake.seen.called[-2:]
    await settled(till)
    assert 0 == await till.balance(user.user["id"])
    written = granted(await root.get("/api/mcp-calls"))["items"]
    assert [("reports", "0"), ("look", None), ("look", str(PRICE)), ("look", str(PRICE))] == [
        (call["tool"], call["charge_nano_usd"]) for call in written
    ]
    paid = granted(await user.get("/api/requests"))["items"]
    assert [("mcp.shop.look", "mcp", str(PRICE))] * 2 == [
        (each["model"], each["request_kind"], each["charge_nano_usd"]) for each in paid
    ]
    days = granted(await root.get("/api/mcp-calls/days"))["items"]
    assert {"look": str(2 * PRICE), "reports": "0"} == {use["tool"]: use["charge_nano_usd"] for use in days}


async def test_a_tool_that_fails_has_worked_and_a_server_that_is_not_there_has_not(
    till: Till, root: Client, user: Client, address: str
):
    await till.top_up(user.user["id"], 10 * PRICE)
    key = await key_of(user)
    with mcp_server() as (_, url):
        await priced(root, url, "look", "fails")
        async with mcp_client(f"{address}/mcp/shop", key, mode="auto") as client:
            assert (await client.call_tool("fails", {})).is_error
    async with mcp_client(f"{address}/mcp", key) as own:
        assert not (await own.call_tool("whoami", {})).is_error
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "look", "arguments": {"where": "x"}},
    }
    answer = await till.house.bearing(key).post("/mcp/shop", json=body)

    assert answer.json()["result"]["isError"] and "mcp_unreachable" in answer.text
    await settled(till)
    assert 9 * PRICE == await till.balance(user.user["id"])
    assert 0 == (await till.money.spool.figures()).in_flight


async def test_budgets_of_the_key_and_caps_of_the_agent_hold_for_tools(
    till: Till, root: Client, user: Client, address: str, shop: tuple[FakeMcp, str]
):
    await priced(root, shop[1], "look")
    await till.top_up(user.user["id"], 10 * PRICE)
    thrifty = await key_of(user, daily_budget_nano_usd=str(PRICE))
    async with mcp_client(f"{address}/mcp/shop", thrifty) as client:
        assert not (await client.call_tool("look", {"where": "a"})).is_error
        assert "budget_exceeded" in text_of(await client.call_tool("look", {"where": "b"}))
    runtime = await make_agent_runtime(
        till.house,
        safety_level="permissive",
        required_roles=[],
        auth_strategy="api_key",
        requires_human_approval=False,
        policies={
            "mcp_services_json": [{"service_id": "shop", "approval": "never"}],
            "security_policy_json": {"deny_private_networks": False, "tls_required": False},
            "budgets_json": {"windows": [{"id": "d", "period": "day", "limit_usd": "0.0015"}]},
        },
    )
    await runtime.set_limits(cost_tier="unlimited")
    made = granted(await root.post("/api/keys", json={"name": "agent"}))
    granted(await root.put(f"/api/keys/{made['key']['id']}/agent-record", json={"record_id": runtime.agent["id"]}))
    await till.top_up(root.user["id"], 10 * PRICE)
    async with mcp_client(f"{address}/mcp/shop", made["secret"]) as client:
        assert not (await client.call_tool("look", {"where": "a"})).is_error
        assert "budget_exceeded" in text_of(await client.call_tool("look", {"where": "b"}))
    async with mcp_client(f"{address}/mcp/shop", bearer_of(runtime.program), agent=runtime.agent["id"]) as client:
        assert "mcp_account_required" in text_of(await client.call_tool("look", {"where": "a"}))
