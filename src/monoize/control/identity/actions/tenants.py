"""What is done with tenants."""

from collections.abc import Mapping
from typing import Any

from monoize.base.errors import Conflict
from monoize.base.ids import new_id
from monoize.control.edge.wire import Page, Window
from monoize.control.identity.model import DEFAULT_TENANT_ID, Tenant
from monoize.control.identity.store import tenants
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx


class DefaultTenantStays(Conflict):
    """The first tenant cannot be suspended."""

    code = "default_tenant_stays"
    hint = "The house's own administrators live in it."


async def list_tenants(tx: Tx, window: Window, *, name: str | None = None) -> Page[Tenant]:
    return window.page(await tenants.page(tx, window, name=name), lambda tenant: tenant.id)


async def get_tenant(tx: Tx, tenant_id: str) -> Tenant:
    return await tenants.get(tx, tenant_id)


async def create_tenant(change: Change, name: str) -> Tenant:
    tenant = await tenants.add(change.tx, id=new_id(), name=name)
    change.record("tenant.create", "tenant", tenant.id, name=name)
    return tenant


async def update_tenant(change: Change, tenant_id: str, values: Mapping[str, Any]) -> Tenant:
    if tenant_id == DEFAULT_TENANT_ID and values.get("status") == "suspended":
        raise DefaultTenantStays
    tenant = await tenants.get(change.tx, tenant_id)
    if values:
        tenant = await tenants.change(change.tx, tenant_id, values)
    change.record("tenant.update", "tenant", tenant_id, changed=sorted(values))
    return tenant
