"""SQL that reads the audit log."""

import json
from collections.abc import Sequence

from sqlalchemy import select

from monoize.control.audit.model import LogEntry, LogFilter
from monoize.control.edge.wire import Window
from monoize.infra.audit_log import logs
from monoize.infra.db import Tx


async def page(tx: Tx, window: Window, wanted: LogFilter) -> Sequence[LogEntry]:
    query = select(logs).order_by(logs.c.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(logs.c.id < int(window.after))
    for column, value in (
        (logs.c.actor, wanted.actor),
        (logs.c.target_type, wanted.target_type),
        (logs.c.target_id, wanted.target_id),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.action is not None:
        # `user` finds every action of users, `user.create` only that one.
        exact, family = (
            logs.c.action == wanted.action,
            logs.c.action.startswith(wanted.action + ".", autoescape=True),
        )
        query = query.where(exact | family)
    if wanted.since is not None:
        query = query.where(logs.c.created_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(logs.c.created_at < wanted.until)
    return [
        LogEntry(
            id=row.id,
            action=row.action,
            actor=row.actor,
            via=row.via,
            tenant_id=row.tenant_id,
            target_type=row.target_type,
            target_id=row.target_id,
            host_id=row.host_id,
            details=json.loads(row.details or "{}"),
            request_id=row.request_id,
            ip=row.ip,
            created_at=row.created_at,
        )
        for row in await tx.execute(query)
    ]
