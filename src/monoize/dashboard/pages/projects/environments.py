"""/environments: sets of variables that services share, and that inherit from one another."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import Window
from monoize.control.projects.actions import environments
from monoize.control.projects.api.environments import EnvironmentCreate, EnvironmentUpdate, VariablesPut
from monoize.control.projects.api.variables import Id, NamedKey
from monoize.control.projects.model.environments import Environment
from monoize.dashboard.amounts import whole
from monoize.dashboard.destroying import Doomed, ask_name, check_name
from monoize.dashboard.forms import Form, checked, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.projects.visit import Reader, Writer
from monoize.dashboard.render import next_address, render, see_other
from monoize.dashboard.session import Person

router = page_router()

PATH: Final = "/environments"
_CHOICES: Final = Window(200, None)
KINDS: Final = (
    ("development", "Development"),
    ("staging", "Staging"),
    ("production", "Production"),
    ("testing", "Testing"),
)
_EXPECTED: Final[Mapping[str, str]] = {
    "name": "Use lower-case letters, digits and dashes, 63 at most.",
    "kind": "Choose one of these.",
    "description": "Use 500 characters at most.",
    "inherits_id": "Choose one of these.",
    "values": "Use letters, digits and underscores for the name, and 32 KiB at most for the value.",
}


@router.get(PATH)
async def show(
    request: Request, house: HouseHere, person: Reader, window: Annotated[Window, Depends(number_window)]
) -> Response:
    async with house.database.read() as tx:
        page = await environments.list_environments(tx, window, name=None)
    return render(
        request,
        "projects/environments.html",
        environments=page.items,
        next_address=next_address(request, PATH, page),
    )


@router.get("/environments/new")
async def ask(request: Request, house: HouseHere, person: Writer) -> Response:
    return await _ask(request, house, Form({"kind": "production"}))


@router.post(PATH)
async def create(request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        body = checked(EnvironmentCreate, _EXPECTED, **_entered(form))
        async with house.audit_log.change(person.call) as change:
            made = await environments.create_environment(change, body.name, body.model_dump(exclude={"name"}))
    except Refusal as refusal:
        return await _ask(request, house, form.refused(refusal))
    return see_other(f"/environments/{made.id}?done=environment_created")


@router.get("/environments/{environment_id}")
async def show_one(environment_id: Id, request: Request, house: HouseHere, person: Reader) -> Response:
    return await _show_one(request, house, person, environment_id)


@router.post("/environments/{environment_id}")
async def update(environment_id: Id, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        body = checked(EnvironmentUpdate, _EXPECTED, **_entered(form))
        values = body.sent(clearable={"description", "inherits_id"})
        async with house.audit_log.change(person.call) as change:
            await environments.update_environment(change, environment_id, values)
    except Refusal as refusal:
        return await _show_one(request, house, person, environment_id, form=form.refused(refusal))
    return see_other(f"/environments/{environment_id}?done=environment_saved")


@router.post("/environments/{environment_id}/variables")
async def put(environment_id: Id, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        sent = {"value": form.shown("value"), "is_secret": bool(form.shown("is_secret"))}
        body = checked(VariablesPut, _EXPECTED, values={form.text("key") or "": sent})
        values = {key: each.read() for key, each in body.values.items()}
        async with house.audit_log.change(person.call) as change:
            await environments.put_variables(change, house.seal, environment_id, values, utc_now())
    except Refusal as refusal:
        kept = Form({**form.values, "value": ""}).refused(refusal)
        return await _show_one(request, house, person, environment_id, variable=kept)
    return see_other(f"/environments/{environment_id}?done=variable_set")


@router.post("/environments/{environment_id}/variables/{key}/delete")
async def delete_variable(environment_id: Id, key: NamedKey, house: HouseHere, person: Writer) -> Response:
    async with house.audit_log.change(person.call) as change:
        await environments.delete_variable(change, environment_id, key)
    return see_other(f"/environments/{environment_id}?done=variable_deleted")


@router.get("/environments/{environment_id}/delete")
async def ask_delete(environment_id: Id, request: Request, house: HouseHere, person: Writer) -> Response:
    return ask_name(request, _doomed(await _find(house, environment_id)))


@router.post("/environments/{environment_id}/delete")
async def delete(environment_id: Id, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    doomed = _doomed(await _find(house, environment_id))
    try:
        check_name(form, doomed)
        async with house.audit_log.change(person.call) as change:
            await environments.delete_environment(change, environment_id)
    except Refusal as refusal:
        return ask_name(request, doomed, form.refused(refusal))
    return see_other("/environments?done=environment_deleted")


def _entered(form: Form) -> dict[str, Any]:
    return {
        "name": form.text("name"),
        "kind": form.text("kind"),
        "description": form.text("description"),
        "inherits_id": whole(form, "inherits_id"),
    }


def _doomed(environment: Environment) -> Doomed:
    gone = "Its variables are gone. While a service uses it, or another inherits it, it stays."
    at = f"/environments/{environment.id}"
    return Doomed("environment", environment.name, gone, f"{at}/delete", at)


async def _ask(request: Request, house: House, form: Form) -> Response:
    return render(
        request,
        "projects/environment_new.html",
        form=form,
        refusal=form.refusal,
        kinds=KINDS,
        parents=await _parents(house, None),
    )


async def _show_one(
    request: Request,
    house: House,
    person: Person,
    environment_id: int,
    *,
    form: Form | None = None,
    variable: Form | None = None,
) -> Response:
    async with house.database.read() as tx:
        environment = await environments.get_environment(tx, environment_id)
        variables = await environments.list_variables(tx, house.seal, environment_id)
    kept = {
        "name": environment.name,
        "kind": environment.kind,
        "description": environment.description or "",
        "inherits_id": str(environment.inherits_id or ""),
    }
    return render(
        request,
        "projects/environment_edit.html",
        environment=environment,
        variables=variables,
        form=form or Form(kept),
        variable=variable or Form({"is_secret": "yes"}),
        refusal=next((each.refusal for each in (form, variable) if each), None),
        kinds=KINDS,
        parents=await _parents(house, environment_id),
        may_change=person.may("projects.write"),
    )


async def _parents(house: House, but: int | None) -> list[tuple[str, str]]:
    async with house.database.read() as tx:
        found = (await environments.list_environments(tx, _CHOICES, name=None)).items
    return [("", "Nothing"), *((str(each.id), each.name) for each in found if each.id != but)]


async def _find(house: House, environment_id: int) -> Environment:
    async with house.database.read() as tx:
        return await environments.get_environment(tx, environment_id)
