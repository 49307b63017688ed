"""The verbs of telemetry: calls are recorded in batches, each once, and what they cost is added up.

Nothing here opens a transaction: calls are recorded in the one that books their charges, all of it or nothing.
"""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Final

from monoize.contract.events import Charged
from monoize.control.telemetry.errors import TooManyCosts
from monoize.control.telemetry.model.calls import (
    COST_DAYS_MOST,
    COSTS_MOST,
    Costs,
    DayKey,
    DaySum,
    RecordedCall,
    Source,
    total,
)
from monoize.control.telemetry.model.reported import (
    DayUsage,
    HostUsage,
    Reported,
    ReportedKey,
    ReportedSum,
    UsageRow,
    UsageSum,
)
from monoize.control.telemetry.model.sums import added
from monoize.control.telemetry.store import calls as store
from monoize.control.telemetry.store import reported
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


async def record_reported(tx: Tx, rows: Sequence[Reported]) -> None:
    """What hosts say they used, none of it known yet."""
    await reported.add(tx, rows)
    sums: dict[ReportedKey, list[ReportedSum]] = {}
    for row in rows:
        sums.setdefault(row.key, []).append(row.sum)
    await reported.add_to_days(tx, {key: ReportedSum(*added(each)) for key, each in sums.items()})


async def known_reported(tx: Tx, idempotency_keys: Collection[str]) -> set[str]:
    """Which of these rows were recorded before."""
    return await reported.known(tx, idempotency_keys)


async def reported_rows(tx: Tx, ingest_id: int) -> Sequence[UsageRow]:
    """What came in together."""
    return await reported.of_ingest(tx, ingest_id)


async def reported_sum(
    tx: Tx,
    *,
    since: dt.date | None = None,
    until: dt.date | None = None,
    host_ids: Collection[int] | None = None,
) -> UsageSum:
    """Of whole days; `until` is the day after the last, None means no bound."""
    return await reported.sum_of_days(tx, since=since, until=until, host_ids=host_ids)


async def reported_by_host(tx: Tx, host_id: int, *, since: dt.date, until: dt.date) -> UsageSum:
    """Of one host, for itself to hear."""
    return await reported.sum_of_host(tx, host_id, since=since, until=until)


async def reported_between(
    tx: Tx, since: dt.datetime, until: dt.datetime, *, host_ids: Collection[int] | None = None
) -> UsageSum:
    """To the moment, for stretches that do not begin at midnight."""
    return await reported.sum_between(tx, since, until, host_ids=host_ids)


async def reported_days(
    tx: Tx, *, since: dt.date, until: dt.date, host_ids: Collection[int] | None = None
) -> Sequence[DayUsage]:
    """Every day on which something was used."""
    return await reported.by_day(tx, since=since, until=until, host_ids=host_ids)


async def reported_hosts(
    tx: Tx,
    *,
    since: dt.date | None = None,
    until: dt.date | None = None,
    host_ids: Collection[int] | None = None,
    most: int,
) -> Sequence[HostUsage]:
    """The hosts that used most, first."""
    return await reported.by_host(tx, since=since, until=until, host_ids=host_ids, most=most)


async def costs(
    tx: Tx, *, since: dt.date, until: dt.date, provider: str | None = None, source: Source = "gateway"
) -> Costs:
    """What each model of each provider came to on each day; `until` is the day after the last."""
    if (until - since).days > COST_DAYS_MOST:
        raise TooManyCosts
    find = store.costs if source == "gateway" else reported.costs
    found = await find(tx, since=since, until=until, provider=provider, most=COSTS_MOST + 1)
    if len(found) > COSTS_MOST:
        raise TooManyCosts
    return Costs(found)


def _summed_up(calls: Sequence[RecordedCall]) -> dict[DayKey, DaySum]:
    sums: dict[DayKey, list[DaySum]] = {}
    for call in calls:
        sums.setdefault(call.key, []).append(call.sum)
    return {key: total(each) for key, each in sums.items()}
