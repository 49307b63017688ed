"""/services: what runs in projects; made, changed, started, stopped, looked at and deleted."""

from typing import Annotated, Any, Final, Literal

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import Window
from monoize.control.projects.actions import (
    deployments,
    environments,
    projects,
    registries,
    removals,
    running,
    services,
)
from monoize.control.projects.actions.upkeep import settle
from monoize.control.projects.api.config_wire import CLEARABLE, merged, row_values
from monoize.control.projects.api.here import EngineHere, UpkeepHere
from monoize.control.projects.api.services import ServiceCreate, ServiceUpdate, check_folders
from monoize.control.projects.api.variables import Id
from monoize.control.projects.drivers.engine import Engine, readable
from monoize.control.projects.errors import NotRunning
from monoize.control.projects.model.config import ServiceConfig
from monoize.control.projects.model.instances import aliases_of
from monoize.control.projects.model.services import Service
from monoize.dashboard.destroying import Doomed, ask_name, check_name
from monoize.dashboard.forms import Form, checked, read_form
from monoize.dashboard.live import live_part
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.projects import config_form
from monoize.dashboard.pages.projects.visit import Reader, Writer, service_ways
from monoize.dashboard.pages.projects.words import deployment_said, deployment_steps, service_said
from monoize.dashboard.render import next_address, part, render, see_other
from monoize.infra.db import Tx

router = page_router()

PATH: Final = "/services"
_CHOICES: Final = Window(200, None)
_NEWEST: Final = Window(1, None)
Verb = Literal["start", "stop", "restart", "unlock"]
_VERBS: Final = {
    "start": services.start_service,
    "stop": services.stop_service,
    "restart": services.restart_service,
    "unlock": services.unlock_service,
}


@router.get(PATH)
async def show(
    request: Request, house: HouseHere, person: Reader, window: Annotated[Window, Depends(number_window)]
) -> Response:
    async with house.database.read() as tx:
        page = await services.list_services(tx, window, project_id=None, visible=None, name=None)
    return render(
        request,
        "projects/services.html",
        services=page.items,
        service_said=service_said,
        next_address=next_address(request, PATH, page),
    )


@router.get("/projects/{project_id}/services/new")
async def ask(project_id: Id, request: Request, house: HouseHere, person: Writer) -> Response:
    first = Form({"health": "tcp", "health_path": "/", "replicas": "1"})
    return await _ask(request, house, project_id, first)


@router.post("/projects/{project_id}/services")
async def create(
    project_id: Id, request: Request, house: HouseHere, engine: EngineHere, person: Writer
) -> Response:
    form = await read_form(request)
    try:
        values = {name: value for name, value in config_form.entered(form).items() if value is not None}
        body = checked(ServiceCreate, config_form.EXPECTED, name=form.text("name"), **{"image": None, **values})
        sent = {name: value for name, value in body.model_dump(exclude_unset=True).items() if value is not None}
        config = merged(ServiceConfig(image=body.image), sent, body)
        await check_folders(engine, [volume.source for volume in config.volumes], person.call)
        async with house.audit_log.change(person.call) as change:
            made = await services.create_service(change, project_id, config, row_values(sent), start=True)
    except Refusal as refusal:
        return await _ask(request, house, project_id, form.refused(refusal))
    return see_other(f"/deployments/{made.deployment_id}")


@router.get("/services/{service_id}")
async def show_one(
    service_id: Id, request: Request, house: HouseHere, engine: EngineHere, person: Reader
) -> Response:
    async with house.database.read() as tx:
        state = await _state(tx, service_id)
    service: Service = state["service"]
    return render(
        request,
        "projects/service.html",
        **state,
        stats=await _stats(house, engine, service),
        network=engine.ours.network(service.project_id),
        aliases=aliases_of(service.name, service.project_name),
        port_text=config_form.port_text,
        volume_text=config_form.volume_text,
        may_change=person.may("projects.write"),
        tabs=service_ways(service_id),
    )


@router.get("/services/{service_id}/live")
async def follow(
    service_id: Id, request: Request, house: HouseHere, engine: EngineHere, person: Reader
) -> Response:
    async def look() -> str:
        async with house.database.read() as tx:
            state = await _state(tx, service_id)
        stats = await _stats(house, engine, state["service"])
        may_change = person.may("projects.write")
        return part("projects/service_state.html", **state, stats=stats, may_change=may_change)

    # So that one that is not there is an answer and not a stream.
    await look()
    return live_part(request, person, look, permission="projects.read")


@router.get("/services/{service_id}/settings")
async def ask_settings(service_id: Id, request: Request, house: HouseHere, person: Writer) -> Response:
    service = await _find(house, service_id)
    return await _settings(request, house, service, config_form.shown(service))


