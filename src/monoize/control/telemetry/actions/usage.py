"""What calls came to, for whoever may know it: sums by at most two dimensions, hour by hour or day by day.

What the gateway measured and what hosts report is never added up: a question is about the one or the other.

Only sums are read, never the calls themselves: a month of ten million calls is answered from its days.
"""

import datetime as dt
from collections.abc import Mapping, Sequence

from monoize.base.clock import DAY_MS
from monoize.control.telemetry.errors import TooMuchUsage
from monoize.control.telemetry.model.calls import Source
from monoize.control.telemetry.model.queries import (
    ROWS_MOST,
    WEIGHT_OF,
    Course,
    Dimension,
    Figure,
    Group,
    Ranking,
    Span,
    Summary,
    Usage,
    UsageFilter,
    UsageRow,
    UsageTable,
    check_dimensions,
    moment,
    span_of,
    told,
)
from monoize.control.telemetry.model.usage import NOBODY, Figures, begin, total, without
from monoize.control.telemetry.store import usage as store
from monoize.infra.db import Tx


async def usage(
    tx: Tx, span: Span, by: Sequence[Dimension], wanted: UsageFilter, *, in_steps: bool, sees_behind: bool
) -> UsageTable:
    """What weighs most comes first, within each step."""
    check_dimensions(span.source, [*by, *wanted])
    weight = WEIGHT_OF[span.source]
    groups = await store.groups(tx, span, by, wanted, in_steps=in_steps, most=ROWS_MOST + 1)
    if len(groups) > ROWS_MOST:
        raise TooMuchUsage
    groups = sorted(groups, key=lambda group: (group.at_ms or 0, -getattr(group.figures, weight), group.names))
    return UsageTable(
        since=moment(span.since_ms),
        until=moment(span.until_ms),
        step=span.step if in_steps else None,
        items=[_row(group, by, sees_behind=sees_behind) for group in groups],
        total=told(total(group.figures for group in groups), sees_behind=sees_behind),
    )


async def ranking(
    tx: Tx,
    span: Span,
    by: Sequence[Dimension],
    wanted: UsageFilter,
    *,
    of: Sequence[Figure],
    most: int,
    sees_behind: bool,
) -> Ranking:
    """However many there are: only the greatest are added up, and what they came to is taken from the whole."""
    greatest = await store.greatest(tx, span, by, wanted, of=of, most=most)
    found = await store.groups(tx, span, by, wanted, in_steps=False, most=most, only=greatest)
    rows = {group.names: group for group in found}
    whole = total(group.figures for group in await store.groups(tx, span, (), wanted, in_steps=False, most=1))
    others = without(whole, [group.figures for group in found])
    return Ranking(
        [_row(rows[names], by, sees_behind=sees_behind) for names in greatest],
        told(others, sees_behind=sees_behind),
        told(whole, sees_behind=sees_behind),
    )


async def course(
    tx: Tx,
    span: Span,
    by: Dimension,
    wanted: UsageFilter,
    *,
    of: Sequence[Figure],
    most: int,
    sees_behind: bool,
) -> Course:
    """How the greatest went, and all others together."""
    greatest = await store.greatest(tx, span, (by,), wanted, of=of, most=most)
    found = await store.groups(tx, span, (by,), wanted, in_steps=True, most=ROWS_MOST, only=greatest)
    of_all = await store.groups(tx, span, (), wanted, in_steps=True, most=ROWS_MOST)
    named: dict[str | int, dict[int, Figures]] = {name: {} for (name,) in greatest}
    for group in found:
        named[group.names[0]][group.at_ms or 0] = group.figures
    others = {
        at_ms: without(group.figures, [figures[at_ms] for figures in named.values() if at_ms in figures])
        for group in of_all
        if (at_ms := group.at_ms or 0)
    }

    def by_moment(figures: Mapping[int, Figures]) -> dict[dt.datetime, Usage]:
        return {moment(at_ms): told(each, sees_behind=sees_behind) for at_ms, each in figures.items()}

    return Course({_named(name): by_moment(each) for name, each in named.items()}, by_moment(others))


async def summary(
    tx: Tx, wanted: UsageFilter, now: dt.datetime, *, sees_behind: bool, source: Source = "gateway"
) -> Summary:
    """In one query: the days of this month."""
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    span = span_of("day", first, now + dt.timedelta(milliseconds=1), now, source)
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
        by={dimension: _named(name) for dimension, name in zip(by, group.names, strict=True)},
        usage=told(group.figures, sees_behind=sees_behind),
    )


def _named(name: str | int) -> str | None:
    return None if name == NOBODY else str(name)
