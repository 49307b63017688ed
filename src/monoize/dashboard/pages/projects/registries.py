"""/registries: where private images are pulled from. Passwords go in and never come out."""

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
from monoize.control.projects.actions import registries
from monoize.control.projects.api.here import EngineHere
from monoize.control.projects.api.registries import RegistryCreate, RegistryUpdate
from monoize.control.projects.api.variables import Id
from monoize.control.projects.drivers.engine import readable
from monoize.control.projects.errors import RegistryRefused
from monoize.control.projects.model.registries import Registry
from monoize.dashboard.destroying import Doomed, ask_name, check_name
from monoize.dashboard.forms import Form, checked, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.projects.visit import Administrator, Reader
from monoize.dashboard.render import next_address, render, see_other
from monoize.infra.docker import EngineRefused

router = page_router()

PATH: Final = "/registries"
TYPES: Final = (("generic", "Any other"), ("ghcr", "GitHub"), ("ecr", "Amazon ECR"), ("dockerhub", "Docker Hub"))
_EXPECTED: Final[Mapping[str, str]] = {
    "name": "Use letters, digits, blanks, dots, dashes and underscores, 64 at most.",
    "type": "Choose one of these.",
    "server": "Use the name of a server such as ghcr.io.",
    "username": "Use 255 characters at most.",
    "password": "Use 4096 characters at most.",
}


@router.get(PATH)
async def show(
    request: Request, house: HouseHere, person: Reader, window: Annotated[Window, Depends(number_window)]
) -> Response:
    async with house.database.read() as tx:
        page = await registries.list_registries(tx, window)
    return render(
        request,
        "projects/registries.html",
        registries=page.items,
        may_change=person.may("projects.admin"),
        next_address=next_address(request, PATH, page),
    )


@router.get("/registries/new")
async def ask(request: Request, person: Administrator) -> Response:
    return _form(request, Form({"type": "generic"}))


@router.post(PATH)
async def create(request: Request, house: HouseHere, person: Administrator) -> Response:
    form = await read_form(request)
    try:
        names = ("name", "type", "server", "username")
        entered = {name: form.text(name) for name in names}
        body = checked(RegistryCreate, _EXPECTED, **entered, password=form.password("password"))
        async with house.audit_log.change(person.call) as change:
            await registries.create_registry(change, house.seal, **body.model_dump())
    except Refusal as refusal:
        return _form(request, form.refused(refusal))
    return see_other("/registries?done=registry_created")


@router.get("/registries/{registry_id}")
async def show_one(registry_id: Id, request: Request, house: HouseHere, person: Administrator) -> Response:
    registry = await _find(house, registry_id)
    kept = {"name": registry.name, "server": registry.server, "username": registry.username}
    return _form(request, Form(kept), registry)


@router.post("/registries/{registry_id}")
async def update(registry_id: Id, request: Request, house: HouseHere, person: Administrator) -> Response:
    form = await read_form(request)
    registry = await _find(house, registry_id)
    try:
        entered = {name: form.text(name) for name in ("name", "server", "username")}
        password = form.password("password")
        body = checked(RegistryUpdate, _EXPECTED, **entered, **({"password": password} if password else {}))
        sent = body.sent()
        new_password = sent.pop("password", None)
        async with house.audit_log.change(person.call) as change:
            await registries.update_registry(change, house.seal, registry_id, sent, new_password)
    except Refusal as refusal:
        return _form(request, form.refused(refusal), registry)
    return see_other("/registries?done=registry_saved")


@router.post("/registries/{registry_id}/test")
async def test(registry_id: Id, house: HouseHere, engine: EngineHere, person: Administrator) -> Response:
    """A real login, made by the engine."""
    async with house.database.read() as tx:
        login = await registries.login_for(tx, house.seal, registry_id)
    assert login is not None
    with readable():
        try:
            await engine.docker.check_login(login.server, login.username, login.password)
        except EngineRefused as problem:
            raise RegistryRefused(detail=problem.message[:500]) from problem
    return see_other("/registries?done=registry_works")


@router.get("/registries/{registry_id}/delete")
async def ask_delete(registry_id: Id, request: Request, house: HouseHere, person: Administrator) -> Response:
    return ask_name(request, _doomed(await _find(house, registry_id)))


@router.post("/registries/{registry_id}/delete")
async def delete(registry_id: Id, request: Request, house: HouseHere, person: Administrator) -> Response:
    form = await read_form(request)
    doomed = _doomed(await _find(house, registry_id))
    try:
        check_name(form, doomed)
        async with house.audit_log.change(person.call) as change:
            await registries.delete_registry(change, registry_id)
    except Refusal as refusal:
        return ask_name(request, doomed, form.refused(refusal))
    return see_other("/registries?done=registry_deleted")


def _doomed(registry: Registry) -> Doomed:
    gone = "Its password is destroyed. Services whose images come from there cannot pull them any more."
    at = f"/registries/{registry.id}"
    return Doomed("registry", registry.name, gone, f"{at}/delete", at)


def _form(request: Request, form: Form, registry: Registry | None = None) -> Response:
    """Of a new one, or of one that is there."""
    return render(
        request,
        "projects/registry_form.html",
        form=form,
        refusal=form.refusal,
        registry=registry,
        types=TYPES,
    )


async def _find(house: House, registry_id: int) -> Registry:
    async with house.database.read() as tx:
        return await registries.get_registry(tx, registry_id)
