"""What a service finds in its environment: its own secrets by name and version, and the whole of it, masked."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.projects.actions import effective, secrets, services
from monoize.control.projects.api.secrets import SecretRestore, SecretsPut
from monoize.control.projects.api.variables import Id, NamedKey
from monoize.dashboard.amounts import whole
from monoize.dashboard.forms import Form, checked, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.projects.visit import Reader, Writer, service_ways
from monoize.dashboard.render import render, see_other
from monoize.dashboard.session import Person

router = page_router()

_LAYERS: Final = {"environment": "shared environment", "service": "settings of the service", "secret": "secrets"}
_EXPECTED: Final = {"values": "Use letters, digits and underscores for the name, and 32 KiB at most for the value."}


@router.get("/services/{service_id}/environment")
async def show(service_id: Id, request: Request, house: HouseHere, person: Reader) -> Response:
    return await _show(request, house, person, service_id, Form({"is_secret": "yes"}))


@router.post("/services/{service_id}/secrets")
async def put(service_id: Id, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        sent = {"value": form.shown("value"), "is_secret": bool(form.shown("is_secret"))}
        body = checked(
            SecretsPut,
            _EXPECTED,
            values={form.text("key") or "": sent},
            redeploy=bool(form.shown("redeploy")),
        )
        values = {key: each.read() for key, each in body.values.items()}
        async with house.audit_log.change(person.call) as change:
            await secrets.put_secrets(change, house.seal, service_id, values, utc_now(), redeploy=body.redeploy)
    except Refusal as refusal:
        kept = Form({**form.values, "value": ""}).refused(refusal)
        return await _show(request, house, person, service_id, kept)
    return see_other(f"/services/{service_id}/environment?done=secret_set")


@router.get("/services/{service_id}/secrets/{key}")
async def show_versions(
    service_id: Id, key: NamedKey, request: Request, house: HouseHere, person: Reader
) -> Response:
    async with house.database.read() as tx:
        service = await services.get_service(tx, service_id)
        versions = await secrets.list_versions(tx, service_id, key)
    return render(
        request,
        "projects/secret.html",
        service=service,
        key=key,
        versions=versions,
        may_change=person.may("projects.write"),
    )


@router.post("/services/{service_id}/secrets/{key}/restore")
async def restore(service_id: Id, key: NamedKey, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    body = checked(SecretRestore, version=whole(form, "version"))
    async with house.audit_log.change(person.call) as change:
        await secrets.restore_version(change, house.seal, service_id, key, body.version, utc_now())
    return see_other(f"/services/{service_id}/environment?done=secret_restored")


@router.post("/services/{service_id}/secrets/{key}/delete")
async def delete(service_id: Id, key: NamedKey, house: HouseHere, person: Writer) -> Response:
    async with house.audit_log.change(person.call) as change:
        await secrets.delete_secret(change, service_id, key)
    return see_other(f"/services/{service_id}/environment?done=secret_deleted")


async def _show(request: Request, house: House, person: Person, service_id: int, form: Form) -> Response:
    trouble: Refusal | None = None
    whole_of_it: Any = ()
    async with house.database.read() as tx:
        service = await services.get_service(tx, service_id)
        own = await secrets.list_secrets(tx, house.seal, service_id)
        try:
            whole_of_it = await effective.shown_env(tx, house.seal, service_id)
        except Refusal as refusal:
            trouble = refusal
    return render(
        request,
        "projects/environment.html",
        service=service,
        secrets=own,
        variables=whole_of_it,
        trouble=trouble,
        layers=_LAYERS,
        form=form,
        refusal=form.refusal,
        may_change=person.may("projects.write"),
        tabs=service_ways(service_id),
    )
