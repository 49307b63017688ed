"""Valid requests for endpoints of MCP services, notes and buckets, with servers that stand for those outside."""

import contextlib
import functools
from typing import Any, Final

from fakes.mcp_server import mcp_server
from fakes.object_store import KEY_ID, REGION, SECRET, FakeObjectStore
from fakes.server import LocalServer

from support.answers import granted
from support.house import Client
from support.mutations import Request, Scene, valid

STANDING: Final = contextlib.ExitStack()
"""Closed when the last test is over."""
LATER: Final = "2100-01-01T00:00:00Z"


@functools.cache
def shop() -> str:
    return STANDING.enter_context(mcp_server(json_response=True))[1]


@functools.cache
def photos() -> str:
    return STANDING.enter_context(LocalServer(FakeObjectStore().app)).url


async def _service(scene: Scene, **fields: Any) -> str:
    body = {"name": "shop", "url": "https://mcp.example.com/mcp", **fields}
    return f"/api/mcp-services/{(await scene.created('/api/mcp-services', **body))['id']}"


async def _looked_at(scene: Scene) -> tuple[Client, str]:
    root = await scene.root()
    path = await _service(scene, url=shop(), private_network=True)
    granted(await root.post(f"{path}/refresh"))
    return root, path


def _service_row(verb: str) -> tuple[tuple[str, str, str], ...]:
    return ((f"mcp_service.{verb}", "user:root", "mcp_service"),)


@valid("POST /api/mcp-services")
async def create_mcp_service(scene: Scene) -> Request:
    tenant = await scene.created("/api/tenants", name="other")
    body = {
        "name": "shop",
        "url": "https://mcp.example.com/mcp",
        "tenant_id": tenant["id"],
        "description": "Of the shop.",
        "credential": None,
        "credential_header": "x-api-key",
        "oauth": {
            "token_url": "https://id.example.com/token",
            "client_id": "monoize",
            "client_secret": "secret",
            "refresh_token": None,
            "scope": "tools",
        },
        "enabled": True,
        "private_network": False,
        "open_to_keys": True,
        "tools_allow": ["look*"],
        "tools_deny": ["write"],
        "approval": "always",
        "timeout_ms": 1000,
    }
    return Request(await scene.root(), "/api/mcp-services", _service_row("create"), body)


@valid("PATCH /api/mcp-services/{service_id}")
async def update_mcp_service(scene: Scene) -> Request:
    body = {
        "name": "shop-2",
        "url": "http://127.0.0.1:9/mcp",
        "tenant_id": None,
        "description": None,
        "credential": None,
        "credential_header": "authorization",
        "oauth": {
            "token_url": "https://id.example.com/token",
            "client_id": "monoize",
            "client_secret": "secret",
            "refresh_token": None,
            "scope": "tools",
        },
        "enabled": False,
        "private_network": True,
        "open_to_keys": False,
        "tools_allow": None,
        "tools_deny": [],
        "approval": "never",
        "timeout_ms": 2000,
    }
    return Request(await scene.root(), await _service(scene), _service_row("update"), body)


@valid("DELETE /api/mcp-services/{service_id}")
async def delete_mcp_service(scene: Scene) -> Request:
    return Request(await scene.root(), await _service(scene), _service_row("delete"))


@valid("POST /api/mcp-services/{service_id}/refresh")
async def refresh_mcp_service(scene: Scene) -> Request:
    root, path = await _looked_at(scene)
    return Request(root, f"{path}/refresh", _service_row("refresh"))


@valid("POST /api/mcp-services/{service_id}/accept")
async def accept_mcp_tools(scene: Scene) -> Request:
    root, path = await _looked_at(scene)
    tools = granted(await root.get(f"{path}/tools"))["items"]
    body = {"tools": [{"name": tool["name"], "found_hash": tool["found_hash"]} for tool in tools]}
    return Request(root, f"{path}/accept", _service_row("accept_tools"), body)


