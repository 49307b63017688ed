"""Calls are recorded in batches, each once, and what they come to is added up.

Nothing here opens a transaction: calls are recorded in the one that books their charges, all of it or nothing.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Final

from monoize.contract.events import Charged
from monoize.control.catalog.actions.sizes import size_classes
from monoize.control.telemetry.errors import TooManyCosts
from monoize.control.telemetry.model.calls import (
    COST_DAYS_MOST,
    COSTS_MOST,
    Costs,
    RecordedCall,
    Source,
)
from monoize.control.telemetry.model.usage import by_day, by_hour
from monoize.control.telemetry.store import calls as store
from monoize.control.telemetry.store import reported, usage
from monoize.infra.db import Tx

BATCH_MOST: Final = 2000


async def record(tx: Tx, events: Sequence[Charged]) -> None:
    """The calls of these events that are not recorded yet. ValueError or `invalid_usage`: one of them cannot be."""
    if len(events) > BATCH_MOST:
        raise ValueError(f"a batch has at most {BATCH_MOST} events")
    calls = {event.id: RecordedCall.of(event, event.call) for event in events if event.call is not None}
    known = await store.known(tx, calls)
    new = [call for id, call in calls.items() if id not in known]
    if not new:
        return
    names = {name for call in new for name in call.models}
    await store.add(tx, new, await size_classes(tx, names))
    hours = by_hour(new)
    await usage.add(tx, hours, by_day(hours))


async def costs(
    tx: Tx, *, since: dt.date, until: dt.date, provider: str | None = None, source: Source = "gateway"
) -> Costs:
    """What each model of each provider came to on each day; `until` is the day after the last."""
    if (until - since).days > COST_DAYS_MOST:
        raise TooManyCosts
    find = usage.costs if source == "gateway" else reported.costs
    found = await find(tx, since=since, until=until, provider=provider, most=COSTS_MOST + 1)
    if len(found) > COSTS_MOST:
        raise TooManyCosts
    return Costs(found)
