"""What is too old goes. What it added up to stays."""

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import structlog

from monoize.control.telemetry.model.reported import KEPT_LEAST
from monoize.control.telemetry.store import observations as store
from monoize.control.telemetry.store import reported
from monoize.infra.db import Database, Tx
from monoize.infra.forgetting import BATCHES_MOST, forget

log = structlog.get_logger(__name__)

Ceilings = Callable[[Tx], Awaitable[Mapping[str, int]]]
"""By agent: the most days that its policy lets its telemetry be kept."""


async def forget_old(
    database: Database, now: dt.datetime, *, kept_days: int, hours_kept_days: int, ceilings: Ceilings
) -> int:
    """How many rows went. An agent's policy can only shorten what the setting says of calls and events."""
    async with database.read() as tx:
        of_agents = await ceilings(tx)
    kept = dt.timedelta(days=kept_days)
    gone = await forget(database, partial(store.delete_before, at=now - kept))
    for agent_id, days in of_agents.items():
        if days < kept_days:
            of_agent = partial(store.delete_before, at=now - dt.timedelta(days=days), agent_id=agent_id)
            gone += await forget(database, of_agent)
    gone += await forget(database, partial(reported.delete_before, at=now - max(kept, KEPT_LEAST)))
    if hours_kept_days:
        await _forget_hours(database, now - dt.timedelta(days=hours_kept_days))
    if gone:
        log.info("telemetry_forgotten", rows=gone)
    return gone


async def _forget_hours(database: Database, at: dt.datetime) -> None:
    for _ in range(BATCHES_MOST):
        async with database.write() as tx:
            if not await store.delete_hour_before(tx, at):
                return