@valid("PATCH /api/mcp-services/{service_id}/tools/{tool_id}")
async def update_mcp_tool(scene: Scene) -> Request:
    root, path = await _looked_at(scene)
    body = {
        "risk": "low",
        "read_only": True,
        "requires_approval": True,
        "enabled": False,
        "price_nano_usd": "5000",
    }
    tool = granted(await root.get(f"{path}/tools"))["items"][0]["id"]
    return Request(root, f"{path}/tools/{tool}", (("mcp_tool.update", "user:root", "mcp_tool"),), body)


async def _note(scene: Scene) -> str:
    return f"/api/notes/{(await scene.created('/api/notes', note='Mind the gap.'))['id']}"


def _note_row(verb: str) -> tuple[tuple[str, str, str], ...]:
    return ((f"note.{verb}", "user:root", "note"),)


@valid("POST /api/notes")
async def add_note(scene: Scene) -> Request:
    record = await scene.created("/api/agent-records", name="a", role_name="b")
    older = await scene.created("/api/notes", note="Mind the gap.")
    body = {
        "note": "Mind the step.",
        "topic": "safety",
        "agent_id": record["id"],
        "pinned": True,
        "importance": 0.9,
        "supersedes_id": older["id"],
        "expires_at": LATER,
    }
    return Request(await scene.root(), "/api/notes", _note_row("add"), body)


@valid("PATCH /api/notes/{note_id}")
async def update_note(scene: Scene) -> Request:
    body = {"pinned": True, "importance": 0.1, "expires_at": LATER}
    return Request(await scene.root(), await _note(scene), _note_row("update"), body)


@valid("POST /api/notes/{note_id}/confirm")
async def confirm_note(scene: Scene) -> Request:
    program = await scene.house.make_token(await scene.root(), "writer", role="deployer")
    made = granted(await program.post("/api/notes", json={"note": "Mind the gap."}))
    return Request(await scene.root(), f"/api/notes/{made['id']}/confirm", _note_row("confirm"))


@valid("DELETE /api/notes/{note_id}")
async def delete_note(scene: Scene) -> Request:
    return Request(await scene.root(), await _note(scene), _note_row("delete"))


async def _bucket(scene: Scene) -> str:
    body = {"region": REGION, "access_key_id": KEY_ID, "secret": SECRET, "private_network": True}
    return f"/api/buckets/{(await scene.created('/api/buckets', name='photos', endpoint=photos(), **body))['id']}"


def _bucket_row(verb: str) -> tuple[tuple[str, str, str], ...]:
    return ((f"bucket.{verb}", "user:root", "bucket"),)


@valid("POST /api/buckets")
async def create_bucket(scene: Scene) -> Request:
    tenant = await scene.created("/api/tenants", name="other")
    body = {
        "name": "photos",
        "endpoint": "https://s3.example.com",
        "region": REGION,
        "access_key_id": KEY_ID,
        "secret": SECRET,
        "tenant_id": tenant["id"],
        "prefix": "public/",
        "private_network": False,
        "enabled": True,
        "sync_every_s": 60,
    }
    return Request(await scene.root(), "/api/buckets", _bucket_row("create"), body)


@valid("PATCH /api/buckets/{bucket_id}")
async def update_bucket(scene: Scene) -> Request:
    body = {
        "endpoint": "http://127.0.0.1:9",
        "region": "auto",
        "access_key_id": "other",
        "secret": "other",
        "private_network": True,
        "enabled": False,
        "sync_every_s": 120,
    }
    return Request(await scene.root(), await _bucket(scene), _bucket_row("update"), body)


@valid("DELETE /api/buckets/{bucket_id}")
async def delete_bucket(scene: Scene) -> Request:
    return Request(await scene.root(), await _bucket(scene), _bucket_row("delete"))


@valid("POST /api/buckets/{bucket_id}/sync")
async def sync_bucket(scene: Scene) -> Request:
    return Request(await scene.root(), f"{await _bucket(scene)}/sync", _bucket_row("sync"))
