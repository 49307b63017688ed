"""Operations: begun in the transaction of the wish, listed, and read step by step.

Machines are moved by `running`, which finds here what to do; whoever asks for something only writes it down.
"""

import datetime as dt

from monoize.base.principal import Principal
from monoize.control.compute.errors import NoSuchOperation
from monoize.control.compute.model.machine import Machine
from monoize.control.compute.model.operations import Operation, OperationInSteps, OperationKind, check_wish
from monoize.control.compute.store import operations
from monoize.control.edge.wire import Page, Window
from monoize.infra.db import Tx


class Overtaken(Exception):
    """What was found a moment ago is not so any more: leave it alone, and look again the next time."""


async def begin(
    tx: Tx,
    kind: OperationKind,
    machine: Machine,
    *,
    agent_id: str | None,
    requested_by: str,
    now: dt.datetime,
    afresh: bool = False,
) -> Operation:
    """On a machine whose row is locked. The same wish twice is one operation, unless it is to begin afresh; another
    one replaces what is open."""
    check_wish(kind, machine.state)
    open_one = await operations.open_row(tx, machine.id)
    if open_one is not None:
        if open_one.kind == kind and not open_one.undoing and not afresh:
            return await operations.get(tx, open_one.id)
        await operations.end(tx, open_one.id, "replaced", f"replaced by {kind}", now)
    return await operations.add(
        tx,
        kind=kind,
        vps_id=machine.id,
        agent_id=agent_id,
        user_id=machine.user_id,
        requested_by=requested_by,
        now=now,
        after=open_one,
    )


async def get(tx: Tx, caller: Principal, id: str) -> OperationInSteps:
    found = await operations.in_steps(tx, id)
    if found.user_id != caller.user_id and not caller.may("compute.read"):
        raise NoSuchOperation
    return found


async def list_operations(
    tx: Tx, window: Window, *, user_id: str | None, machine_id: str | None, only_open: bool
) -> Page[Operation]:
    found = await operations.page(tx, window, user_id=user_id, vps_id=machine_id, only_open=only_open)
    return window.page(found, lambda operation: operation.id)
