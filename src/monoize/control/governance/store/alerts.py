"""SQL of alerts: what people are told once of an agent."""

import datetime as dt

from sqlalchemy import delete, insert, select

from monoize.control.governance.model.alerts import Alert
from monoize.control.governance.tables import agent_alerts
from monoize.infra.db import Tx

_columns = agent_alerts.c


async def is_known(tx: Tx, agent_id: str, event: str, subject: str) -> bool:
    same = _columns.agent_id == agent_id, _columns.event == event, _columns.subject == subject
    return await tx.scalar(select(_columns.id).where(*same)) is not None


async def add(tx: Tx, alert: Alert) -> None:
    await tx.execute(
        insert(agent_alerts).values(
            id=alert.id,
            agent_id=alert.agent_id,
            tenant_id=alert.tenant_id,
            event=alert.event,
            subject=alert.subject,
            detail=alert.detail,
            created_at=alert.created_at,
        )
    )


async def find(tx: Tx, id: str) -> Alert | None:
    row = (await tx.execute(select(agent_alerts).where(_columns.id == id))).one_or_none()
    if row is None:
        return None
    return Alert(row.id, row.agent_id, row.tenant_id, row.event, row.subject, row.detail, row.created_at)


async def forget(tx: Tx, *, before: dt.datetime) -> None:
    await tx.execute(delete(agent_alerts).where(_columns.created_at < before))
