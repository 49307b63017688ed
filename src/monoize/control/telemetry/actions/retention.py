"""What is too old goes, a little at a time, so that nobody waits for it. What it added up to stays."""

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog

from monoize.control.telemetry.store import observations as store
from monoize.infra.db import Database, Tx

log = structlog.get_logger(__name__)

BATCH: Final = 500
BATCHES_MOST: Final = 400
"""In one run, of each kind; the rest waits for the next."""

Ceilings = Callable[[Tx], Awaitable[Mapping[str, int]]]
"""By agent: the most days that its policy lets its telemetry be kept."""


async def forget_old(
    database: Database, now: dt.datetime, *, kept_days: int, hours_kept_days: int, ceilings: Ceilings
) -> int:
    """How many calls and events went. An agent's policy can only shorten what the setting says."""
    async with database.read() as tx:
        of_agents = await ceilings(tx)
    gone = await _forget(database, now - dt.timedelta(days=kept_days))
    for agent_id, days in of_agents.items():
        if days < kept_days:
            gone += await _forget(database, now - dt.timedelta(days=days), agent_id)
    if hours_kept_days:
        await _forget_hours(database, now - dt.timedelta(days=hours_kept_days))
    if gone:
        log.info("telemetry_forgotten", rows=gone)
    return gone


async def _forget(database: Database, at: dt.datetime, agent_id: str | None = None) -> int:
    gone = 0
    for _ in range(BATCHES_MOST):
        async with database.write() as tx:
            found = await store.delete_before(tx, at, agent_id=agent_id, most=BATCH)
        gone += found
        if found < BATCH:
            break
    return gone


async def _forget_hours(database: Database, at: dt.datetime) -> None:
    for _ in range(BATCHES_MOST):
        async with database.write() as tx:
            if not await store.delete_hour_before(tx, at):
                return
