"""Planting plans and presets into a new installation: once, and only while it has none of its own."""

import dataclasses
from typing import Final

from monoize.base.ids import new_id
from monoize.control.compute.model.seed import seed_plans, seed_presets
from monoize.control.compute.store import plans, presets, seed
from monoize.control.edge.wire import Window
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx

_ANY: Final = Window(1, None)


@dataclasses.dataclass(frozen=True, slots=True)
class Planted:
    plans: int
    presets: int


async def is_due(tx: Tx) -> bool:
    return not await seed.is_planted(tx)


async def plant(change: Change) -> Planted:
    """PlantedElsewhere if another process was faster."""
    tx = change.tx
    await seed.claim(tx)
    is_new = not await plans.page(tx, _ANY) and not await presets.page(tx, _ANY)
    planted = await _plant(tx) if is_new else Planted(0, 0)
    change.record("plan.seed", "plan", "seed", **dataclasses.asdict(planted))
    return planted


async def _plant(tx: Tx) -> Planted:
    ids: dict[str, str] = {}
    for values in seed_presets():
        ids[values["name"]] = (await presets.add(tx, id=new_id(), values=values)).id
    for each in seed_plans():
        plan = await plans.add(tx, id=new_id(), values=each.values)
        for name in each.presets:
            await plans.link(tx, plan.id, ids[name])
    return Planted(len(seed_plans()), len(ids))
