"""/tenants: the organisations that users and tokens belong to."""

from typing import Annotated, Final

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import NotFound, Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Uuid, Window
from monoize.control.identity.actions import tenants
from monoize.control.identity.api.tenants import TenantCreate, TenantUpdate
from monoize.control.identity.model import DEFAULT_TENANT_ID, Tenant
from monoize.dashboard.destroying import Doomed, ask_name, check_name
from monoize.dashboard.forms import Form, checked, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.render import next_address, render, see_other
from monoize.dashboard.session import Person, permitted

router = page_router()

PATH: Final = "/tenants"
_EXPECTED: Final = {"name": "Use 64 characters at most, without blanks around them."}
_EMPTY: Final = Form()
_FIRST: Final = Window(50, None)

Reader = Annotated[Person, permitted("tenants.read")]
Writer = Annotated[Person, permitted("tenants.write")]


@router.get(PATH)
async def show(
    request: Request, house: HouseHere, person: Reader, window: Annotated[Window, Depends(uuid_window)]
) -> Response:
    return await _show(request, house, window)


@router.post(PATH)
async def create(request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        body = checked(TenantCreate, _EXPECTED, name=form.text("name"))
        async with house.audit_log.change(person.call) as change:
            await tenants.create_tenant(change, body.name)
    except Refusal as refusal:
        return await _show(request, house, _FIRST, form.refused(refusal))
    return see_other(f"{PATH}?done=tenant_created")


@router.get("/tenants/{tenant_id}")
async def show_one(tenant_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    tenant = await _find(house, tenant_id)
    return _one(request, tenant, Form({"name": tenant.name}))


@router.post("/tenants/{tenant_id}")
async def rename(tenant_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        body = checked(TenantUpdate, _EXPECTED, name=form.text("name"))
        async with house.audit_log.change(person.call) as change:
            await tenants.update_tenant(change, tenant_id, body.sent())
    except NotFound:
        raise
    except Refusal as refusal:
        return _one(request, await _find(house, tenant_id), form.refused(refusal))
    return see_other(f"{PATH}?done=tenant_saved")


@router.get("/tenants/{tenant_id}/suspend")
async def ask_suspend(tenant_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    return ask_name(request, _doomed(await _find(house, tenant_id)))


@router.post("/tenants/{tenant_id}/suspend")
async def suspend(tenant_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    doomed = _doomed(await _find(house, tenant_id))
    try:
        check_name(form, doomed)
        async with house.audit_log.change(person.call) as change:
            await tenants.update_tenant(change, tenant_id, {"status": "suspended"})
    except Refusal as refusal:
        return ask_name(request, doomed, form.refused(refusal))
    return see_other(f"{PATH}?done=tenant_suspended")


@router.post("/tenants/{tenant_id}/resume")
async def resume(tenant_id: Uuid, house: HouseHere, person: Writer) -> Response:
    async with house.audit_log.change(person.call) as change:
        await tenants.update_tenant(change, tenant_id, {"status": "active"})
    return see_other(f"{PATH}?done=tenant_resumed")


async def _show(request: Request, house: House, window: Window, form: Form = _EMPTY) -> Response:
    async with house.database.read() as tx:
        page = await tenants.list_tenants(tx, window)
    return render(
        request,
        "identity/tenants.html",
        tenants=page.items,
        default_id=DEFAULT_TENANT_ID,
        form=form,
        refusal=form.refusal,
        next_address=next_address(request, PATH, page),
    )


def _one(request: Request, tenant: Tenant, form: Form) -> Response:
    is_default = tenant.id == DEFAULT_TENANT_ID
    return render(
        request, "identity/tenant.html", tenant=tenant, form=form, refusal=form.refusal, is_default=is_default
    )


def _doomed(tenant: Tenant) -> Doomed:
    gone = "Its users and tokens are shut out until it is let in again. Nothing of theirs is deleted."
    at = f"{PATH}/{tenant.id}"
    return Doomed("tenant", tenant.name, gone, f"{at}/suspend", at, verb="Suspend")


async def _find(house: House, tenant_id: str) -> Tenant:
    async with house.database.read() as tx:
        return await tenants.get_tenant(tx, tenant_id)
