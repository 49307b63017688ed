"""SQL of plans and of the presets that each includes."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row, delete, exc, insert, select, update

from monoize.base.ids import is_id
from monoize.control.compute.errors import NoSuchPlan, PlanExists
from monoize.control.compute.model.plans import Plan
from monoize.control.compute.tables import plan_vps_configs as links
from monoize.control.compute.tables import plans
from monoize.control.edge.wire import Window
from monoize.infra.bulk import is_one_of
from monoize.infra.db import Tx, violated

_columns = plans.c
_FIELDS: Final = tuple(Plan.__dataclass_fields__)


def _plan(row: Row[Any]) -> Plan:
    return Plan(**{name: getattr(row, name) for name in _FIELDS})


async def add(tx: Tx, *, id: str, values: Mapping[str, Any]) -> Plan:
    try:
        await tx.execute(insert(plans).values(id=id, **values))
    except exc.IntegrityError as problem:
        raise _taken(problem) from problem
    return await get(tx, id)


async def change(tx: Tx, id: str, values: Mapping[str, Any]) -> Plan:
    try:
        await tx.execute(update(plans).where(_columns.id == id).values(**values))
    except exc.IntegrityError as problem:
        raise _taken(problem) from problem
    return await get(tx, id)


def _taken(problem: exc.IntegrityError) -> Exception:
    return PlanExists() if violated(problem, "name") else problem


async def get(tx: Tx, id: str) -> Plan:
    return await _one(tx, _columns.id == id, lock=False)


async def find(tx: Tx, named: str, *, lock: bool = False) -> Plan:
    """By id or by name."""
    return await _one(tx, (_columns.id if is_id(named) else _columns.name) == named, lock=lock)


async def many(tx: Tx, ids: Collection[str]) -> Mapping[str, Plan]:
    found = [_plan(row) for row in await tx.execute(select(plans).where(is_one_of(tx, _columns.id, ids)))]
    return {plan.id: plan for plan in found}


async def _one(tx: Tx, which: Any, *, lock: bool) -> Plan:
    query = select(plans).where(which)
    row = (await tx.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise NoSuchPlan
    return _plan(row)


async def page(tx: Tx, window: Window) -> Sequence[Plan]:
    query = select(plans).order_by(_columns.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(_columns.id < window.after)
    return [_plan(row) for row in await tx.execute(query)]


async def remove(tx: Tx, id: str) -> None:
    await tx.execute(delete(plans).where(_columns.id == id))


async def link(tx: Tx, plan_id: str, preset_id: str) -> None:
    """Of both, the plan has to be locked."""
    if not await includes(tx, plan_id, preset_id):
        await tx.execute(insert(links).values(plan_id=plan_id, vps_config_id=preset_id))


async def unlink(tx: Tx, plan_id: str, preset_id: str) -> None:
    await tx.execute(delete(links).where(links.c.plan_id == plan_id, links.c.vps_config_id == preset_id))


async def includes(tx: Tx, plan_id: str, preset_id: str) -> bool:
    wanted = links.c.plan_id == plan_id, links.c.vps_config_id == preset_id
    return await tx.scalar(select(links.c.plan_id).where(*wanted)) is not None
