"""SQL of operations, their steps, and the leases by which one worker at a time carries one out.

Whoever changes a machine and an operation locks the machine first.
"""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, delete, func, insert, or_, select, update

from monoize.base.ids import id_text, new_id
from monoize.control.compute.errors import NoSuchOperation
from monoize.control.compute.model.operations import (
    OPEN,
    TAKES_MOST,
    Operation,
    OperationInSteps,
    OperationKind,
    OperationState,
    Step,
    StepName,
    StepState,
)
from monoize.control.compute.tables import compute_operation_steps, compute_operations
from monoize.control.edge.wire import Window
from monoize.infra.db import Tx

_columns = compute_operations.c
_steps = compute_operation_steps.c
_FIELDS: Final = tuple(Operation.__dataclass_fields__)
_is_open: Final = _columns.state.in_(OPEN)


def _values(row: Row[Any]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _FIELDS}


async def add(
    tx: Tx,
    *,
    kind: OperationKind,
    vps_id: str,
    agent_id: str | None,
    user_id: str,
    requested_by: str,
    now: dt.datetime,
    after: Row[Any] | None = None,
) -> Operation:
    """`after`: the one it replaces, whose lease it waits for."""
    id = new_id()
    values = {
        "id": id,
        "kind": kind,
        "vps_id": vps_id,
        "agent_id": agent_id,
        "user_id": user_id,
        "open_vps_id": vps_id,
        "requested_by": requested_by,
        "due_at": now,
        "deadline": now + TAKES_MOST[kind],
        "lease_owner": after.lease_owner if after else None,
        "lease_until": after.lease_until if after else None,
    }
    await tx.execute(insert(compute_operations).values(**values))
    return await get(tx, id)


async def get(tx: Tx, id: str) -> Operation:
    row = (await tx.execute(select(compute_operations).where(_columns.id == id))).one_or_none()
    if row is None:
        raise NoSuchOperation
    return Operation(**_values(row))


async def in_steps(tx: Tx, id: str) -> OperationInSteps:
    row = (await tx.execute(select(compute_operations).where(_columns.id == id))).one_or_none()
    if row is None:
        raise NoSuchOperation
    return OperationInSteps(**_values(row), steps=await steps_of(tx, id))


