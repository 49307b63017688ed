"""Background work of the room: when a price begins or ends by the clock, what is shown beside its model follows.

Costs do not wait for this: they ask the book about the moment of the request.
"""

from typing import Final

from monoize.base.clock import utc_now
from monoize.control.catalog.actions import book
from monoize.infra.background import Background
from monoize.infra.db import Database

SHOW_EVERY_S: Final = 300
ASLEEP_MOST_S: Final = 90 * 86_400
"""How long a house may have been closed and still notices what happened to its prices meanwhile."""


def schedule(background: Background, database: Database) -> None:
    shown_until_s = int(utc_now().timestamp()) - ASLEEP_MOST_S

    async def show() -> None:
        nonlocal shown_until_s
        now_s = int(utc_now().timestamp())
        async with database.write() as tx:
            await book.show_turned(tx, shown_until_s, now_s)
        shown_until_s = now_s

    background.every(SHOW_EVERY_S, "catalog.show_prices", show)
