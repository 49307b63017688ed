"""The house over loopback, and clients of MCP made with the official SDK."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import uvicorn
from fastapi import FastAPI
from mcp.client.client import Client as McpClient
from mcp.client.streamable_http import streamable_http_client

from support.answers import granted
from support.house import Client
from support.patience import PATIENCE_S


@contextlib.asynccontextmanager
async def loopback(app: FastAPI) -> AsyncIterator[str]:
    """The address under which this application is served, in the loop of the test."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.get_running_loop().create_task(server.serve([listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


@contextlib.asynccontextmanager
async def mcp_client(
    url: str, bearer: str, *, mode: str = "legacy", agent: str | None = None, **options: Any
) -> AsyncIterator[McpClient]:
    headers = {"authorization": f"Bearer {bearer}"} | ({"monoize-agent": agent} if agent else {})
    async with (
        httpx2.AsyncClient(headers=headers, timeout=PATIENCE_S) as http,
        McpClient(streamable_http_client(url, http_client=http), mode=mode, **options) as client,
    ):
        yield client


def bearer_of(client: Client) -> str:
    return client.headers["authorization"].removeprefix("Bearer ")


async def make_service(root: Client, url: str, **fields: Any) -> dict[str, Any]:
    """A service whose tools were all accepted; `look` is known to change nothing."""
    body = {"name": "shop", "url": url, "private_network": True, **fields}
    service = granted(await root.post("/api/mcp-services", json=body))
    await accept_all(root, service)
    path = f"/api/mcp-services/{service['id']}/tools"
    look = next(tool["id"] for tool in granted(await root.get(path))["items"] if tool["name"] == "look")
    granted(await root.patch(f"{path}/{look}", json={"read_only": True, "risk": "low"}))
    return service


async def accept_all(root: Client, service: dict[str, Any]) -> None:
    path = f"/api/mcp-services/{service['id']}"
    granted(await root.post(f"{path}/refresh"))
    found = granted(await root.get(f"{path}/tools"))["items"]
    seen = [{"name": tool["name"], "found_hash": tool["found_hash"]} for tool in found]
    granted(await root.post(f"{path}/accept", json={"tools": seen}))


def text_of(result: Any) -> str:
    return str(result.content[0].text)
