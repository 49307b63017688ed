"""SQL of machine presets."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row, delete, exc, insert, select, update

from monoize.base.ids import is_id
from monoize.control.compute.errors import NoSuchPreset, PresetExists
from monoize.control.compute.model.plans import Preset
from monoize.control.compute.tables import plan_vps_configs as links
from monoize.control.compute.tables import vps_configs as presets
from monoize.control.edge.wire import Window
from monoize.infra.db import Tx, violated

_columns = presets.c
_FIELDS: Final = tuple(Preset.__dataclass_fields__)


def _preset(row: Row[Any]) -> Preset:
    return Preset(**{name: getattr(row, name) for name in _FIELDS})


async def add(tx: Tx, *, id: str, values: Mapping[str, Any]) -> Preset:
    try:
        await tx.execute(insert(presets).values(id=id, **values))
    except exc.IntegrityError as problem:
        raise _taken(problem) from problem
    return await get(tx, id)


async def change(tx: Tx, id: str, values: Mapping[str, Any]) -> Preset:
    try:
        await tx.execute(update(presets).where(_columns.id == id).values(**values))
    except exc.IntegrityError as problem:
        raise _taken(problem) from problem
    return await get(tx, id)


def _taken(problem: exc.IntegrityError) -> Exception:
    return PresetExists() if violated(problem, "name") else problem


async def get(tx: Tx, id: str) -> Preset:
    return await _one(tx, _columns.id == id, lock=False)


async def find(tx: Tx, named: str, *, lock: bool = False) -> Preset:
    """By id or by name."""
    return await _one(tx, (_columns.id if is_id(named) else _columns.name) == named, lock=lock)


async def _one(tx: Tx, which: Any, *, lock: bool) -> Preset:
    query = select(presets).where(which)
    row = (await tx.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise NoSuchPreset
    return _preset(row)


async def page(tx: Tx, window: Window, *, plan_id: str | None = None) -> Sequence[Preset]:
    """All of them, or those that a plan includes."""
    query = select(presets).order_by(_columns.id.desc()).limit(window.limit + 1)
    if plan_id is not None:
        query = query.join(links, links.c.vps_config_id == _columns.id).where(links.c.plan_id == plan_id)
    if window.after:
        query = query.where(_columns.id < window.after)
    return [_preset(row) for row in await tx.execute(query)]


async def remove(tx: Tx, id: str) -> None:
    await tx.execute(delete(presets).where(_columns.id == id))
