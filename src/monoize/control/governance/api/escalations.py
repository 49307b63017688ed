"""/api/escalations: what people were called for."""

from typing import Annotated

from fastapi import Depends, Query
from starlette.responses import Response

from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Page, Uuid, Window
from monoize.control.governance.actions import escalations
from monoize.control.governance.model.escalations import Escalation

router = Router(prefix="/escalations", tags=["escalations"])


@router.get("")
async def list_escalations(
    house: HouseHere,
    window: Annotated[Window, Depends(uuid_window)],
    call: Annotated[Call, requires("governance.read")],
    agent_id: Annotated[Uuid | None, Query(description="Only those of this agent record.")] = None,
    is_open: Annotated[
        bool | None, Query(description="Only those that nobody looks after, or that somebody does.")
    ] = None,
) -> Page[Escalation]:
    async with house.database.read() as tx:
        return await escalations.list_escalations(tx, window, agent_id=agent_id, is_open=is_open)


@router.post("/{escalation_id}/acknowledge", response_model=Escalation)
async def acknowledge(escalation_id: Uuid, mutation: Annotated[Mutation, mutates("governance.write")]) -> Response:
    """You look after it: nobody farther up is told."""
    return await mutation.run(lambda change: escalations.acknowledge(change, escalation_id))
