"""SQL of tenants."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, exc, insert, select, update

from monoize.control.edge.wire import Window
from monoize.control.identity.errors import NoSuchTenant, TenantExists
from monoize.control.identity.model import Tenant
from monoize.control.identity.tables import tenants
from monoize.infra.db import Tx


def _tenant(row: Row[Any]) -> Tenant:
    return Tenant(
        id=row.id,
        name=row.name,
        status=row.status,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


async def add(tx: Tx, *, id: str, name: str) -> Tenant:
    try:
        await tx.execute(insert(tenants).values(id=id, name=name))
    except exc.IntegrityError as problem:
        raise TenantExists from problem
    return await get(tx, id)


async def change(tx: Tx, id: str, values: Mapping[str, Any]) -> Tenant:
    try:
        await tx.execute(update(tenants).where(tenants.c.id == id).values(**values))
    except exc.IntegrityError as problem:
        raise TenantExists from problem
    return await get(tx, id)


async def get(tx: Tx, id: str) -> Tenant:
    row = (await tx.execute(select(tenants).where(tenants.c.id == id))).one_or_none()
    if row is None:
        raise NoSuchTenant
    return _tenant(row)


async def page(tx: Tx, window: Window, *, name: str | None) -> Sequence[Tenant]:
    query = select(tenants).order_by(tenants.c.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(tenants.c.id < window.after)
    if name is not None:
        query = query.where(tenants.c.name == name)
    return [_tenant(row) for row in await tx.execute(query)]
