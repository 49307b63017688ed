"""SQL of escalations."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from monoize.control.edge.wire import Window
from monoize.control.governance.errors import NoSuchEscalation
from monoize.control.governance.model.escalations import Escalation, Failures
from monoize.control.governance.tables import approvals, escalations
from monoize.infra.db import Tx

_columns = escalations.c


def _escalation(row: Row[Any]) -> Escalation:
    return Escalation(
        id=row.id,
        tenant_id=row.tenant_id,
        agent_id=row.agent_id,
        event=row.event,
        reason=row.reason,
        subject=row.subject,
        detail=row.detail,
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=row.acknowledged_by,
        created_at=row.created_at,
    )


async def add(tx: Tx, escalation: Escalation, *, escalates_at: dt.datetime | None) -> None:
    await tx.execute(
        insert(escalations).values(
            id=escalation.id,
            tenant_id=escalation.tenant_id,
            agent_id=escalation.agent_id,
            event=escalation.event,
            reason=escalation.reason,
            subject=escalation.subject,
            detail=escalation.detail,
            escalates_at=escalates_at,
            created_at=escalation.created_at,
        )
    )


async def is_known(tx: Tx, agent_id: str, event: str, subject: str, *, since: dt.datetime) -> bool:
    wanted = _columns.agent_id == agent_id, _columns.created_at > since
    same = _columns.event == event, _columns.subject == subject
    return await tx.scalar(select(_columns.id).where(*wanted, *same).limit(1)) is not None


async def get(tx: Tx, id: str, *, lock: bool = False) -> Escalation:
    query = select(escalations).where(_columns.id == id)
    row = (await tx.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise NoSuchEscalation
    return _escalation(row)


async def page(tx: Tx, window: Window, *, agent_id: str | None, is_open: bool | None) -> Sequence[Escalation]:
    query = select(escalations).order_by(_columns.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(_columns.id < window.after)
    if agent_id is not None:
        query = query.where(_columns.agent_id == agent_id)
    if is_open is not None:
        query = query.where(
            _columns.acknowledged_at.is_(None) if is_open else _columns.acknowledged_at.is_not(None)
        )
    return [_escalation(row) for row in await tx.execute(query)]


async def acknowledge(tx: Tx, id: str, by: str, now: dt.datetime) -> None:
    """Nobody farther up is told any more."""
    seen = {"acknowledged_at": now, "acknowledged_by": by, "escalates_at": None}
    await tx.execute(update(escalations).where(_columns.id == id).values(**seen))


async def unheard(tx: Tx, now: dt.datetime, most: int) -> Sequence[tuple[Escalation, int]]:
    """Those whose next rung is due, with the rung that was told last."""
    query = select(escalations).where(_columns.escalates_at <= now).order_by(_columns.escalates_at).limit(most)
    return [(_escalation(row), row.ladder_rung) for row in await tx.execute(query)]


async def climb(tx: Tx, id: str, rung: int, *, escalates_at: dt.datetime | None) -> bool:
    """Whether this process is the one that tells the rung after `rung`."""
    still = _columns.id == id, _columns.acknowledged_at.is_(None), _columns.ladder_rung == rung
    values = {"ladder_rung": rung + 1, "escalates_at": escalates_at}
    return (await tx.execute(update(escalations).where(*still).values(**values))).rowcount == 1


async def failed_tools(tx: Tx, since: dt.datetime, most: int) -> Sequence[Failures]:
    """Of tools that people had approved and that then failed."""
    failed = approvals.c.status == "failed", approvals.c.updated_at >= since, approvals.c.kind == "tool"
    query = (
        select(approvals.c.agent_id, approvals.c.subject, func.count().label("count"))
        .where(*failed, approvals.c.agent_id.is_not(None))
        .group_by(approvals.c.agent_id, approvals.c.subject)
        .limit(most)
    )
    return [Failures(row.agent_id, "tool", row.subject, row._mapping["count"]) for row in await tx.execute(query)]
