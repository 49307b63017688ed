"""Our own server of MCP: tools of the API, for each caller those that they may use, in both kinds of protocol."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from support.answers import granted, refusal
from support.endpoints import document
from support.house import Client, RunningHouse
from support.mcp import bearer_of, loopback, mcp_client, text_of

from monoize.control.mcp.model.own_tools import TOOLS, Tool, asked


@pytest.fixture
async def address(house: RunningHouse) -> AsyncIterator[str]:
    async with loopback(house.app) as url:
        yield url


@pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS.keys())
def test_a_tool_is_an_endpoint_of_the_api_with_its_parameters(tool: Tool):
    operations = document()["paths"]
    path = tool.path.replace("{action}", "start")
    operation: dict[str, Any] = operations[path][tool.method.lower()]
    known = {each["name"]: each["in"] for each in operation.get("parameters", ())}
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        body = document()["components"]["schemas"][schema]
        known |= dict.fromkeys(body["properties"], "body")
        given = {each.name for each in tool.parameters if each.required}
        assert set(body.get("required", ())) <= given
    for parameter in tool.parameters:
        if parameter.name != "action":
            assert parameter.where == known[parameter.name]


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_caller_finds_what_they_may_do_and_does_it_as_through_the_api(
    house: RunningHouse, root: Client, address: str, mode: str
):
    program = await house.make_token(root, "runner", role="deployer")
    record = granted(await root.post("/api/agent-records", json={"name": "a", "role_name": "b"}))
    async with mcp_client(f"{address}/mcp", bearer_of(program), mode=mode) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        me = json.loads(text_of(await client.call_tool("whoami", {})))
        noted = await client.call_tool("notes_add", {"note": "remember me", "topic": "t"})
        listed = json.loads(text_of(await client.call_tool("notes_list", {"topic": "t"})))
        proposed = await client.call_tool(
            "approval_propose",
            {"agent_id": record["id"], "kind": "tool", "subject": "x", "arguments": "{}"},
        )
        forbidden = await client.call_tool("prices_list", {})
        wrong = await client.call_tool("deployment_status", {"deployment_id": "../../keys"})
        misspelt = await client.call_tool("notes_list", {"topick": "t"})
        missing = await client.call_tool("deployment_status", {"deployment_id": 1})

    assert {"whoami", "notes_add", "approval_propose", "service_deploy"} <= names
    assert "prices_list" not in names
    assert ("token", "runner") == (me["kind"], me["name"])
    assert not noted.is_error
    assert ["remember me"] == [note["note"] for note in listed["items"]]
    # It is not among the callers of the record's roles; what is refused says why.
    assert proposed.is_error or "pending" in text_of(proposed)
    assert all(answer.is_error for answer in (forbidden, wrong, misspelt, missing))
    assert "deployment_not_found" in text_of(missing)
    audited = granted(await root.get("/api/audit"))["items"]
    assert "token:runner" in {row["actor"] for row in audited if row["action"] == "note.add"}


async def test_administrators_reach_everything(house: RunningHouse, root: Client, address: str):
    key = granted(await root.post("/api/keys", json={"name": "k"}))["secret"]
    async with mcp_client(f"{address}/mcp", bearer_of(root)) as client:
        assert set(TOOLS) == {tool.name for tool in (await client.list_tools()).tools}
        for name in ("prices_list", "keys_list", "objects_search", "approvals_list", "spending_by_day"):
            answer = await client.call_tool(name, {})
            assert not answer.is_error, text_of(answer)
        keys = text_of(await client.call_tool("keys_list", {}))
        machine = await client.call_tool(
            "machine_power", {"vps_id": "01a1fc11-0000-7000-8000-000000000000", "action": "stop"}
        )
    assert key not in keys
    assert machine.is_error and "machine_not_found" in text_of(machine)
    hello = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    assert 401 == (await house.visitor().post("/mcp", json=hello)).status_code
    assert 405 == (await root.get("/mcp")).status_code


OF_A_USERS_KEY = {
    *("whoami", "usage_summary", "spending_by_day", "ledger_entries", "requests_list", "request_explain"),
    *("approvals_list", "approval_status", "approval_propose", "notes_list", "notes_context", "notes_add"),
}


async def test_a_key_sees_and_does_through_mcp_what_it_may_through_the_api_and_nothing_else(
    house: RunningHouse, root: Client, user: Client, address: str
):
    secrets = {
        role: granted(await owner.post("/api/keys", json={"name": "k"}))["secret"]
        for role, owner in (("user", user), ("super_admin", root))
    }
    shown = {}
    for role, secret in secrets.items():
        by_key = house.bearing(secret)
        async with mcp_client(f"{address}/mcp", secret) as client:
            shown[role] = {tool.name for tool in (await client.list_tools()).tools}
            for tool in TOOLS.values():
                arguments = EXAMPLES.get(tool.name, {})
                wanted = asked(tool, arguments)
                through_api = await by_key.request(tool.method, wanted.path, params=wanted.query, json=wanted.body)
                through_mcp = await client.call_tool(tool.name, arguments)
                is_permitted = through_api.json().get("code") != "not_permitted" if through_api.content else True
                assert is_permitted == (tool.name in shown[role]), (role, tool.name, through_api.text)
                if is_permitted:
                    assert through_mcp.is_error == (through_api.status_code >= 400), (role, tool.name)
                    if tool.method == "GET":
                        assert json.loads(text_of(through_mcp)) | ANEW == through_api.json() | ANEW

    assert shown["user"] == OF_A_USERS_KEY
    assert shown["super_admin"] == OF_A_USERS_KEY | {"prices_list", "objects_search"}


ANEW = {"request_id": None, "instance": None}
"""What is another one each time."""
EXAMPLES: dict[str, dict[str, Any]] = {
    "request_explain": {"request_id": "nobody"},
    "operation_status": {"operation_id": "01a1fc11-0000-7000-8000-000000000000"},
    "deployment_status": {"deployment_id": 1},
    "limits_status": {"agent_id": "nobody"},
    "approval_status": {"approval_id": "01a1fc11-0000-7000-8000-000000000000"},
    "notes_add": {"note": "remember"},
    "approval_propose": {"agent_id": "nobody", "kind": "tool", "subject": "x", "arguments": "{}"},
    "machine_power": {"vps_id": "01a1fc11-0000-7000-8000-000000000000", "action": "stop"},
    "service_deploy": {"service_id": 1},
}


async def test_a_key_sees_what_is_its_users_alone(house: RunningHouse, root: Client, user: Client, address: str):
    made = granted(await user.post("/api/keys", json={"name": "k", "daily_budget_nano_usd": "5"}))
    by_key = house.bearing(made["secret"])

    me = granted(await by_key.get("/api/me"))
    others = await by_key.get("/api/requests", params={"user_id": root.user["id"]})
    everybody = await by_key.get("/api/telemetry/usage", params={"everybody": "true"})
    changes = await by_key.patch("/api/me", json={"name": "x"})
    keys = await by_key.get("/api/keys")

    assert (user.user["id"], made["key"]["id"], "5") == (
        *(me["user"]["id"], me["key"]["id"], me["key"]["daily_budget_nano_usd"]),
    )
    assert made["secret"] not in str(me)
    assert {(403, "not_permitted")} == {refusal(each) for each in (others, everybody, changes, keys)}


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"vps_id": "x/../..", "action": "start"},
        {"vps_id": "..", "action": "start"},
        {"vps_id": "a", "action": "destroy"},
        {"vps_id": {"a": 1}, "action": "start"},
        {"vps_id": "a?b=1", "action": "start"},
    ],
)
def test_no_argument_leads_to_another_endpoint(arguments: dict[str, Any]):
    with pytest.raises(ValueError):
        asked(TOOLS["machine_power"], arguments)
