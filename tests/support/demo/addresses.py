"""Where every page of a filled house is: what its address names is there."""

import re
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Column, select

from monoize.control.catalog.tables import model_prices, monoize_channels, monoize_providers
from monoize.control.compute.tables import agents, compute_operations, plans, vps_configs
from monoize.control.edge.house import House
from monoize.control.fleet.model.pools import DEFAULT_POOL_ID
from monoize.control.fleet.tables import auth_payloads, fleet_files, hosts
from monoize.control.governance.tables import (
    agent_ai_executable_limits,
    agent_ai_sam,
    approvals,
    human_context,
    object_buckets,
)
from monoize.control.identity.tables import api_keys, tenants, tokens, users
from monoize.control.ledger.tables import billing_ledger, request_logs
from monoize.control.mcp.tables import mcp_tools
from monoize.control.projects.tables import (
    builds,
    certificates,
    deployments,
    domains,
    environments,
    projects,
    registries,
    routes,
    secrets,
    services,
)
from monoize.infra.db import Tx
from support.demo.each import CAPTURED, OWN_KEY
from support.endpoints import pages

FOR_STRANGERS: Final = frozenset({"/login", "/register", "/setup", "/verify-email"})
"""Where nobody comes who is signed in."""
PARTS: Final = frozenset(
    {
        "/search/results",
        "/orphans/{container_id}/adopt",
        "/orphans/{container_id}/remove",
        "/backups/{backup}/file",
        "/backups/{backup}/restore",
        "/backups/{backup}/delete",
    }
)
"""What is no page by itself, or one of something that only an engine or a disk has."""
MODEL: Final = "claude-sonnet-4-5"
# What an address says beyond its path.
_ASKED: Final = {
    "/agent-records/{record_id}/diff": "?from=1&to=2",
    "/pools/{pool}/compare": "?before=1&after=2",
}
# By the name in the path, and where one name means two things by the path: the first row of a column.
_FIRST: Final[Mapping[str, Column[Any]]] = {
    "provider_id": monoize_providers.c.id,
    "agent_id": agents.c.id,
    "machine_id": compute_operations.c.vps_id,
    "plan_id": plans.c.id,
    "preset_id": vps_configs.c.id,
    "payload": auth_payloads.c.id,
    "file_id": fleet_files.c.id,
    "user_id": users.c.id,
    "bucket_id": object_buckets.c.id,
    "note_id": human_context.c.id,
    "tool_id": mcp_tools.c.id,
    "host": hosts.c.id,
    "approval_id": approvals.c.id,
    "record_id": agent_ai_sam.c.id,
    "limits_id": agent_ai_executable_limits.c.id,
    "/tokens/{name}/delete": tokens.c.name,
    "key_id": api_keys.c.id,
    "tenant_id": tenants.c.id,
    "service_id": services.c.id,
    "build_id": builds.c.id,
    "certificate_id": certificates.c.id,
    "domain_id": domains.c.id,
    "environment_id": environments.c.id,
    "project_id": projects.c.id,
    "registry_id": registries.c.id,
    "deployment_id": deployments.c.id,
    "route_id": routes.c.id,
    "key": secrets.c.key,
    "entry_id": billing_ledger.c.id,
    "request_id": request_logs.c.request_id,
}
_SAID: Final = {
    "name:path": MODEL,
    "pool": DEFAULT_POOL_ID,
    "name": "model_policy_json",
    "/captures/{request_id}": CAPTURED[0],
    "/captures/{request_id}/delete": CAPTURED[0],
}


def page_routes() -> list[str]:
    """Of whoever is signed in: pages, and the addresses at which parts of them keep up."""
    shown = {route.path for route in pages() if "GET" in (route.methods or ())}
    return sorted(shown - FOR_STRANGERS - PARTS)


async def addresses(house: House) -> dict[str, str]:
    """By route."""
    async with house.database.read() as tx:
        return {route: await _address(tx, route) for route in page_routes()}


async def _address(tx: Tx, route: str) -> str:
    address = route
    for name in re.findall(r"{([\w:]+)}", route):
        address = address.replace(f"{{{name}}}", await _value(tx, route, name))
    return address + _ASKED.get(route, "")


async def _value(tx: Tx, route: str, name: str) -> str:
    if route in _SAID:
        return _SAID[route]
    if name == "channel_id":
        first = select(monoize_providers.c.id).order_by(monoize_providers.c.id).limit(1).scalar_subquery()
        query = select(monoize_channels.c.id).where(monoize_channels.c.provider_id == first)
    elif name == "service_id" and route.startswith("/mcp-services/"):
        query = select(mcp_tools.c.service_id).order_by(mcp_tools.c.id)
    elif route == "/keys/{key_id}/delete":
        query = select(api_keys.c.id).where(api_keys.c.name == OWN_KEY)
    elif name == "price_id":
        last = model_prices.c.effective_from.desc()
        query = select(model_prices.c.id).where(model_prices.c.model_key == MODEL).order_by(last)
    else:
        column = _FIRST.get(route, _FIRST.get(name))
        if column is None:
            return _SAID[name]
        query = select(column).order_by(column)
    found = await tx.scalar(query.limit(1))
    assert found is not None, f"nothing for {name} of {route}"
    return str(found)
