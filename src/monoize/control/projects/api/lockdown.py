"""/api/lockdown: administrators alone may use projects, until it is lifted."""

from typing import Annotated

from pydantic import Field
from starlette.responses import Response

from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.wire import STORABLE, Wire
from monoize.control.projects.actions import lockdown
from monoize.control.projects.actions.lockdown import REASON_MOST, Lockdown

router = Router(prefix="/lockdown", tags=["lockdown"])


class LockdownBegin(Wire):
    reason: Annotated[str, Field(min_length=1, max_length=REASON_MOST), STORABLE]


@router.get("")
async def show_lockdown(house: HouseHere, call: Annotated[Call, requires("projects.read")]) -> Lockdown:
    async with house.database.read() as tx:
        return await lockdown.standing(tx)


@router.put("", response_model=Lockdown)
async def lock_down(body: LockdownBegin, mutation: Annotated[Mutation, mutates("system.write")]) -> Response:
    """Running services go on; nothing is built, deployed or changed but by administrators."""
    return await mutation.run(lambda change: lockdown.lock_down(change, body.reason))


@router.delete("", status_code=204)
async def lift(mutation: Annotated[Mutation, mutates("system.write")]) -> Response:
    return await mutation.run(lambda change: lockdown.lift(change))
