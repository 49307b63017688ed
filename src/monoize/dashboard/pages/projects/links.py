"""/services/{id}/links: the others of its project that a service is told of; added and taken away."""

from typing import Annotated, Final

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import Window
from monoize.control.projects.actions import links, services
from monoize.control.projects.api.variables import Id
from monoize.control.projects.model.instances import slug
from monoize.dashboard.forms import Form, invalid, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.projects.visit import Reader, Writer, service_ways
from monoize.dashboard.pages.projects.words import service_said
from monoize.dashboard.render import next_address, render, see_other
from monoize.dashboard.session import Person

router = page_router()

_FIRST_PAGE: Final = Window(50, None)
_OFFERED: Final = Window(200, None)


@router.get("/services/{service_id}/links")
async def show(
    service_id: Id,
    request: Request,
    house: HouseHere,
    person: Reader,
    window: Annotated[Window, Depends(number_window)],
) -> Response:
    return await _page(request, house, person, service_id, window)


@router.post("/services/{service_id}/links")
async def add(service_id: Id, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        target = form.text("target")
        if target is None:
            raise invalid(target="Fill this in.")
        async with house.audit_log.change(person.call) as change:
            await links.add_link(change, service_id, target)
    except Refusal as refusal:
        return await _page(request, house, person, service_id, _FIRST_PAGE, form.refused(refusal))
    return see_other(f"/services/{service_id}/links?done=links_saved")


@router.post("/services/{service_id}/links/{target_id}/remove")
async def remove(service_id: Id, target_id: Id, house: HouseHere, person: Writer) -> Response:
    async with house.audit_log.change(person.call) as change:
        await links.remove_link(change, service_id, target_id)
    return see_other(f"/services/{service_id}/links?done=links_saved")


async def _page(
    request: Request, house: House, person: Person, service_id: int, window: Window, form: Form | None = None
) -> Response:
    async with house.database.read() as tx:
        service = await services.get_service(tx, service_id)
        page = await links.page_of_links(tx, service_id, window)
        others = await services.list_services(tx, _OFFERED, project_id=service.project_id, visible=None)
    shown = form or Form()
    return render(
        request,
        "projects/links.html",
        service=service,
        links=page.items,
        others=[each.name for each in others.items if each.id != service_id],
        told_as=lambda target: slug(target.name).replace("-", "_").upper(),
        service_said=service_said,
        form=shown,
        refusal=shown.refusal,
        may_change=person.may("projects.write"),
        tabs=service_ways(service_id),
        next_address=next_address(request, f"/services/{service_id}/links", page),
    )
