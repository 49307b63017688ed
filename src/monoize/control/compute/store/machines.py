"""SQL of machines: rows are made and read here; what happens to their state is in `machine_states`."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, Row, bindparam, func, insert, select, update

from monoize.control.compute.errors import NoSuchMachine
from monoize.control.compute.model.machine import Machine, MachineStateName
from monoize.control.compute.model.machines import Reading
from monoize.control.compute.tables import agents, vpses
from monoize.control.edge.wire import Window
from monoize.infra.bulk import is_one_of
from monoize.infra.columns import Timestamp
from monoize.infra.db import Tx
from monoize.infra.matching import contains

_columns = vpses.c
_FIELDS: Final = tuple(Machine.__dataclass_fields__)


def machine_of(row: Row[Any]) -> Machine:
    return Machine(**{name: getattr(row, name) for name in _FIELDS})


async def add(
    tx: Tx, *, id: str, user_id: str, vps_config_id: str, name: str, provider: str, metered_at: dt.datetime
) -> Machine:
    """Wanted, and nothing more yet."""
    values = {
        "id": id,
        "user_id": user_id,
        "vps_config_id": vps_config_id,
        "name": name,
        "provider": provider,
        "metered_at": metered_at,
    }
    await tx.execute(insert(vpses).values(**values))
    return await get(tx, id)


async def get(tx: Tx, id: str, *, lock: bool = False) -> Machine:
    found = await find(tx, id, lock=lock)
    if found is None:
        raise NoSuchMachine
    return found


async def find(tx: Tx, id: str, *, lock: bool = False) -> Machine | None:
    query = select(vpses).where(_columns.id == id)
    row = (await tx.execute(query.with_for_update() if lock else query)).one_or_none()
    return machine_of(row) if row else None


async def lock_many(tx: Tx, ids: Collection[str]) -> Sequence[Machine]:
    """In the order of their ids, as everybody locks them. Those that are gone are left out."""
    query = select(vpses).where(is_one_of(tx, _columns.id, ids)).order_by(_columns.id)
    query = query.with_for_update(key_share=True)
    return [machine_of(row) for row in await tx.execute(query)]


async def page(
    tx: Tx,
    window: Window,
    *,
    user_id: str | None = None,
    state: MachineStateName | None = None,
    containing: str | None = None,
) -> Sequence[Machine]:
    query = select(vpses).order_by(_columns.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(_columns.id < window.after)
    if user_id is not None:
        query = query.where(_columns.user_id == user_id)
    if state is not None:
        query = query.where(_columns.state == state)
    if containing is not None:
        query = query.where(contains(_columns.name, containing))
    return [machine_of(row) for row in await tx.execute(query)]


async def of_user(tx: Tx, user_id: str, *, but_destroyed: bool = False) -> Sequence[Machine]:
    query = select(vpses).where(_columns.user_id == user_id).order_by(_columns.id)
    if but_destroyed:
        query = query.where(_columns.state != "destroyed")
    return [machine_of(row) for row in await tx.execute(query)]


async def count_of(tx: Tx, user_id: str) -> int:
    """Those that are destroyed do not count."""
    query = select(func.count()).where(_columns.user_id == user_id, _columns.state != "destroyed")
    return int(await tx.scalar(query))


async def count_from(tx: Tx, vps_config_id: str) -> int:
    return int(await tx.scalar(select(func.count()).where(_columns.vps_config_id == vps_config_id)))


async def owners_of_wanted(tx: Tx) -> Sequence[str]:
    """Whose machines shall run."""
    wanted = _columns.desired == "running", _columns.state != "destroyed"
    return list((await tx.execute(select(_columns.user_id).where(*wanted).distinct())).scalars())


async def many(tx: Tx, ids: Collection[str]) -> Mapping[str, Machine]:
    found = [machine_of(row) for row in await tx.execute(select(vpses).where(is_one_of(tx, _columns.id, ids)))]
    return {machine.id: machine for machine in found}


async def any_left(tx: Tx) -> bool:
    """Whether there is any machine at all that is not destroyed."""
    return await tx.scalar(select(_columns.id).where(_columns.state != "destroyed").limit(1)) is not None


async def agent_of(tx: Tx, id: str) -> str | None:
    found: str | None = await tx.scalar(select(agents.c.id).where(agents.c.vps_id == id))
    return found


async def write_readings(tx: Tx, readings: Mapping[str, Reading]) -> None:
    """What a provider does not tell stays as it was."""
    if not readings:
        return
    told = {
        "cpu_used_ms": "cpu_ms",
        "memory_used_mb_seconds": "memory_mb_seconds",
        "network_bytes": "network_bytes",
        "storage_used_bytes": "storage_bytes",
    }
    written = update(vpses).where(_columns.id == bindparam("of_id"))
    values = {name: func.coalesce(bindparam(f"new_{name}", type_=BigInteger), _columns[name]) for name in told}
    statement = written.values(
        **values, metered_epoch=bindparam("new_epoch"), metered_at=bindparam("new_at", type_=Timestamp)
    )
    rows = [
        {
            "of_id": id,
            "new_epoch": reading.epoch,
            "new_at": reading.at,
            **{f"new_{name}": getattr(reading, field) for name, field in told.items()},
        }
        for id, reading in readings.items()
    ]
    await tx.execute(statement, rows)
