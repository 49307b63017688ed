"""SQL of how agents are. A row is checked by whoever moves its `due_at` on."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Row, exc, insert, or_, select, update

from monoize.control.edge.wire import Window
from monoize.control.governance.model.health import AgentHealth, Finding
from monoize.control.governance.tables import agent_ai_sam as records
from monoize.control.governance.tables import agent_health
from monoize.infra.db import Tx

_columns = agent_health.c
_findings = msgspec.json.Decoder(list[Finding])


class Due(NamedTuple):
    """`seen`: when it was due, by which it is taken; None where it was never checked."""

    agent_id: str
    seen: dt.datetime | None


def _health(row: Row[Any]) -> AgentHealth:
    return AgentHealth(
        agent_id=row.config_id,
        state=row.state,
        failures=row.failures,
        findings=_findings.decode(row.findings_json),
        last_error=row.last_error,
        checked_at=row.checked_at,
    )


async def due(tx: Tx, now: dt.datetime, most: int) -> Sequence[Due]:
    """Active agents, those that were never checked among them; a baseline is no agent."""
    query = (
        select(records.c.id, _columns.due_at)
        .outerjoin(agent_health, _columns.config_id == records.c.id)
        .where(records.c.status == "active", records.c.baseline_of.is_(None))
        .where(or_(_columns.due_at.is_(None), _columns.due_at <= now))
        .limit(most)
    )
    return [Due(row.id, row.due_at) for row in await tx.execute(query)]


async def claim(tx: Tx, found: Due, now: dt.datetime, *, until: dt.datetime) -> bool:
    """Whether this process is the one that checks it. Should it die, another does at `until`."""
    if found.seen is None:
        row = {"config_id": found.agent_id, "state": "unknown", "checked_at": now, "due_at": until}
        try:
            await tx.execute(insert(agent_health).values(row))
        except exc.IntegrityError:
            return False
        return True
    still = _columns.config_id == found.agent_id, _columns.due_at == found.seen
    return (await tx.execute(update(agent_health).where(*still).values(due_at=until))).rowcount == 1


async def find(tx: Tx, agent_id: str) -> AgentHealth | None:
    row = (await tx.execute(select(agent_health).where(_columns.config_id == agent_id))).one_or_none()
    return _health(row) if row else None


async def keep(tx: Tx, health: AgentHealth) -> None:
    """Beside the record itself, whose versions know nothing of it."""
    await tx.execute(
        update(agent_health)
        .where(_columns.config_id == health.agent_id)
        .values(
            state=health.state,
            failures=health.failures,
            findings_json=msgspec.json.encode(health.findings).decode(),
            last_error=health.last_error,
            checked_at=health.checked_at,
        )
    )
    at_s = int(health.checked_at.timestamp())
    noted = update(records).where(records.c.id == health.agent_id)
    await tx.execute(noted.values(last_health_check=at_s, last_error=health.last_error))


async def page(tx: Tx, window: Window) -> Sequence[AgentHealth]:
    query = select(agent_health).order_by(_columns.config_id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(_columns.config_id < window.after)
    return [_health(row) for row in await tx.execute(query)]
