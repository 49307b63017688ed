"""/api/agent-health: how agents are."""

from typing import Annotated

from fastapi import Depends

from monoize.base.principal import Call
from monoize.control.edge.caller import requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Page, Uuid, Window
from monoize.control.governance.actions import health
from monoize.control.governance.model.health import AgentHealth

router = Router(prefix="/agent-health", tags=["agent records"])


@router.get("")
async def list_health(
    house: HouseHere,
    window: Annotated[Window, Depends(uuid_window)],
    call: Annotated[Call, requires("governance.read")],
) -> Page[AgentHealth]:
    """Of all agents that were ever looked at. What nobody has looked at for a while is `unknown`."""
    async with house.database.read() as tx:
        return await health.list_health(tx, window)


@router.get("/{record_id}")
async def get_health(
    record_id: Uuid, house: HouseHere, call: Annotated[Call, requires("governance.read")]
) -> AgentHealth:
    async with house.database.read() as tx:
        return await health.get_health(tx, record_id)
