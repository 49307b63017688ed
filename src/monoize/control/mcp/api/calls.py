"""/api/mcp-calls: which tools were called by whom, and what came of it."""

from typing import Annotated

from fastapi import Depends, Query

from monoize.base.principal import Call
from monoize.control.edge.caller import requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Page, Uuid, Window
from monoize.control.mcp.actions import calls
from monoize.control.mcp.model.calls import McpCall, UseOfTool

router = Router(prefix="/mcp-calls", tags=["mcp"])

DAYS_MOST = 90


@router.get("")
async def list_mcp_calls(
    house: HouseHere,
    window: Annotated[Window, Depends(uuid_window)],
    call: Annotated[Call, requires("governance.read")],
    service_id: Annotated[Uuid | None, Query(description="Only those of this service.")] = None,
    agent_id: Annotated[Uuid | None, Query(description="Only those in the name of this record.")] = None,
    tenant_id: Annotated[Uuid | None, Query(description="Only those of this tenant.")] = None,
) -> Page[McpCall]:
    async with house.database.read() as tx:
        return await calls.list_calls(tx, window, service_id=service_id, agent_id=agent_id, tenant_id=tenant_id)


@router.get("/days")
async def list_mcp_use(
    house: HouseHere,
    call: Annotated[Call, requires("governance.read")],
    days: Annotated[int, Query(ge=1, le=DAYS_MOST)] = 7,
    service_id: Annotated[Uuid | None, Query(description="Only those of this service.")] = None,
) -> Page[UseOfTool]:
    """Sums of each tool by days in UTC."""
    async with house.database.read() as tx:
        return Page(await calls.list_use(tx, days=days, service_id=service_id), None)
