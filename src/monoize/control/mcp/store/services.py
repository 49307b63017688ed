"""SQL of MCP services."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row, delete, exc, insert, or_, select, update

from monoize.control.edge.wire import Window
from monoize.control.mcp.errors import McpServiceExists, NoSuchMcpService
from monoize.control.mcp.model.oauth import OAuthClient
from monoize.control.mcp.model.services import McpService
from monoize.control.mcp.tables import mcp_services as services
from monoize.infra.db import Tx

_columns = services.c
_FIELDS: Final = tuple(name for name in McpService.__dataclass_fields__ if name not in ("has_credential", "oauth"))


def _service(row: Row[Any]) -> McpService:
    has_credential = row.credential_sealed is not None
    oauth = None if row.oauth is None else OAuthClient(**row.oauth)
    fields = {name: getattr(row, name) for name in _FIELDS}
    return McpService(**fields, has_credential=has_credential, oauth=oauth)


async def add(tx: Tx, id: str, values: Mapping[str, Any]) -> McpService:
    try:
        await tx.execute(insert(services).values(id=id, **values))
    except exc.IntegrityError as problem:
        raise McpServiceExists from problem
    return await get(tx, id)


async def get(tx: Tx, id: str, *, lock: bool = False) -> McpService:
    query = select(services).where(_columns.id == id)
    row = (await tx.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise NoSuchMcpService
    return _service(row)


async def of_name(tx: Tx, name: str) -> McpService:
    row = (await tx.execute(select(services).where(_columns.name == name))).one_or_none()
    if row is None:
        raise NoSuchMcpService
    return _service(row)


async def page(tx: Tx, window: Window, *, name: str | None = None) -> Sequence[McpService]:
    query = select(services).order_by(_columns.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(_columns.id < window.after)
    if name is not None:
        query = query.where(_columns.name == name)
    return [_service(row) for row in await tx.execute(query)]


async def serving(tx: Tx, tenant_id: str | None, most: int) -> Sequence[McpService]:
    """Those that are on and serve a tenant, by name."""
    serves = or_(_columns.tenant_id.is_(None), _columns.tenant_id == (tenant_id or ""))
    query = select(services).where(_columns.enabled, serves).order_by(_columns.name).limit(most)
    return [_service(row) for row in await tx.execute(query)]


async def change(tx: Tx, id: str, values: Mapping[str, Any]) -> McpService:
    if values:
        try:
            await tx.execute(update(services).where(_columns.id == id).values(**values))
        except exc.IntegrityError as problem:
            raise McpServiceExists from problem
    return await get(tx, id)


async def remove(tx: Tx, id: str) -> None:
    await tx.execute(delete(services).where(_columns.id == id))


async def sealed_credential(tx: Tx, id: str) -> str | None:
    found: str | None = await tx.scalar(select(_columns.credential_sealed).where(_columns.id == id))
    return found


async def sealed_oauth(tx: Tx, id: str) -> str | None:
    found: str | None = await tx.scalar(select(_columns.oauth_sealed).where(_columns.id == id))
    return found


async def renew(tx: Tx, id: str, *, before: str, after: str) -> None:
    """Unless somebody has put something else in its place."""
    which = (_columns.id == id, _columns.oauth_sealed == before)
    await tx.execute(update(services).where(*which).values(oauth_sealed=after))
