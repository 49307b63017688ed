"""SQL of what calls add up to: written with every batch of calls, read for whoever asks."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Select, Table, func, select

from monoize.base.clock import midnight_ms, utc_day
from monoize.control.telemetry.model.calls import Cost
from monoize.control.telemetry.model.queries import Dimension, Group, Span, UsageFilter
from monoize.control.telemetry.model.usage import Figures, ModelKey, UsageKey, by_model
from monoize.control.telemetry.store.sums import Sums
from monoize.control.telemetry.tables import usage_days, usage_hours, usage_model_days, usage_model_hours
from monoize.infra.db import Tx

# Counts of calls, tokens and milliseconds are bounded for each call, and there are never calls enough.
_of_days: Final = usage_days.c
_MONEY: Final = [name for name in Figures._fields if name.endswith("_nano")]


def _sums(table: Table, key: Sequence[str]) -> Sums:
    return Sums(table, key=key, numbers=Figures._fields, guarded=_MONEY)


_hours: Final = _sums(usage_hours, UsageKey._fields)
_days: Final = _sums(usage_days, UsageKey._fields)
_model_hours: Final = _sums(usage_model_hours, ModelKey._fields)
_model_days: Final = _sums(usage_model_days, ModelKey._fields)


async def add(tx: Tx, hours: Mapping[UsageKey, Figures], days: Mapping[UsageKey, Figures]) -> None:
    await _hours.add(tx, hours)
    await _days.add(tx, days)
    await _model_hours.add(tx, by_model(hours))
    await _model_days.add(tx, by_model(days))


async def groups(
    tx: Tx, span: Span, by: Sequence[Dimension], wanted: UsageFilter, *, in_steps: bool, most: int
) -> Sequence[Group]:
    """At most `most` of them, in the order of time and names; with no `by` and no steps, one or none."""
    table = _table(span, {*by, *wanted})
    columns = table.c
    parted_by = [columns[dimension] for dimension in by]
    if in_steps:
        parted_by.insert(0, columns.at_ms)
    query = (
        select(*parted_by, *(func.sum(columns[name]) for name in Figures._fields))
        .where(columns.at_ms >= span.since_ms, columns.at_ms < span.until_ms)
        .group_by(*parted_by)
        .order_by(*parted_by)
        .limit(most)
    )
    for dimension, value in wanted.items():
        query = query.where(columns[dimension] == value)
    found: list[Group] = []
    for row in await tx.execute(query):
        names, numbers = row[: len(parted_by)], row[len(parted_by) :]
        if numbers[0] is None:
            # The sums of nothing at all.
            continue
        # Some engines add whole numbers up to decimals.
        figures = Figures(*map(int, numbers))
        found.append(Group(names[0] if in_steps else None, tuple(names[int(in_steps) :]), figures))
    return found


async def costs(tx: Tx, *, since: dt.date, until: dt.date, provider: str | None, most: int) -> Sequence[Cost]:
    """At most `most` of them, over all tenants. Calls that nobody answered are on no bill, and in none of these."""
    answered = func.sum(_of_days.calls - _of_days.unanswered)
    named = (_of_days.provider, _of_days.at_ms, _of_days.served_model)
    query: Select[Any] = (
        select(
            *named,
            answered.label("calls"),
            func.sum(_of_days.unpriced).label("unpriced"),
            func.sum(_of_days.cost_nano).label("cost_nano"),
        )
        .where(_of_days.at_ms >= midnight_ms(since), _of_days.at_ms < midnight_ms(until))
        .group_by(*named)
        .having(answered > 0)
        .order_by(*named)
        .limit(most)
    )
    if provider is not None:
        query = query.where(_of_days.provider == provider)
    return [
        # Some engines add whole numbers up to decimals.
        Cost(
            *(row.provider, utc_day(row.at_ms), row.served_model),
            *(int(row.calls), int(row.unpriced), int(row.cost_nano)),
        )
        for row in await tx.execute(query)
    ]


def _table(span: Span, asked: Collection[Dimension]) -> Table:
    """The smallest that tells apart what is asked for."""
    if set(ModelKey._fields).issuperset(asked):
        return usage_model_hours if span.step == "hour" else usage_model_days
    return usage_hours if span.step == "hour" else usage_days
