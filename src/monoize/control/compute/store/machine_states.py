"""SQL of what operations and reconciliation do with machines: what is wanted of them, and what was seen."""

import dataclasses
import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import case, func, or_, select, update

from monoize.base.ids import id_text
from monoize.base.principal import SYSTEM
from monoize.control.compute.model.machine import Desired, Machine, StoppedBy
from monoize.control.compute.model.machines import MachineRef, Observed, Power
from monoize.control.compute.model.reconcile import REPAIRS_WITHIN, Row
from monoize.control.compute.store.machines import machine_of
from monoize.control.compute.tables import agents, compute_operations, vps_configs, vpses
from monoize.infra.bulk import is_one_of
from monoize.infra.db import Tx

_columns = vpses.c


@dataclasses.dataclass(frozen=True, slots=True)
class Blueprint:
    """What a machine is made from. Without an agent there is nobody to make it for."""

    id: str
    user_id: str
    provider: str
    provider_vm_id: str | None
    address: str | None
    stale: bool
    image: str
    cpu_millicores: int
    memory_mb: int
    disk_gb: int
    agent_id: str | None
    gateway_token_sealed: str | None = dataclasses.field(repr=False)

    @property
    def ref(self) -> MachineRef:
        return MachineRef(self.id, self.provider_vm_id)


async def blueprint(tx: Tx, id: str) -> Blueprint | None:
    query = (
        select(
            *(_columns[name] for name in ("id", "user_id", "provider", "provider_vm_id", "address", "stale")),
            *(vps_configs.c[name] for name in ("image", "cpu_millicores", "memory_mb", "disk_gb")),
            agents.c.id.label("agent_id"),
            agents.c.gateway_token_sealed,
        )
        .select_from(
            vpses.join(vps_configs, vps_configs.c.id == _columns.vps_config_id).outerjoin(
                agents, agents.c.vps_id == _columns.id
            )
        )
        .where(_columns.id == id)
    )
    row = (await tx.execute(query)).one_or_none()
    return Blueprint(**row._mapping) if row else None


async def lock(tx: Tx, id: str) -> None:
    """Whoever changes a machine together with its operations locks it first."""
    await tx.execute(select(_columns.id).where(_columns.id == id).with_for_update())


async def change(tx: Tx, id: str, **values: Any) -> None:
    await tx.execute(update(vpses).where(_columns.id == id).values(**values))


async def desire(tx: Tx, id: str, desired: Desired, stopped_by: StoppedBy | None) -> None:
    await change(tx, id, desired=desired, stopped_by=stopped_by)


async def see(tx: Tx, id: str, seen: Observed, at: dt.datetime) -> None:
    """What its provider says of it; an id or address that it does not tell stays as it was."""
    values: dict[str, Any] = {"observed": seen.power, "observed_at": at}
    if seen.power != "gone" and seen.provider_id:
        values["provider_vm_id"] = seen.provider_id
    if seen.power != "gone" and seen.address is not None:
        values["address"] = seen.address
    await change(tx, id, **values)


async def turned(tx: Tx, ids: Collection[str], power: Power, at: dt.datetime) -> None:
    """Many of which only the power is another."""
    them = update(vpses).where(is_one_of(tx, _columns.id, ids))
    await tx.execute(them.values(observed=power, observed_at=at))


async def unknown(tx: Tx, provider: str) -> None:
    """The provider could not be asked."""
    left = (_columns.provider == provider) & (_columns.state != "destroyed") & (_columns.observed != "unknown")
    await tx.execute(update(vpses).where(left).values(observed="unknown"))


async def destroyed(tx: Tx, id: str, at: dt.datetime, error: str | None) -> None:
    """It is gone for good: its agent may be given another one."""
    values = {"state": "destroyed", "desired": "destroyed", "stopped_by": None, "stale": False}
    await change(tx, id, **values, destroyed_at=func.coalesce(_columns.destroyed_at, at), error=error)
    await tx.execute(update(agents).where(agents.c.vps_id == id).values(vps_id=None))


async def to_compare(tx: Tx, provider: str, found: Collection[str], now: dt.datetime) -> Sequence[Row]:
    """The machines that should be at a provider, and those that were found there though they should not."""
    mine = compute_operations.c
    # Ids begin with the time: so this reads the last hour's operations and no others.
    recent = mine.id > id_text(int((now - REPAIRS_WITHIN).timestamp() * 1000) << 80)
    is_repair = (mine.requested_by == SYSTEM.label) & (mine.kind == "start")
    moves = (
        select(
            mine.vps_id,
            func.max(mine.ended_at).label("moved_at"),
            func.sum(case((is_repair, 1), else_=0)).label("repairs"),
        )
        .where(recent)
        .group_by(mine.vps_id)
        .subquery()
    )
    opened = select(mine.open_vps_id).where(mine.open_vps_id.is_not(None)).subquery()
    named = ("id", "desired", "state", "provider_vm_id", "observed", "address")
    query = (
        select(*(_columns[name] for name in named), opened.c.open_vps_id, moves.c.moved_at, moves.c.repairs)
        .select_from(
            vpses.outerjoin(opened, opened.c.open_vps_id == _columns.id).outerjoin(
                moves, moves.c.vps_id == _columns.id
            )
        )
        .where(
            _columns.provider == provider,
            or_(_columns.state != "destroyed", is_one_of(tx, _columns.id, found)),
        )
    )
    return [
        Row(
            **{name: getattr(row, name) for name in named},
            has_open_operation=row.open_vps_id is not None,
            moved_at=row.moved_at,
            repairs=row.repairs or 0,
        )
        for row in await tx.execute(query)
    ]


async def to_read(tx: Tx, machine_id: str | None = None) -> Sequence[tuple[Machine, int]]:
    """Machines that run, with the memory that each was given."""
    query = (
        select(vpses, vps_configs.c.memory_mb)
        .join(vps_configs, vps_configs.c.id == _columns.vps_config_id)
        .where(_columns.state == "running")
    )
    if machine_id is not None:
        query = query.where(_columns.id == machine_id)
    return [(machine_of(row), row.memory_mb) for row in await tx.execute(query)]


async def wanted_of(tx: Tx, user_ids: Collection[str]) -> Sequence[str]:
    """Machines of these users that shall run and can be stopped."""
    query = select(_columns.id).where(
        is_one_of(tx, _columns.user_id, user_ids),
        _columns.desired == "running",
        _columns.state.in_(("running", "stopped")),
    )
    return list((await tx.execute(query.order_by(_columns.id))).scalars())
