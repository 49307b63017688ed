"""/api/tenants: the organisations that users and tokens belong to."""

from typing import Annotated

from fastapi import Depends, Query
from starlette.responses import Response

from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Page, Uuid, Window, Wire
from monoize.control.identity.actions import tenants
from monoize.control.identity.api.wire import ShortName
from monoize.control.identity.model import Tenant, TenantStatus

router = Router(prefix="/tenants", tags=["tenants"])


class TenantCreate(Wire):
    name: ShortName


class TenantUpdate(Wire):
    """Suspending a tenant shuts out its users and tokens."""

    name: ShortName | None = None
    status: TenantStatus | None = None


@router.get("")
async def list_tenants(
    house: HouseHere,
    window: Annotated[Window, Depends(uuid_window)],
    call: Annotated[Call, requires("tenants.read")],
    name: Annotated[str | None, Query(max_length=64, description="Only the tenant of this name.")] = None,
) -> Page[Tenant]:
    async with house.database.read() as tx:
        return await tenants.list_tenants(tx, window, name=name)


@router.post("", status_code=201, response_model=Tenant)
async def create_tenant(body: TenantCreate, mutation: Annotated[Mutation, mutates("tenants.write")]) -> Response:
    return await mutation.run(lambda change: tenants.create_tenant(change, body.name), status=201)


@router.patch("/{tenant_id}", response_model=Tenant)
async def update_tenant(
    tenant_id: Uuid, body: TenantUpdate, mutation: Annotated[Mutation, mutates("tenants.write")]
) -> Response:
    return await mutation.run(lambda change: tenants.update_tenant(change, tenant_id, body.sent()))
