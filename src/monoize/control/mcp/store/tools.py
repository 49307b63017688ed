"""SQL of the tools of MCP services."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row, delete, false, func, not_, select, update

from monoize.base.ids import new_id
from monoize.control.mcp.errors import NoSuchMcpTool
from monoize.control.mcp.model.services import FoundTool, McpTool, state_of
from monoize.control.mcp.tables import mcp_tools as tools
from monoize.infra.bulk import insert_many, is_one_of
from monoize.infra.db import Tx

_columns = tools.c
_FIELDS: Final = tuple(name for name in McpTool.__dataclass_fields__ if name != "state")


def _tool(row: Row[Any]) -> McpTool:
    state = state_of(row.schema_hash, row.found_hash)
    return McpTool(**{name: getattr(row, name) for name in _FIELDS}, state=state)


async def of_service(tx: Tx, service_id: str, *, lock: bool = False) -> Sequence[McpTool]:
    query = select(tools).where(_columns.service_id == service_id).order_by(_columns.name)
    return [_tool(row) for row in await tx.execute(query.with_for_update() if lock else query)]


async def waiting(tx: Tx) -> Mapping[str, int]:
    """Of each service, how many tools are not as they were accepted."""
    # What has no hash of its own, on either side, is equal to nothing.
    active = func.coalesce(_columns.schema_hash == _columns.found_hash, false())
    query = (
        select(_columns.service_id, func.count().label("waiting")).where(not_(active)).group_by(_columns.service_id)
    )
    return {row.service_id: row.waiting for row in await tx.execute(query)}


async def get(tx: Tx, service_id: str, id: str) -> McpTool:
    row = (await tx.execute(select(tools).where(*_which(service_id, id)))).one_or_none()
    if row is None:
        raise NoSuchMcpTool
    return _tool(row)


async def change(tx: Tx, service_id: str, id: str, values: Mapping[str, Any]) -> McpTool:
    if values:
        await tx.execute(update(tools).where(*_which(service_id, id)).values(**values))
    return await get(tx, service_id, id)


async def found(tx: Tx, service_id: str, told: Sequence[FoundTool], now: dt.datetime) -> None:
    """What the server describes now. Of a tool that it does not offer any more only what was accepted stays."""
    known = {tool.name: tool for tool in await of_service(tx, service_id, lock=True)}
    new = [
        {
            "id": new_id(),
            "service_id": service_id,
            "name": tool.name,
            "found_definition": dict(tool.definition),
            "found_hash": tool.schema_hash,
        }
        for tool in told
        if tool.name not in known
    ]
    await insert_many(tx, tools, new)
    for tool in told:
        if tool.name in known and known[tool.name].found_hash != tool.schema_hash:
            values = {"found_definition": dict(tool.definition), "found_hash": tool.schema_hash, "gone_at": None}
            await change(tx, service_id, known[tool.name].id, values)
    gone = {name for name, tool in known.items() if tool.gone_at is None} - {tool.name for tool in told}
    if gone:
        never_accepted = _columns.schema_hash.is_(None)
        of_these = _columns.service_id == service_id, _columns.name.in_(gone)
        await tx.execute(delete(tools).where(*of_these, never_accepted))
        await tx.execute(update(tools).where(*of_these).values(found_definition=None, found_hash=None, gone_at=now))


async def gone_before(tx: Tx, at: dt.datetime, most: int) -> Sequence[McpTool]:
    query = select(tools).where(_columns.gone_at < at).order_by(_columns.gone_at).limit(most).with_for_update()
    return [_tool(row) for row in await tx.execute(query)]


async def remove(tx: Tx, ids: Collection[str]) -> None:
    await tx.execute(delete(tools).where(is_one_of(tx, _columns.id, ids)))


async def accept(tx: Tx, accepted: Collection[McpTool]) -> None:
    """As they were found; those that are gone go for good."""
    for tool in accepted:
        if tool.found_hash is None:
            await tx.execute(delete(tools).where(_columns.id == tool.id))
        else:
            values = {"definition": tool.found_definition, "schema_hash": tool.found_hash}
            await tx.execute(update(tools).where(_columns.id == tool.id).values(**values))


def _which(service_id: str, id: str) -> tuple[Any, ...]:
    return _columns.service_id == service_id, _columns.id == id
