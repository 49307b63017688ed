"""What operators ask of what hosts used: of all of them, of a pool's, or of one."""

import datetime as dt
from collections.abc import Collection

from monoize.control.edge.wire import Page, Window
from monoize.control.fleet.actions import quota
from monoize.control.fleet.actions.hosts import find as find_host
from monoize.control.fleet.model import windows
from monoize.control.fleet.model.usage import Ingest
from monoize.control.fleet.model.usage_overview import (
    TOP_HOSTS_MOST,
    HostTotal,
    Overview,
    UsageDays,
    Whose,
    first_day,
    without_gaps,
)
from monoize.control.fleet.store import hosts, ingests, pools
from monoize.control.telemetry.actions import reported as telemetry
from monoize.control.telemetry.model.reported import UsageSum
from monoize.infra.db import Tx


async def list_ingests(tx: Tx, window: Window, whose: Whose) -> Page[Ingest]:
    found = await ingests.page(tx, window, host_ids=await _host_ids(tx, whose))
    return window.page(found, lambda ingest: ingest.id)


async def overview(tx: Tx, whose: Whose, now: dt.datetime) -> Overview:
    """Days and months are those of the calendar; the week is that of the pool's account, if one pool is meant."""
    host_ids = await _host_ids(tx, whose)
    day, month = windows.day_of(now), windows.month_of(now)
    began_at = await quota.week_began_at(tx, await pools.find(tx, whose.pool), now) if whose.pool else None
    week = windows.week_of(now, began_at)
    top = await telemetry.reported_hosts(
        tx, since=month.since.date(), until=month.until.date(), host_ids=host_ids, most=TOP_HOSTS_MOST
    )
    names = await hosts.names_of(tx, [each.host_id for each in top])
    return Overview(
        day=await _sum_of(tx, day, host_ids),
        week=await telemetry.reported_between(tx, week.since, week.until, host_ids=host_ids),
        week_began_at=week.since,
        month=await _sum_of(tx, month, host_ids),
        all_time=await telemetry.reported_sum(tx, host_ids=host_ids),
        top_hosts=[HostTotal(host_id=each.host_id, fqdn=names.get(each.host_id), usage=each.usage) for each in top],
    )


async def days(tx: Tx, whose: Whose, since: dt.date | None, until: dt.date) -> UsageDays:
    """Every day from the first on which anything was used; `until` is the day after the last."""
    first = first_day(since, until)
    found = await telemetry.reported_days(tx, since=first, until=until, host_ids=await _host_ids(tx, whose))
    return UsageDays(items=without_gaps(found, until))


async def _sum_of(tx: Tx, span: windows.Span, host_ids: Collection[int] | None) -> UsageSum:
    return await telemetry.reported_sum(tx, since=span.since.date(), until=span.until.date(), host_ids=host_ids)


async def _host_ids(tx: Tx, whose: Whose) -> Collection[int] | None:
    if whose.host is not None:
        return [(await find_host(tx, whose.host)).id]
    if whose.pool is not None:
        return await hosts.ids_in(tx, (await pools.find(tx, whose.pool)).id)
    return None
