"""/api/stops: the kill switch."""

from typing import Annotated, Self

from fastapi import Depends
from pydantic import model_validator
from starlette.responses import Response

from monoize.base.principal import Call
from monoize.contract.stops import Scope
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Page, Uuid, Window, Wire
from monoize.control.governance.actions import stops
from monoize.control.governance.api.names import Reason
from monoize.control.governance.model.stops import Stop

router = Router(prefix="/stops", tags=["stops"])


class StopMade(Wire):
    """`subject` is the id of the tenant or of the agent record; everything has none."""

    scope: Scope
    subject: Uuid | None = None
    reason: Reason

    @model_validator(mode="after")
    def _names_what_it_stops(self) -> Self:
        if (self.subject is None) != (self.scope == "global"):
            raise ValueError("a tenant or an agent is named by `subject`; everything is not")
        return self


class Lift(Wire):
    reason: Reason | None = None


@router.get("")
async def list_stops(
    house: HouseHere,
    window: Annotated[Window, Depends(uuid_window)],
    call: Annotated[Call, requires("governance.read")],
) -> Page[Stop]:
    """What is stopped now."""
    async with house.database.read() as tx:
        return await stops.list_stops(tx, window)


@router.post("", status_code=201, response_model=Stop)
async def make_stop(body: StopMade, mutation: Annotated[Mutation, mutates("governance.write")]) -> Response:
    """In force everywhere within a second, for everybody. Only a super_admin stops everything."""
    return await mutation.run(lambda change: stops.stop(change, body.scope, body.subject, body.reason), status=201)


@router.post("/{stop_id}/lift", response_model=Stop)
async def lift_stop(
    stop_id: Uuid, body: Lift, mutation: Annotated[Mutation, mutates("governance.write")]
) -> Response:
    return await mutation.run(lambda change: stops.lift(change, stop_id, body.reason))
