"""SQL of what agents' machines have to be told of channels. Bookkeeping, nobody's change.

Marked by whoever changed something, with the agent locked; cleared by whoever told the machine that very revision.
"""

import datetime as dt
import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, exists, func, insert, or_, select, update

from monoize.base.ids import new_id
from monoize.control.compute.model.deliveries import Delivery, former, pause_after
from monoize.control.compute.tables import agent_channel_deliveries as deliveries
from monoize.control.compute.tables import agent_channels, agents, compute_operations, vpses
from monoize.infra.db import Tx

_columns = deliveries.c


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        agent_id=row.agent_id,
        kind=row.kind,
        revision=row.revision,
        due_at=row.due_at,
        attempts=row.attempts,
        problem=row.problem,
        former_keys=json.loads(row.former_keys or "[]"),
        delivered_at=row.delivered_at,
    )


async def of_agent(tx: Tx, agent_id: str) -> Sequence[Delivery]:
    query = select(deliveries).where(_columns.agent_id == agent_id).order_by(_columns.kind)
    return [_delivery(row) for row in await tx.execute(query)]


async def mark(tx: Tx, agent_id: str, kind: str, former_keys: Iterable[str], now: dt.datetime) -> None:
    """This channel was set or removed. `former_keys`: those that it had until now."""
    known = next((each for each in await of_agent(tx, agent_id) if each.kind == kind), None)
    keys = {"former_keys": json.dumps(former(known.former_keys if known else (), former_keys))}
    if known is None:
        await tx.execute(insert(deliveries).values(agent_id=agent_id, kind=kind, **_due(now), **keys))
        return
    # A lease on it stays: who is telling the machine of the old values has to be waited for.
    this = _columns.agent_id == agent_id, _columns.kind == kind
    await tx.execute(update(deliveries).where(*this).values(**_due(now), **keys))


async def mark_all(tx: Tx, agent_id: str, now: dt.datetime) -> None:
    """Its machine is another one, or may have forgotten what it was told."""
    await tx.execute(update(deliveries).where(_columns.agent_id == agent_id).values(**_due(now)))
    mine = agent_channels.c
    unknown = ~exists().where(_columns.agent_id == mine.agent_id, _columns.kind == mine.kind)
    rows = await tx.execute(select(mine.kind).where(mine.agent_id == agent_id, unknown))
    for kind in rows.scalars().all():
        await tx.execute(insert(deliveries).values(agent_id=agent_id, kind=kind, **_due(now)))


def _due(now: dt.datetime) -> dict[str, Any]:
    return {"revision": new_id(), "due_at": now, "attempts": 0, "problem": None}


async def due(tx: Tx, now: dt.datetime, *, most: int) -> Sequence[str]:
    """Agents that can be told something now, the longest waiting first: not while their machines are moved."""
    is_moved = exists().where(compute_operations.c.open_vps_id == vpses.c.id)
    query = (
        select(_columns.agent_id)
        .join(agents, agents.c.id == _columns.agent_id)
        .join(vpses, vpses.c.id == agents.c.vps_id)
        .where(
            _is_due(now),
            agents.c.enabled,
            vpses.c.state == "running",
            vpses.c.desired == "running",
            vpses.c.address.is_not(None),
            ~is_moved,
        )
        .group_by(_columns.agent_id)
        .order_by(func.min(_columns.due_at))
        .limit(most)
    )
    return list((await tx.execute(query)).scalars())


async def claim(
    tx: Tx, agent_id: str, owner: str, *, now: dt.datetime, lease_until: dt.datetime
) -> Sequence[Delivery]:
    """What nobody else tells the agent at this moment. Should we die, it is due again after a pause."""
    query = select(deliveries).where(_columns.agent_id == agent_id).order_by(_columns.kind)
    rows = [row for row in await tx.execute(query.with_for_update()) if _is_free(row, now)]
    if not rows:
        return []
    attempts = 1 + max(row.attempts for row in rows)
    values = {"attempts": attempts, "due_at": now + pause_after(attempts)}
    # In one statement: PostgreSQL looks at the agent when a row is changed twice, and whoever marks holds that.
    taken = update(deliveries).where(_columns.agent_id == agent_id, _columns.kind.in_([row.kind for row in rows]))
    await tx.execute(taken.values(lease_owner=owner, lease_until=lease_until, **values))
    return [_delivery(row) for row in rows]


async def delivered(
    tx: Tx, owner: str, told: Sequence[Delivery], present: Collection[str], now: dt.datetime
) -> None:
    """What was changed since stays due. `present`: the channels that there are; the others are forgotten now."""
    this = _told(owner, told)
    await tx.execute(delete(deliveries).where(this, _columns.kind.not_in(present)))
    cleared = {"due_at": None, "attempts": 0, "problem": None, "former_keys": None, "delivered_at": now}
    await tx.execute(update(deliveries).where(this).values(**cleared))


async def failed(tx: Tx, owner: str, tried: Sequence[Delivery], problem: str) -> None:
    await tx.execute(update(deliveries).where(_told(owner, tried)).values(problem=problem))


async def give_back(tx: Tx, agent_id: str, owner: str) -> None:
    mine = update(deliveries).where(_columns.agent_id == agent_id, _columns.lease_owner == owner)
    await tx.execute(mine.values(lease_owner=None, lease_until=None))


# Rows are found by their agent alone, by the primary key: MariaDB locks what it finds in the order of the index.


def _told(owner: str, told: Sequence[Delivery]) -> ColumnElement[bool]:
    revisions = {each.revision for each in told}
    return and_(
        _columns.agent_id == told[0].agent_id, _columns.lease_owner == owner, _columns.revision.in_(revisions)
    )


def _is_free(row: Row[Any], now: dt.datetime) -> bool:
    is_due = row.due_at is not None and row.due_at <= now
    return is_due and (row.lease_until is None or row.lease_until < now)


def _is_due(now: dt.datetime) -> ColumnElement[bool]:
    is_free = or_(_columns.lease_until.is_(None), _columns.lease_until < now)
    return and_(_columns.due_at <= now, is_free)
