"""Money in this process: where it is held, where charges wait on disk, and who posts them.

At the start everything that a dead process left is put right before anybody is served; at the end everything that
waits is posted, and what cannot be posted stays on disk for the next start.
"""

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final

import structlog

from monoize.base.errors import Unavailable
from monoize.gateway.handover import Handover
from monoize.gateway.meter import Meter
from monoize.gateway.refresher import Refresher
from monoize.infra.background import Background
from monoize.infra.holds import Holds, MemoryHolds
from monoize.infra.settings import Settings
from monoize.infra.spool import Spool, open_spool
from monoize.main.above import Above

log = structlog.get_logger(__name__)

HANDOVER_EVERY_S: Final = 0.1
REFRESH_EVERY_S: Final = 0.2
DOUBT_EVERY_S: Final = 30
SWEEP_EVERY_S: Final = 5
TEND_EVERY_S: Final = 10


@dataclasses.dataclass(frozen=True, slots=True)
class Money:
    meter: Meter
    holds: Holds
    spool: Spool
    handover: Handover
    refresher: Refresher
    background: Background


@contextlib.asynccontextmanager
async def open_money(settings: Settings, above: Above) -> AsyncIterator[Money]:
    async with contextlib.AsyncExitStack() as stack:
        spool = await open_spool(spool_folder(settings))
        stack.push_async_callback(spool.close)
        holds = _holds(settings)
        stack.push_async_callback(holds.close)
        refresher = Refresher(holds, above.budgets)
        handover = Handover(spool, above.books, holds, above.posting)
        for owner in (spool.owner, *spool.taken_over):
            await holds.release_of(owner)
        await handover.settle_what_was_left()
        background = Background()
        background.every(HANDOVER_EVERY_S, "money.handover", handover.run)
        background.every(REFRESH_EVERY_S, "money.refresh", refresher.run)
        background.every(DOUBT_EVERY_S, "money.doubt", refresher.doubt_all)
        background.every(SWEEP_EVERY_S, "holds.sweep", _sweep(holds))
        meter = Meter(holds, spool, above.budgets, owner=spool.owner)
        background.every(TEND_EVERY_S, "money.tend", meter.tend)
        stack.push_async_callback(_post_the_rest, handover)
        stack.push_async_callback(background.stop)
        yield Money(meter, holds, spool, handover, refresher, background)


def spool_folder(settings: Settings) -> Path:
    return settings.data_dir / "spool"


def _holds(settings: Settings) -> Holds:
    if not settings.redis_url:
        return MemoryHolds()
    from monoize.infra.redis_holds import RedisHolds

    return RedisHolds(settings.redis_url)


def _sweep(holds: Holds) -> Callable[[], Awaitable[None]]:
    async def sweep() -> None:
        for hold_id in await holds.sweep():
            log.warning("hold_expired", hold_id=hold_id)

    return sweep


async def _post_the_rest(handover: Handover) -> None:
    try:
        await handover.post_all()
    except Unavailable as problem:
        log.warning("charges_wait_for_the_next_start", problem=problem.message)
