"""Background work of the room: calls and tools that are gone are forgotten in the end."""

from typing import Final

from monoize.base.clock import utc_now
from monoize.control.edge.house import House
from monoize.control.mcp.actions import calls, pruning
from monoize.infra.background import Background

FORGET_EVERY_S: Final = 3_600.0


def schedule(background: Background, house: House) -> None:
    async def forget() -> None:
        async with house.database.write() as tx:
            await calls.forget(tx, utc_now())

    async def prune() -> None:
        await pruning.prune(house, utc_now())

    background.every(FORGET_EVERY_S, "mcp.prune", prune)
    background.every(FORGET_EVERY_S, "mcp.forget", forget)
