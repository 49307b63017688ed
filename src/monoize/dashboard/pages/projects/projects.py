"""/projects: groups of services that share a network, their webhook, and what becomes of those that are deleted."""

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import Window
from monoize.control.identity.services import public_address
from monoize.control.projects.actions import lockdown, projects, removals, services, webhooks
from monoize.control.projects.api.here import EngineHere
from monoize.control.projects.api.projects import ProjectCreate, ProjectUpdate
from monoize.control.projects.api.variables import Id
from monoize.control.projects.model.services import Project
from monoize.dashboard.destroying import Doomed, ask_name, check_name
from monoize.dashboard.forms import Form, checked, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.projects.visit import Reader, Writer
from monoize.dashboard.pages.projects.words import service_said
from monoize.dashboard.render import next_address, render, see_other

router = page_router()

PATH: Final = "/projects"
_DELIVERIES: Final = Window(10, None)
_EXPECTED: Final[Mapping[str, str]] = {
    "name": "Use letters, digits, blanks, dots, dashes and underscores, 64 at most.",
    "description": "Use 1000 characters at most.",
}


@router.get(PATH)
async def show(
    request: Request, house: HouseHere, person: Reader, window: Annotated[Window, Depends(number_window)]
) -> Response:
    async with house.database.read() as tx:
        page = await projects.list_projects(tx, window, visible=None)
        locked = await lockdown.standing(tx)
    return render(
        request,
        "projects/projects.html",
        projects=page.items,
        lockdown=locked,
        next_address=next_address(request, PATH, page),
    )


@router.get("/projects/new")
async def ask(request: Request, person: Writer) -> Response:
    return render(request, "projects/project_new.html", form=Form())


@router.post(PATH)
async def create(request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        body = checked(ProjectCreate, _EXPECTED, name=form.text("name"), description=form.text("description"))
        async with house.audit_log.change(person.call) as change:
            made = await projects.create_project(change, name=body.name, description=body.description)
    except Refusal as refusal:
        return render(request, "projects/project_new.html", form=form.refused(refusal), refusal=refusal)
    return see_other(f"/projects/{made.id}?done=project_created")


@router.get("/projects/removals")
async def show_removals(
    request: Request, house: HouseHere, person: Reader, window: Annotated[Window, Depends(number_window)]
) -> Response:
    async with house.database.read() as tx:
        page = await removals.list_removals(tx, window, visible=None)
    return render(
        request,
        "projects/removals.html",
        removals=page.items,
        next_address=next_address(request, "/projects/removals", page),
    )


@router.get("/projects/{project_id}")
async def show_one(
    project_id: Id,
    request: Request,
    house: HouseHere,
    engine: EngineHere,
    person: Reader,
    window: Annotated[Window, Depends(number_window)],
) -> Response:
    async with house.database.read() as tx:
        project = await projects.get_project(tx, project_id)
        page = await services.list_services(tx, window, project_id=project_id, visible=None, name=None)
        deliveries = await webhooks.list_deliveries(tx, project_id, _DELIVERIES)
    return render(
        request,
        "projects/project.html",
        project=project,
        network=engine.ours.network(project_id),
        services=page.items,
        service_said=service_said,
        deliveries=deliveries.items,
        next_address=next_address(request, f"/projects/{project_id}", page),
    )


@router.get("/projects/{project_id}/settings")
async def ask_settings(project_id: Id, request: Request, house: HouseHere, person: Writer) -> Response:
    project = await _find(house, project_id)
    form = Form({"name": project.name, "description": project.description or ""})
    return render(request, "projects/project_settings.html", project=project, form=form)


@router.post("/projects/{project_id}/settings")
async def update(project_id: Id, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    project = await _find(house, project_id)
    try:
        body = checked(ProjectUpdate, _EXPECTED, name=form.text("name"), description=form.text("description"))
        async with house.audit_log.change(person.call) as change:
            await projects.update_project(change, project_id, body.sent(clearable={"description"}))
    except Refusal as refusal:
        return render(
            request,
            "projects/project_settings.html",
            project=project,
            form=form.refused(refusal),
            refusal=refusal,
        )
    return see_other(f"/projects/{project_id}?done=project_saved")


@router.post("/projects/{project_id}/webhook")
async def rotate_webhook(project_id: Id, request: Request, house: HouseHere, person: Writer) -> Response:
    """Its secret is on this answer, and nowhere else."""
    base_url = public_address(request, house)
    async with house.audit_log.change(person.call) as change:
        made = await webhooks.rotate(change, house.seal, project_id, base_url)
    project = await _find(house, project_id)
    return render(request, "projects/webhook.html", status=201, project=project, webhook=made)


@router.post("/projects/{project_id}/webhook/delete")
async def delete_webhook(project_id: Id, house: HouseHere, person: Writer) -> Response:
    async with house.audit_log.change(person.call) as change:
        await webhooks.remove(change, project_id)
    return see_other(f"/projects/{project_id}?done=webhook_deleted")


@router.get("/projects/{project_id}/delete")
async def ask_delete(project_id: Id, request: Request, house: HouseHere, person: Writer) -> Response:
    return ask_name(request, _doomed(await _find(house, project_id)))


@router.post("/projects/{project_id}/delete")
async def delete(project_id: Id, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    doomed = _doomed(await _find(house, project_id))
    try:
        check_name(form, doomed)
        async with house.audit_log.change(person.call) as change:
            await removals.remove_project(change, project_id, name=doomed.name, with_volumes=False)
    except Refusal as refusal:
        return ask_name(request, doomed, form.refused(refusal))
    return see_other("/projects/removals?done=removal_begun")


def _doomed(project: Project) -> Doomed:
    gone = (
        "All its services go with it: their containers, routes, releases and secrets. Volumes stay on the engine."
    )
    return Doomed("project", project.name, gone, f"/projects/{project.id}/delete", f"/projects/{project.id}")


async def _find(house: House, project_id: int) -> Project:
    async with house.database.read() as tx:
        return await projects.get_project(tx, project_id)
