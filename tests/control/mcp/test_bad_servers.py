"""Servers that are slow, leave, redirect, refuse or talk too much; and callers who leave."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest
from fakes.server import LocalServer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from support.answers import granted
from support.house import Client, RunningHouse
from support.mcp import accept_all, loopback
from support.patience import PATIENCE_S

BEHAVIOURS = ("hangs", "stalls", "moves", "refuses", "chats", "answers_another", "no_json")


async def bad(request: Request) -> Response:
    if request.method == "GET":
        return StreamingResponse(unasked(), media_type="text/event-stream")
    if request.method == "DELETE":
        return Response(status_code=405)
    message = await request.json()
    match message["method"]:
        case "initialize":
            info = {"name": "bad", "version": "1"}
            result: dict[str, Any] = {
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {}},
                "serverInfo": info,
            }
        case "tools/list":
            tools = [{"name": name, "inputSchema": {"type": "object"}} for name in (*BEHAVIOURS, "x" * 65, "a b")]
            result = {"tools": [*tools, {"name": "nothing"}, "odd"]}
        case "tools/call":
            return await behave(message)
        case _:
            return Response(status_code=202)
    return JSONResponse(
        {"jsonrpc": "2.0", "id": message["id"], "result": result}, headers={"mcp-session-id": "s-1"}
    )


async def behave(message: dict[str, Any]) -> Response:
    match message["params"]["name"]:
        case "hangs":
            await asyncio.sleep(30)
        case "stalls":
            return StreamingResponse(stall(), media_type="text/event-stream")
        case "moves":
            return RedirectResponse("http://169.254.169.254/latest/meta-data")
        case "refuses":
            return Response("the token s3cret is wrong", 401, {"www-authenticate": "Bearer s3cret"})
        case "chats":
            return StreamingResponse(chat(), media_type="text/event-stream")
        case "answers_another":
            return JSONResponse({"jsonrpc": "2.0", "id": 999, "result": {}})
    return Response("<html>", media_type="text/html")


async def unasked() -> AsyncIterator[str]:
    yield 'id: 1\ndata: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n'
    yield 'data: {"jsonrpc":"2.0","id":7,"result":{"tools":["of somebody else"]}}\n\n'


async def stall() -> AsyncIterator[str]:
    yield 'data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}\n\n'
    await asyncio.sleep(30)


async def chat() -> AsyncIterator[bytes]:
    for _ in range(20):
        yield b"data: " + b"x" * 2**20


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with LocalServer(Starlette(routes=[Route("/mcp", bad, methods=["GET", "POST", "DELETE"])])) as running:
        yield f"{running.url}/mcp"


def call_of(tool: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": tool, "arguments": {}}}


async def test_whatever_a_server_does_its_caller_is_told_and_it_is_written_down(
    house: RunningHouse, root: Client, url: str
):
    body = {"name": "bad", "url": url, "private_network": True, "open_to_keys": True, "approval": "never"}
    service = granted(
        await root.post("/api/mcp-services", json={**body, "timeout_ms": 1500, "credential": "s3cret"})
    )
    await accept_all(root, service)
    tools = granted(await root.get(f"/api/mcp-services/{service['id']}/tools"))["items"]
    assert set(BEHAVIOURS) == {tool["name"] for tool in tools}

    async with loopback(house.app) as address, httpx2.AsyncClient(base_url=address, timeout=PATIENCE_S) as http:
        headers = dict(root.headers)
        told = {
            tool: await http.post("/mcp/bad", json=call_of(tool), headers=headers)
            for tool in BEHAVIOURS
            if tool != "stalls"
        }
        async with http.stream("POST", "/mcp/bad", json=call_of("stalls"), headers=headers) as answer:
            assert "progress" in await anext(answer.aiter_text())

    expected = {
        "hangs": "mcp_timeout",
        "moves": "mcp_unreachable",
        "refuses": "mcp_unreachable",
        "chats": "mcp_unreachable",
        "answers_another": "mcp_unreachable",
        "no_json": "mcp_unreachable",
    }
    assert expected == {tool: json.loads(_refused(answer))["code"] for tool, answer in told.items()}
    assert all("s3cret" not in answer.text + str(answer.headers) for answer in told.values())
    async with asyncio.timeout(PATIENCE_S):
        while (written := await _statuses(root))["stalls"] == "started":
            await asyncio.sleep(0.05)
    assert "cancelled" == written.pop("stalls")
    assert {tool: "timeout" if tool == "hangs" else "unreachable" for tool in told} == written


async def test_what_a_server_says_unasked_is_heard_and_answers_to_others_are_not(
    house: RunningHouse, root: Client, url: str
):
    body = {"name": "bad", "url": url, "private_network": True, "open_to_keys": True}
    granted(await root.post("/api/mcp-services", json=body))
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}

    async with loopback(house.app) as address, httpx2.AsyncClient(base_url=address, headers=root.headers) as http:
        session = (await http.post("/mcp/bad", json=hello)).headers["mcp-session-id"]
        heard = await http.get("/mcp/bad", headers={"mcp-session-id": session})
        alone = await http.get("/mcp/bad")

    assert "s-1" != session
    assert "list_changed" in heard.text and "somebody else" not in heard.text
    # Without their ids nobody can have events told again.
    assert "id: 1" not in heard.text
    assert (405, "POST") == (alone.status_code, alone.headers["allow"])


def _refused(answer: httpx2.Response) -> str:
    """The text of the tool's result, whether it came alone or as an event."""
    text = answer.text
    message = json.loads(text.partition("data: ")[2] if text.startswith("event:") else text)
    assert 7 == message["id"] and message["result"]["isError"]
    return str(message["result"]["content"][0]["text"])


async def _statuses(root: Client) -> dict[str, str]:
    items = granted(await root.get("/api/mcp-calls"))["items"]
    return {call["tool"]: call["status"] for call in items}
