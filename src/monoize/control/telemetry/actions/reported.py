"""What hosts report that their tools used: kept row by row, added up, and summed up for whoever asks."""

import datetime as dt
from collections.abc import Collection, Sequence

from monoize.control.telemetry.model.reported import (
    DayUsage,
    HostUsage,
    Reported,
    UsageRow,
    UsageSum,
    by_day,
    by_hour,
)
from monoize.control.telemetry.store import reported
from monoize.infra.db import Tx


async def record_reported(tx: Tx, rows: Sequence[Reported]) -> None:
    """What hosts say they used, none of it known yet."""
    await reported.add(tx, rows)
    hours = by_hour(rows)
    await reported.add_to_sums(tx, hours, by_day(hours))


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