async def page(
    tx: Tx, window: Window, *, user_id: str | None, vps_id: str | None, only_open: bool
) -> Sequence[Operation]:
    query = select(compute_operations).order_by(_columns.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(_columns.id < window.after)
    if user_id is not None:
        query = query.where(_columns.user_id == user_id)
    if vps_id is not None:
        query = query.where(_columns.vps_id == vps_id)
    if only_open:
        query = query.where(_is_open)
    return [Operation(**_values(row)) for row in await tx.execute(query)]


async def open_row(tx: Tx, vps_id: str) -> Row[Any] | None:
    """The open operation of a machine whose row is locked, with its lease."""
    query = select(compute_operations).where(_columns.open_vps_id == vps_id)
    return (await tx.execute(query.with_for_update())).one_or_none()


async def open_of(tx: Tx, vps_id: str) -> Operation | None:
    row = (await tx.execute(select(compute_operations).where(_columns.open_vps_id == vps_id))).one_or_none()
    return Operation(**_values(row)) if row else None


async def end(tx: Tx, id: str, state: OperationState, error: str | None, now: dt.datetime) -> None:
    closed = update(compute_operations).where(_columns.id == id)
    await tx.execute(closed.values(state=state, error=error, ended_at=now, open_vps_id=None, lease_until=None))


async def undo(tx: Tx, id: str, error: str, deadline: dt.datetime) -> None:
    """It has failed; from now on it takes away what it had made."""
    failed = update(compute_operations).where(_columns.id == id)
    await tx.execute(failed.values(undoing=True, error=error, deadline=deadline, attempt=0))


async def forget(tx: Tx, before: dt.datetime) -> None:
    """Those that ended long ago, with their steps."""
    old = _columns.id < id_text(int(before.timestamp() * 1000) << 80)
    await tx.execute(delete(compute_operations).where(old, ~_is_open))


# Leases.


async def due(tx: Tx, now: dt.datetime, *, most: int) -> Sequence[tuple[str, str]]:
    """(operation, machine) of those that nobody works on, the longest waiting first."""
    query = select(_columns.id, _columns.vps_id).where(_is_due(now)).order_by(_columns.due_at).limit(most)
    return [(row.id, row.vps_id) for row in await tx.execute(query)]


async def take(tx: Tx, id: str, owner: str, *, now: dt.datetime, until: dt.datetime) -> bool:
    """Of several that try at once, the database lets one through; an expired lease is nobody's."""
    taken = update(compute_operations).where(_columns.id == id, _is_due(now))
    started = func.coalesce(_columns.started_at, now)
    values = {"state": "running", "lease_owner": owner, "lease_until": until, "started_at": started}
    return (await tx.execute(taken.values(**values))).rowcount > 0


async def renew(tx: Tx, owner: str, vps_ids: Collection[str], until: dt.datetime) -> None:
    """By machine: so that whatever replaced an operation waits until its worker has let go."""
    await _lease(tx, owner, vps_ids, {"lease_until": until})


async def is_mine(tx: Tx, id: str, owner: str) -> bool:
    query = select(_columns.id).where(_columns.id == id, _columns.lease_owner == owner, _is_open)
    return await tx.scalar(query.with_for_update()) is not None


async def give_back(tx: Tx, vps_id: str, owner: str) -> None:
    await _lease(tx, owner, [vps_id], {"lease_owner": None, "lease_until": None})


async def _lease(tx: Tx, owner: str, vps_ids: Collection[str], values: dict[str, Any]) -> None:
    """By key alone: MySQL locks through the index of machines the other way round from an operation's end."""
    held = select(_columns.id).where(_columns.lease_owner == owner, _columns.open_vps_id.in_(vps_ids))
    ids = [row.id for row in await tx.execute(held)]
    if ids:
        mine = update(compute_operations).where(_columns.id.in_(ids), _columns.lease_owner == owner)
        await tx.execute(mine.values(**values))


async def put_off(tx: Tx, id: str, until: dt.datetime) -> None:
    later = update(compute_operations).where(_columns.id == id)
    await tx.execute(later.values(due_at=until, attempt=_columns.attempt + 1))


def _is_due(now: dt.datetime) -> ColumnElement[bool]:
    is_free = or_(_columns.lease_until.is_(None), _columns.lease_until < now)
    return and_(_is_open, _columns.due_at <= now, is_free)


# Steps.


async def steps_of(tx: Tx, id: str) -> Sequence[Step]:
    query = select(compute_operation_steps).where(_steps.operation_id == id).order_by(_steps.position)
    return [
        Step(row.name, row.state, row.detail, row.error, row.started_at, row.ended_at)
        for row in await tx.execute(query)
    ]


async def begin_step(
    tx: Tx, id: str, position: int, name: StepName, now: dt.datetime, *, detail: str | None
) -> None:
    values = {"operation_id": id, "position": position, "name": name, "state": "running", "started_at": now}
    await tx.execute(insert(compute_operation_steps).values(**values, detail=detail))


async def end_step(
    tx: Tx, id: str, position: int, state: StepState, now: dt.datetime, *, detail: str | None, error: str | None
) -> None:
    step = update(compute_operation_steps).where(_steps.operation_id == id, _steps.position == position)
    values = {"state": state, "ended_at": now, "error": error, "detail": func.coalesce(detail, _steps.detail)}
    await tx.execute(step.values(**values))


async def end_running_steps(tx: Tx, id: str, state: StepState, now: dt.datetime, error: str | None) -> None:
    running = update(compute_operation_steps).where(_steps.operation_id == id, _steps.state == "running")
    await tx.execute(running.values(state=state, ended_at=now, error=error))
