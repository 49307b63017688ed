"""Releases and deployments of a service: the next one asked for, followed, cancelled, and gone back from."""

from typing import Annotated, Any, Final

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import Window
from monoize.control.projects.actions import deployments, services
from monoize.control.projects.api.deployments import DeploymentRequest, RollbackRequest
from monoize.control.projects.api.variables import Id
from monoize.control.projects.model.deployments import may_cancel
from monoize.dashboard.amounts import whole
from monoize.dashboard.forms import Form, checked, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.projects.operations import Operation
from monoize.dashboard.pages.projects.visit import Reader, Writer, service_ways
from monoize.dashboard.pages.projects.words import deployment_said, deployment_steps
from monoize.dashboard.render import next_address, render, see_other
from monoize.dashboard.session import Person
from monoize.infra.db import Tx

router = page_router()

_RECENT: Final = Window(10, None)
_FIRST: Final = Window(20, None)
_EXPECTED: Final = {
    "image": "Use the name of an image, such as ghcr.io/owner/name:tag.",
    "reason": "Use 255 characters at most.",
    "release": "Use the number of a release.",
}


@router.get("/services/{service_id}/releases")
async def show(
    service_id: Id,
    request: Request,
    house: HouseHere,
    person: Reader,
    window: Annotated[Window, Depends(number_window)],
) -> Response:
    return await _show(request, house, person, service_id, window, Form())


@router.post("/services/{service_id}/releases")
async def deploy(service_id: Id, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        body = checked(DeploymentRequest, _EXPECTED, image=form.text("image"), reason=form.text("reason"))
        async with house.audit_log.change(person.call) as change:
            asked = await deployments.deploy(change, service_id, image=body.image, reason=body.reason)
    except Refusal as refusal:
        return await _show(request, house, person, service_id, _FIRST, form.refused(refusal))
    return see_other(f"/deployments/{asked.id}")


@router.post("/services/{service_id}/releases/roll-back")
async def roll_back(service_id: Id, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        body = checked(RollbackRequest, _EXPECTED, release=whole(form, "release"))
        async with house.audit_log.change(person.call) as change:
            asked = await deployments.roll_back(change, service_id, number=body.release, reason=body.reason)
    except Refusal as refusal:
        return await _show(request, house, person, service_id, _FIRST, form.refused(refusal))
    return see_other(f"/deployments/{asked.id}")


@router.get("/deployments/{deployment_id}")
async def show_one(deployment_id: Id, request: Request, house: HouseHere, person: Reader) -> Response:
    return await _OPERATION.show(request, house, person, deployment_id)


@router.get("/deployments/{deployment_id}/live")
async def follow(deployment_id: Id, request: Request, house: HouseHere, person: Reader) -> Response:
    return await _OPERATION.follow(request, house, person, deployment_id)


@router.post("/deployments/{deployment_id}/cancel")
async def cancel(deployment_id: Id, house: HouseHere, person: Writer) -> Response:
    async with house.audit_log.change(person.call) as change:
        await deployments.cancel(change, deployment_id)
    return see_other(f"/deployments/{deployment_id}?done=deployment_cancelled")


async def _look(tx: Tx, person: Person, deployment_id: int) -> dict[str, Any]:
    deployment = await deployments.get_deployment(tx, deployment_id)
    return {
        "service_id": deployment.service_id,
        "deployment": deployment,
        "said": deployment_said(deployment),
        "steps": deployment_steps(deployment),
        "lines": await deployments.newest_lines(tx, "deployment_id", deployment_id),
        "may_cancel": may_cancel(deployment) and person.may("projects.write"),
    }


_OPERATION: Final = Operation("deployment", "releases", "projects/deployment_state.html", _look)


async def _show(
    request: Request, house: House, person: Person, service_id: int, window: Window, form: Form
) -> Response:
    async with house.database.read() as tx:
        service = await services.get_service(tx, service_id)
        page = await deployments.list_releases(tx, service_id, window)
        recent = await deployments.list_deployments(tx, _RECENT, service_id=service_id)
    path = f"/services/{service_id}/releases"
    return render(
        request,
        "projects/releases.html",
        service=service,
        releases=page.items,
        deployments=recent.items,
        deployment_said=deployment_said,
        form=form,
        refusal=form.refusal,
        may_change=person.may("projects.write"),
        tabs=service_ways(service_id),
        next_address=next_address(request, path, page),
    )
