"""The verbs of telemetry: calls are recorded in batches, each once, and what they cost is added up.

Nothing here opens a transaction: calls are recorded in the one that books their charges, all of it or nothing.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Final

from monoize.contract.events import Charged
from monoize.control.telemetry import store
from monoize.control.telemetry.errors import TooManyCosts
from monoize.control.telemetry.model import COST_DAYS_MOST, COSTS_MOST, Costs, DayKey, DaySum, RecordedCall, total
from monoize.infra.db import Tx

BATCH_MOST: Final = 2000


async def record(tx: Tx, events: Sequence[Charged]) -> None:
    """The calls of these events that are not recorded yet. ValueError or `invalid_usage`: one of them cannot be."""
    if len(events) > BATCH_MOST:
        raise ValueError(f"a batch has at most {BATCH_MOST} events")
    calls = {event.id: RecordedCall.of(event, event.call) for event in events if event.call is not None}
    known = await store.known(tx, calls)
    new = [call for id, call in calls.items() if id not in known]
    await store.add(tx, new)
    await store.add_to_days(tx, _summed_up(new))


async def costs(tx: Tx, *, since: dt.date, until: dt.date, provider: str | None = None) -> Costs:
    """What each model of each provider came to on each day; `until` is the day after the last."""
    if (until - since).days > COST_DAYS_MOST:
        raise TooManyCosts
    found = await store.costs(tx, since=since, until=until, provider=provider, most=COSTS_MOST + 1)
    if len(found) > COSTS_MOST:
        raise TooManyCosts
    return Costs(found)


def _summed_up(calls: Sequence[RecordedCall]) -> dict[DayKey, DaySum]:
    sums: dict[DayKey, list[DaySum]] = {}
    for call in calls:
        sums.setdefault(call.key, []).append(call.sum)
    return {key: total(each) for key, each in sums.items()}
