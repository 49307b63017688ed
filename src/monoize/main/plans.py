"""At the first start: plans and machine presets to begin with, which are the operator's from then on."""

import structlog

from monoize.base.ids import new_id
from monoize.base.principal import SYSTEM, Call
from monoize.control.compute.actions import seed
from monoize.control.compute.store.seed import PlantedElsewhere
from monoize.control.edge.house import House

log = structlog.get_logger(__name__)


async def plant_plans(house: House) -> None:
    async with house.database.read() as tx:
        if not await seed.is_due(tx):
            return
    try:
        async with house.audit_log.change(Call(SYSTEM, new_id())) as change:
            planted = await seed.plant(change)
    except PlantedElsewhere:
        return
    log.info("plans_planted", plans=planted.plans, presets=planted.presets)