@router.post("/services/{service_id}/settings")
async def update(
    service_id: Id, request: Request, house: HouseHere, engine: EngineHere, person: Writer
) -> Response:
    form = await read_form(request)
    service = await _find(house, service_id)
    try:
        body = checked(
            ServiceUpdate,
            config_form.EXPECTED,
            name=form.text("name"),
            redeploy=bool(form.shown("redeploy")),
            **config_form.entered(form, service.config),
        )
        sent = body.sent(clearable=CLEARABLE)
        await check_folders(engine, [volume.source for volume in body.volumes or ()], person.call)
        async with house.audit_log.change(person.call) as change:
            ordered = await services.update_service(
                change,
                service_id,
                lambda before: merged(before, sent, body),
                row_values(sent),
                redeploy=body.redeploy,
            )
    except Refusal as refusal:
        return await _settings(request, house, service, form.refused(refusal))
    if ordered.deployment_id:
        return see_other(f"/deployments/{ordered.deployment_id}")
    return see_other(f"/services/{service_id}?done=service_saved")


@router.get("/services/{service_id}/delete")
async def ask_delete(service_id: Id, request: Request, house: HouseHere, person: Writer) -> Response:
    return ask_name(request, _doomed(await _find(house, service_id)))


@router.post("/services/{service_id}/delete")
async def delete(service_id: Id, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    doomed = _doomed(await _find(house, service_id))
    try:
        check_name(form, doomed)
        async with house.audit_log.change(person.call) as change:
            await removals.remove_service(change, service_id, name=doomed.name, with_volumes=False)
    except Refusal as refusal:
        return ask_name(request, doomed, form.refused(refusal))
    return see_other("/projects/removals?done=removal_begun")


@router.post("/services/{service_id}/probe")
async def probe(service_id: Id, request: Request, house: HouseHere, upkeep: UpkeepHere, person: Writer) -> Response:
    """One look at each replica."""
    with readable():
        probes = await upkeep.health.look_now(service_id)
    service = await _find(house, service_id)
    return render(request, "projects/probes.html", service=service, probes=probes, tabs=service_ways(service_id))


@router.post("/services/{service_id}/power/{verb}")
async def move(service_id: Id, verb: Verb, house: HouseHere, upkeep: UpkeepHere, person: Writer) -> Response:
    async with house.audit_log.change(person.call) as change:
        await _VERBS[verb](change, service_id)
    if verb == "restart":
        with readable():
            await upkeep.reconciler.restart(service_id)
    await settle(upkeep, service_id)
    return see_other(f"/services/{service_id}")


async def _state(tx: Tx, service_id: int) -> dict[str, Any]:
    """What changes while somebody looks."""
    service = await services.get_service(tx, service_id)
    newest = (await deployments.list_deployments(tx, _NEWEST, service_id=service_id)).items
    deployment = newest[0] if newest else None
    return {
        "service": service,
        "said": service_said(service),
        "deployment": deployment,
        "deployment_said": deployment_said(deployment) if deployment else None,
        "steps": deployment_steps(deployment) if deployment else (),
    }


async def _stats(house: House, engine: Engine, service: Service) -> dict[str, Any]:
    """What its replicas use now, or why that is not known."""
    if service.desired_state == "stopped":
        return {"readings": (), "trouble": None}
    try:
        with readable():
            found = await running.instances_of(house.database, engine, service.id, replica=None, running=True)
            return {"readings": await running.readings(engine, found), "trouble": None}
    except NotRunning:
        return {"readings": (), "trouble": None}
    except Refusal as refusal:
        return {"readings": (), "trouble": refusal}


def _doomed(service: Service) -> Doomed:
    gone = "Its containers, routes, releases and secrets go with it. Volumes stay on the engine."
    at = f"/services/{service.id}"
    return Doomed("service", service.name, gone, f"{at}/delete", at, facts=[("Project", service.project_name)])


async def _ask(request: Request, house: House, project_id: int, form: Form) -> Response:
    async with house.database.read() as tx:
        project = await projects.get_project(tx, project_id)
        choices = await _choices(tx)
    return render(request, "projects/service_new.html", project=project, form=form, refusal=form.refusal, **choices)


async def _settings(request: Request, house: House, service: Service, form: Form) -> Response:
    async with house.database.read() as tx:
        choices = await _choices(tx)
    return render(
        request,
        "projects/service_settings.html",
        service=service,
        form=form,
        refusal=form.refusal,
        tabs=service_ways(service.id),
        **choices,
    )


async def _choices(tx: Tx) -> dict[str, Any]:
    """What a service may choose from."""
    kept = (await registries.list_registries(tx, _CHOICES)).items
    shared = (await environments.list_environments(tx, _CHOICES, name=None)).items
    return {
        "health_kinds": config_form.HEALTH_KINDS,
        "registries": [("", "None: the image is public"), *((str(each.id), each.name) for each in kept)],
        "environments": [("", "None"), *((str(each.id), each.name) for each in shared)],
    }


async def _find(house: House, service_id: int) -> Service:
    async with house.database.read() as tx:
        return await services.get_service(tx, service_id)
