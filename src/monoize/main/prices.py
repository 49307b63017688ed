"""At the start: the price list that ships with the product comes into the book, where it says something new."""

import structlog

from monoize.base.ids import new_id
from monoize.base.principal import SYSTEM, Call
from monoize.control.catalog.actions import seed
from monoize.control.edge.house import House

log = structlog.get_logger(__name__)


async def plant_prices(house: House) -> None:
    async with house.database.read() as tx:
        if not await seed.is_news(tx):
            return
    async with house.audit_log.change(Call(SYSTEM, new_id())) as change:
        planted = await seed.plant(change)
    log.info("prices_planted", added=planted.added, corrected=planted.corrected, kept=planted.kept)
