"""Who comes to which server: found, admitted, and given what is needed to go on."""

import dataclasses
from collections.abc import Sequence

from monoize.base.principal import Call
from monoize.control.edge.house import House
from monoize.control.mcp.actions.callers import Caller, caller_of
from monoize.control.mcp.actions.discovery import Discovery
from monoize.control.mcp.actions.openings import Openings
from monoize.control.mcp.drivers.server import Server
from monoize.control.mcp.errors import NoSuchMcpService
from monoize.control.mcp.model.decisions import check_reach
from monoize.control.mcp.model.services import McpService, McpTool
from monoize.control.mcp.store import services, tools


@dataclasses.dataclass(frozen=True, slots=True)
class Visit:
    call: Call
    caller: Caller
    service: McpService
    server: Server
    tools: Sequence[McpTool]


async def arrive(house: House, openings: Openings, call: Call, name: str, agent: str | None) -> Visit:
    """`agent`: the record that the request names. What is off or another tenant's is not there."""
    async with house.database.read() as tx:
        service = await services.of_name(tx, name)
        if not service.enabled or not service.serves(call.principal.tenant_id):
            raise NoSuchMcpService
        caller = await caller_of(tx, call.principal, agent)
        check_reach(service, caller.policy, call.principal)
        offered = await tools.of_service(tx, service.id)
    return Visit(call, caller, service, await openings.server_of(service), offered)


async def looked_at(house: House, discovery: Discovery, visit: Visit) -> Visit:
    """With the tools as they are at this time, where the last look was a while ago."""
    if not await discovery.refresh_if_old(visit.service):
        return visit
    async with house.database.read() as tx:
        return dataclasses.replace(visit, tools=await tools.of_service(tx, visit.service.id))
