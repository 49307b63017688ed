"""Tools that a server has not offered for a long time are forgotten, with what was accepted of them.

One that comes back later is new, and somebody has to look at it again.
"""

import datetime as dt
from typing import Final

from monoize.control.edge.house import House
from monoize.control.identity.actions.first_account import system_call
from monoize.control.mcp.store import tools

KEPT_FOR: Final = dt.timedelta(days=30)
AT_ONCE_MOST: Final = 500


async def prune(house: House, now: dt.datetime) -> None:
    async with house.database.read() as tx:
        if not await tools.gone_before(tx, now - KEPT_FOR, 1):
            return
    async with house.audit_log.change(system_call()) as change:
        gone = await tools.gone_before(change.tx, now - KEPT_FOR, AT_ONCE_MOST)
        await tools.remove(change.tx, {tool.id for tool in gone})
        names = sorted(f"{tool.service_id}/{tool.name}" for tool in gone)
        change.record("mcp_tool.prune", "mcp_tool", f"{len(gone)} tools", tools=names[:AT_ONCE_MOST])
