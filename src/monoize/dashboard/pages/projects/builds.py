"""Builds of a service: where it is built from, each build with what it says, and the next one."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import Window
from monoize.control.projects.actions import builds, deployments, services
from monoize.control.projects.api.builds import BuildRequest, SourcePut
from monoize.control.projects.api.variables import Id
from monoize.control.projects.errors import NoSource
from monoize.control.projects.model.repositories import Source
from monoize.dashboard.forms import Form, checked, invalid, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.projects.operations import Operation
from monoize.dashboard.pages.projects.visit import Reader, Writer, service_ways
from monoize.dashboard.pages.projects.words import build_said
from monoize.dashboard.render import next_address, render, see_other
from monoize.dashboard.session import Person
from monoize.infra.db import Tx

router = page_router()

_FIRST: Final = Window(20, None)
_ARGUMENTS: Final = "Use one NAME=value on each line, and no secrets: they stay readable in the image."
_EXPECTED: Final[Mapping[str, str]] = {
    "repository": "Use https://HOST/PATH, without a name or a password in it.",
    "branch": "Use a branch, a tag or a commit.",
    "ref": "Use a branch, a tag or a commit.",
    "context": "Use a path within the repository, without ..",
    "dockerfile": "Use a path within the repository, without ..",
    "build_args": _ARGUMENTS,
    "credential": "Use 1024 characters at most.",
}


@router.get("/services/{service_id}/builds")
async def show(
    service_id: Id,
    request: Request,
    house: HouseHere,
    person: Reader,
    window: Annotated[Window, Depends(number_window)],
) -> Response:
    return await _show(request, house, person, service_id, window)


@router.post("/services/{service_id}/builds")
async def start(service_id: Id, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        body = checked(BuildRequest, _EXPECTED, ref=form.text("ref"), deploy=bool(form.shown("deploy")))
        async with house.audit_log.change(person.call) as change:
            build = await builds.start_build(
                change, service_id, ref=body.ref, deploys=body.deploy, reason=body.reason
            )
    except Refusal as refusal:
        return await _show(request, house, person, service_id, _FIRST, asked=form.refused(refusal))
    return see_other(f"/builds/{build.id}")


@router.post("/services/{service_id}/source")
async def put_source(service_id: Id, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        credential = form.password("credential")
        body = checked(
            SourcePut,
            _EXPECTED,
            repository=form.text("repository"),
            branch=form.text("branch") or "main",
            context=form.text("context") or ".",
            dockerfile=form.text("dockerfile") or "Dockerfile",
            build_args=_arguments(form),
            auto_deploy=bool(form.shown("auto_deploy")),
            credential=credential,
        )
        sealed = "" if form.shown("without_credential") else body.credential
        async with house.audit_log.change(person.call) as change:
            await builds.put_source(
                change, house.seal, service_id, body.model_dump(exclude={"credential"}), credential=sealed
            )
    except Refusal as refusal:
        return await _show(request, house, person, service_id, _FIRST, source_form=form.refused(refusal))
    return see_other(f"/services/{service_id}/builds?done=source_saved")


@router.post("/services/{service_id}/source/delete")
async def delete_source(service_id: Id, house: HouseHere, person: Writer) -> Response:
    async with house.audit_log.change(person.call) as change:
        await builds.delete_source(change, service_id)
    return see_other(f"/services/{service_id}/builds?done=source_deleted")


@router.get("/builds/{build_id}")
async def show_one(build_id: Id, request: Request, house: HouseHere, person: Reader) -> Response:
    return await _OPERATION.show(request, house, person, build_id)


@router.get("/builds/{build_id}/live")
async def follow(build_id: Id, request: Request, house: HouseHere, person: Reader) -> Response:
    return await _OPERATION.follow(request, house, person, build_id)


@router.post("/builds/{build_id}/cancel")
async def cancel(build_id: Id, house: HouseHere, person: Writer) -> Response:
    async with house.audit_log.change(person.call) as change:
        await builds.cancel_build(change, build_id)
    return see_other(f"/builds/{build_id}?done=build_cancelled")


async def _look(tx: Tx, person: Person, build_id: int) -> dict[str, Any]:
    build = await builds.get_build(tx, build_id)
    return {
        "service_id": build.service_id,
        "build": build,
        "said": build_said(build),
        "lines": await deployments.newest_lines(tx, "build_id", build_id),
        "may_cancel": not build.is_over and not build.cancel_requested and person.may("projects.write"),
    }


_OPERATION: Final = Operation("build", "builds", "projects/build_state.html", _look)


async def _show(
    request: Request,
    house: House,
    person: Person,
    service_id: int,
    window: Window,
    *,
    asked: Form | None = None,
    source_form: Form | None = None,
) -> Response:
    async with house.database.read() as tx:
        service = await services.get_service(tx, service_id)
        page = await builds.list_builds(tx, window, service_id=service_id, visible=None)
        try:
            source = await builds.get_source(tx, service_id)
        except NoSource:
            source = None
    path = f"/services/{service_id}/builds"
    return render(
        request,
        "projects/builds.html",
        service=service,
        source=source,
        builds=page.items,
        build_said=build_said,
        asked=asked or Form({"deploy": "yes"}),
        source_form=source_form or _shown(source),
        refusal=next((form.refusal for form in (asked, source_form) if form), None),
        may_change=person.may("projects.write"),
        tabs=service_ways(service_id),
        next_address=next_address(request, path, page),
    )


def _shown(source: Source | None) -> Form:
    if source is None:
        return Form({"branch": "main", "context": ".", "dockerfile": "Dockerfile"})
    arguments = "\n".join(f"{name}={value}" for name, value in source.build_args.items())
    return Form(
        {
            "repository": source.repository,
            "branch": source.branch,
            "context": source.context,
            "dockerfile": source.dockerfile,
            "build_args": arguments,
            "auto_deploy": "yes" if source.auto_deploy else "",
        }
    )


def _arguments(form: Form) -> dict[str, str]:
    found = {}
    for line in form.lines("build_args"):
        name, equals, value = line.partition("=")
        if not equals:
            raise invalid(build_args=_ARGUMENTS)
        found[name.strip()] = value
    return found
