"""What calls came to, for whoever may know it: sums by at most two dimensions, hour by hour or day by day.

Only sums are read, never the calls themselves: a month of ten million calls is answered from its days.
"""

import datetime as dt
from collections.abc import Sequence

from monoize.base.clock import DAY_MS
from monoize.control.telemetry.errors import TooMuchUsage
from monoize.control.telemetry.model.queries import (
    ROWS_MOST,
    Dimension,
    Group,
    Span,
    Summary,
    UsageFilter,
    UsageRow,
    UsageTable,
    moment,
    span_of,
    told,
)
from monoize.control.telemetry.model.usage import NOBODY, begin, total
from monoize.control.telemetry.store import usage as store
from monoize.infra.db import Tx


async def usage(
    tx: Tx, span: Span, by: Sequence[Dimension], wanted: UsageFilter, *, in_steps: bool, sees_behind: bool
) -> UsageTable:
    """What was charged most comes first, within each step."""
    groups = await store.groups(tx, span, by, wanted, in_steps=in_steps, most=ROWS_MOST + 1)
    if len(groups) > ROWS_MOST:
        raise TooMuchUsage
    groups = sorted(groups, key=lambda group: (group.at_ms or 0, -group.figures.charge_nano, group.names))
    return UsageTable(
        since=moment(span.since_ms),
        until=moment(span.until_ms),
        step=span.step if in_steps else None,
        items=[_row(group, by, sees_behind=sees_behind) for group in groups],
        total=told(total(group.figures for group in groups), sees_behind=sees_behind),
    )


async def summary(tx: Tx, wanted: UsageFilter, now: dt.datetime, *, sees_behind: bool) -> Summary:
    """In one query: the days of this month."""
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    span = span_of("day", first, now + dt.timedelta(milliseconds=1), now)
    days = await store.groups(tx, span, (), wanted, in_steps=True, most=ROWS_MOST)
    today_ms = begin(span.until_ms - 1, DAY_MS)
    return Summary(
        today=told(total(day.figures for day in days if day.at_ms == today_ms), sees_behind=sees_behind),
        month=told(total(day.figures for day in days), sees_behind=sees_behind),
        days=[_row(day, (), sees_behind=sees_behind) for day in days],
    )


def _row(group: Group, by: Sequence[Dimension], *, sees_behind: bool) -> UsageRow:
    return UsageRow(
        at=None if group.at_ms is None else moment(group.at_ms),
        by={dimension: None if name == NOBODY else name for dimension, name in zip(by, group.names, strict=True)},
        usage=told(group.figures, sees_behind=sees_behind),
    )
