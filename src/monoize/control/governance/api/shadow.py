"""/api/shadow-denials: what policies in shadow would have denied of the requests of agents."""

from typing import Annotated

from fastapi import Query

from monoize.base.principal import Call
from monoize.control.edge.caller import requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.wire import Instant
from monoize.control.governance.actions import shadow
from monoize.control.governance.actions.shadow import ShadowCounts
from monoize.control.governance.api.names import AgentId

router = Router(prefix="/shadow-denials", tags=["agent records"])


@router.get("")
async def count_shadow_denials(
    house: HouseHere,
    call: Annotated[Call, requires("governance.read")],
    record_id: Annotated[AgentId | None, Query(description="Only those of this agent.")] = None,
    since: Annotated[Instant | None, Query(description="From then on; a week ago when not given.")] = None,
    until: Annotated[Instant | None, Query(description="Before then; now when not given.")] = None,
) -> ShadowCounts:
    """By day, agent, gate and rule; of 31 days at most."""
    async with house.database.read() as tx:
        return await shadow.counts(tx, record_id=record_id, since=since, until=until)
