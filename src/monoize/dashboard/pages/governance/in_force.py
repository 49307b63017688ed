"""/agent-records/{id}/effective: what holds for the agents of a record, and which level says it."""

from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import NotFound, Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.wire import Uuid
from monoize.control.governance.actions import records
from monoize.control.governance.actions.effective import levels
from monoize.control.governance.model.composition import compose
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.governance import words
from monoize.dashboard.pages.governance.origins import in_force
from monoize.dashboard.pages.governance.visit import Reader, tabs_of
from monoize.dashboard.render import render

router = page_router()


@router.get("/agent-records/{record_id}/effective")
async def show(record_id: Uuid, request: Request, house: HouseHere, person: Reader) -> Response:
    refusal: Refusal | None = None
    async with house.database.read() as tx:
        record = await records.get_record(tx, record_id)
        try:
            found = await levels(tx, record_id)
        except NotFound:
            raise
        except Refusal as tampered:  # Then nothing is in force, which the page says.
            found, refusal = (), tampered
    policy = compose(found[:-1], found[-1]) if found else None
    return render(
        request,
        "governance/in_force.html",
        record=record,
        tabs=tabs_of(record),
        refusal=refusal,
        policy=policy,
        levels=found,
        policies=in_force(policy, found) if policy else [],
        words=words,
    )
