"""SQL of calls: written before they are made, and once more when they have ended."""

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, case, delete, func, insert, select, update

from monoize.control.edge.wire import Window
from monoize.control.mcp.model.calls import Ended, McpCall, UseOfTool
from monoize.control.mcp.tables import mcp_calls as calls
from monoize.infra.db import Tx

_columns = calls.c
_FIELDS: Final = tuple(McpCall.__dataclass_fields__)
_FAILED: Final = ("error", "timeout", "unreachable", "cancelled")


def _use(row: Sequence[Any]) -> UseOfTool:
    day, service, tool, *sums = row
    return UseOfTool(day, service, tool, *map(int, sums))


def _call(row: Row[Any]) -> McpCall:
    return McpCall(**{name: getattr(row, name) for name in _FIELDS})


async def add(tx: Tx, call: McpCall) -> None:
    day = call.created_at.astimezone(dt.UTC).date().isoformat()
    await tx.execute(insert(calls).values(**dataclasses.asdict(call), day=day))


async def end(tx: Tx, id: str, ended: Ended) -> None:
    await tx.execute(update(calls).where(_columns.id == id).values(**dataclasses.asdict(ended)))


async def page(
    tx: Tx, window: Window, *, service_id: str | None, agent_id: str | None, tenant_id: str | None
) -> Sequence[McpCall]:
    query = select(calls).order_by(_columns.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(_columns.id < window.after)
    wanted = ((_columns.service_id, service_id), (_columns.agent_id, agent_id), (_columns.tenant_id, tenant_id))
    for column, value in wanted:
        if value is not None:
            query = query.where(column == value)
    return [_call(row) for row in await tx.execute(query)]


async def use(tx: Tx, *, since: str, service_id: str | None, most: int) -> Sequence[UseOfTool]:
    """By day and tool, the newest day first."""
    names = (_columns.day, _columns.service_name, _columns.tool)
    query = (
        select(
            *names,
            func.count(),
            func.sum(case((_columns.status.in_(_FAILED), 1), else_=0)),
            func.sum(case((_columns.status == "blocked", 1), else_=0)),
            func.sum(func.coalesce(_columns.response_bytes, 0)),
            func.sum(func.coalesce(_columns.latency_ms, 0)),
            func.sum(func.coalesce(_columns.charge_nano_usd, 0)),
        )
        .where(_columns.day >= since)
        .group_by(*names)
        .order_by(_columns.day.desc(), _columns.service_name, _columns.tool)
        .limit(most)
    )
    if service_id is not None:
        query = query.where(_columns.service_id == service_id)
    return [_use(tuple(row)) for row in await tx.execute(query)]


async def forget(tx: Tx, before: str) -> None:
    await tx.execute(delete(calls).where(_columns.day < before))
