"""What administrators do with MCP services and their tools."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final

from monoize.base.ids import new_id
from monoize.control.edge.wire import Page, Window
from monoize.control.identity.actions.tenants import get_tenant
from monoize.control.mcp.errors import McpAddressInvalid, McpToolsChanged, NoSuchMcpTool
from monoize.control.mcp.model import oauth
from monoize.control.mcp.model.oauth import OAuthSecrets
from monoize.control.mcp.model.services import (
    CREDENTIAL,
    OAUTH,
    McpService,
    McpTool,
    credential_place,
    oauth_place,
)
from monoize.control.mcp.store import services, tools
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal

_LOOKED_AT_ANEW: Final[Mapping[str, Any]] = {"health": "unknown", "last_error": None, "checked_at": None}


async def list_services(tx: Tx, window: Window, *, name: str | None = None) -> Page[McpService]:
    return window.page(await services.page(tx, window, name=name), lambda service: service.id)


async def get_service(tx: Tx, service_id: str) -> McpService:
    return await services.get(tx, service_id)


async def create_service(change: Change, seal: Seal, given: Mapping[str, Any]) -> McpService:
    id = new_id()
    values = await _checked(change.tx, dict(given), private=bool(given.get("private_network")))
    made = await services.add(change.tx, id, _sealed(seal, id, values))
    change.record("mcp_service.create", "mcp_service", id, name=made.name, host=made.host, tenant=made.tenant_id)
    return made


async def update_service(change: Change, seal: Seal, service_id: str, given: Mapping[str, Any]) -> McpService:
    """What lies under another address is looked at anew before anything is called there."""
    before = await services.get(change.tx, service_id, lock=True)
    whole = {"url": before.url, "oauth": before.oauth and dataclasses.asdict(before.oauth), **given}
    private = bool(given.get("private_network", before.private_network))
    checked = await _checked(change.tx, whole, private=private)
    values = {name: checked[name] for name in given}
    if checked["url"] != before.url:
        values.update(_LOOKED_AT_ANEW)
        # What was given for another server.
        values = {"credential": None, "oauth": None} | values
    after = await services.change(change.tx, service_id, _sealed(seal, service_id, values))
    change.record("mcp_service.update", "mcp_service", service_id, name=after.name, changed=sorted(given))
    return after


async def delete_service(change: Change, service_id: str) -> None:
    found = await services.get(change.tx, service_id, lock=True)
    await services.remove(change.tx, service_id)
    change.record("mcp_service.delete", "mcp_service", service_id, name=found.name)


async def refreshed(change: Change, service_id: str) -> McpService:
    """That somebody had the server looked at, and what differs since."""
    service = await services.get(change.tx, service_id)
    known = await tools.of_service(change.tx, service_id)
    differing = [tool.name for tool in known if tool.state != "active"]
    change.record("mcp_service.refresh", "mcp_service", service_id, name=service.name, differing=differing)
    return service


async def list_tools(tx: Tx, service_id: str) -> Sequence[McpTool]:
    await services.get(tx, service_id)
    return await tools.of_service(tx, service_id)


async def get_tool(tx: Tx, service_id: str, tool_id: str) -> McpTool:
    return await tools.get(tx, service_id, tool_id)


async def tools_waiting(tx: Tx) -> Mapping[str, int]:
    """By service: how many of its tools somebody has to look at, since they are new, gone, or not as they were."""
    return await tools.waiting(tx)


async def accept_tools(change: Change, service_id: str, wanted: Mapping[str, str | None]) -> Page[McpTool]:
    """`wanted` names tools, each with the hash that somebody has looked at: None for one that is gone."""
    service = await services.get(change.tx, service_id, lock=True)
    known = {tool.name: tool for tool in await tools.of_service(change.tx, service_id, lock=True)}
    if missing := sorted(wanted.keys() - known.keys()):
        raise NoSuchMcpTool(tools=missing)
    if changed := sorted(name for name, hash in wanted.items() if known[name].found_hash != hash):
        raise McpToolsChanged(tools=changed)
    await tools.accept(change.tx, [known[name] for name in wanted])
    accepted = {name: {"was": known[name].schema_hash, "now": hash} for name, hash in wanted.items()}
    change.record("mcp_service.accept_tools", "mcp_service", service_id, name=service.name, digests=accepted)
    return Page(await tools.of_service(change.tx, service_id), None)


async def update_tool(change: Change, service_id: str, tool_id: str, given: Mapping[str, Any]) -> McpTool:
    service = await services.get(change.tx, service_id)
    after = await tools.change(change.tx, service_id, tool_id, given)
    change.record(
        "mcp_tool.update", "mcp_tool", after.id, service=service.name, name=after.name, changed=sorted(given)
    )
    return after


async def _checked(tx: Tx, values: dict[str, Any], *, private: bool) -> dict[str, Any]:
    if values.get("tenant_id") is not None:
        await get_tenant(tx, values["tenant_id"])
    addresses = [values["url"], *([values["oauth"]["token_url"]] if values.get("oauth") else [])]
    if not private and not all(address.startswith("https://") for address in addresses):
        raise McpAddressInvalid
    return values


def _sealed(seal: Seal, id: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """There is one way to open it: what is given takes the place of the other."""
    kept = {name: value for name, value in values.items() if name not in ("credential", "oauth")}
    if values.get("credential") is not None:
        values = {**values, "oauth": None}
    elif values.get("oauth") is not None:
        values = {**values, "credential": None}
    if "credential" in values:
        given = values["credential"]
        kept[CREDENTIAL] = None if given is None else seal.seal(given, *credential_place(id))
    if "oauth" in values:
        kept |= _sealed_oauth(seal, id, values["oauth"])
    return kept


def _sealed_oauth(seal: Seal, id: str, given: Mapping[str, Any] | None) -> dict[str, Any]:
    if given is None:
        return {"oauth": None, OAUTH: None}
    secrets = OAuthSecrets(given.get("client_secret"), given.get("refresh_token"))
    shown = {name: given.get(name) for name in ("token_url", "client_id", "scope")}
    return {"oauth": shown, OAUTH: seal.seal(oauth.kept(secrets), *oauth_place(id))}
