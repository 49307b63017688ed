"""/agent-records/{id}/versions: what a record said, version by version, and the way back to one of them."""

from typing import Annotated

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import NotFound, Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import Uuid, Window
from monoize.control.governance.actions import records
from monoize.control.governance.api.agent_records_wire import VERSION_MOST, Rollback
from monoize.dashboard.amounts import whole
from monoize.dashboard.forms import Form, checked, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.governance import words
from monoize.dashboard.pages.governance.records import led_to
from monoize.dashboard.pages.governance.visit import Reader, Writer, at, tabs_of
from monoize.dashboard.render import next_address, render, see_other

router = page_router()

VersionNumber = Annotated[int, Query(ge=1, le=VERSION_MOST)]


@router.get("/agent-records/{record_id}/versions")
async def show(
    record_id: Uuid,
    request: Request,
    house: HouseHere,
    person: Reader,
    window: Annotated[Window, Depends(number_window)],
) -> Response:
    async with house.database.read() as tx:
        record = await records.get_record(tx, record_id)
        page = await records.list_revisions(tx, record_id, window)
    return render(
        request,
        "governance/versions.html",
        record=record,
        tabs=tabs_of(record),
        versions=page.items,
        next_address=next_address(request, f"{at(record_id)}/versions", page),
    )


@router.get("/agent-records/{record_id}/diff")
async def compare(
    record_id: Uuid,
    request: Request,
    house: HouseHere,
    person: Reader,
    earlier: Annotated[VersionNumber, Query(alias="from")],
    later: Annotated[VersionNumber, Query(alias="to")],
) -> Response:
    return await _compare(request, house, record_id, earlier, later, Form())


@router.post("/agent-records/{record_id}/rollback")
async def roll_back(record_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    """The present version is the one that the person looked at."""
    form = await read_form(request)
    to, version = whole(form, "to"), whole(form, "version")
    try:
        body = checked(
            Rollback,
            to=to,
            version=version,
            reason=form.text("reason"),
            sole_admin=bool(form.text("sole_admin")),
        )
        async with house.audit_log.change(person.call) as change:
            result = await records.roll_back(
                change,
                house.seal,
                record_id,
                body.to,
                version=body.version,
                reason=body.reason,
                sole_admin=body.sole_admin,
            )
    except NotFound:
        raise
    except Refusal as refusal:
        earlier, later = (min(number or 1, VERSION_MOST) for number in (version, to))
        return await _compare(request, house, record_id, earlier, later, form.refused(refusal))
    return see_other(led_to(record_id, result, "rolled_back"))


async def _compare(
    request: Request, house: House, record_id: str, earlier: int, later: int, form: Form
) -> Response:
    async with house.database.read() as tx:
        record = await records.get_record(tx, record_id)
        found = await records.compare(tx, record_id, earlier, later)
    return render(
        request,
        "governance/compare.html",
        record=record,
        earlier=earlier,
        later=later,
        lines=words.diff_lines(found),
        form=form,
        refusal=form.refusal,
    )
