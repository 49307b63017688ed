"""SQL of what calls add up to: written with every batch of calls, read for whoever asks."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from functools import reduce
from operator import add as add_up
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Table, func, literal, select, tuple_

from monoize.base.clock import midnight_ms, utc_day
from monoize.control.telemetry.model.calls import Cost
from monoize.control.telemetry.model.queries import Dimension, Figure, Group, Names, Span, UsageFilter
from monoize.control.telemetry.model.usage import Figures, ModelKey, UsageKey, by_model
from monoize.control.telemetry.store.sums import Sums
from monoize.control.telemetry.tables import (
    reported_usage_days,
    reported_usage_hours,
    usage_days,
    usage_hours,
    usage_model_days,
    usage_model_hours,
)
from monoize.infra.db import Tx

# Counts of calls, tokens and milliseconds are bounded for each call, and there are never calls enough.
_MONEY: Final = [name for name in Figures._fields if name.endswith("_nano")]


def _sums(table: Table, key: Sequence[str]) -> Sums:
    return Sums(table, key=key, numbers=Figures._fields, guarded=_MONEY)


_hours: Final = _sums(usage_hours, UsageKey._fields)
_days: Final = _sums(usage_days, UsageKey._fields)
_model_hours: Final = _sums(usage_model_hours, ModelKey._fields)
_model_days: Final = _sums(usage_model_days, ModelKey._fields)
_days_of_models: Final = usage_model_days.c


async def add(tx: Tx, hours: Mapping[UsageKey, Figures], days: Mapping[UsageKey, Figures]) -> None:
    await _hours.add(tx, hours)
    await _days.add(tx, days)
    await _model_hours.add(tx, by_model(hours))
    await _model_days.add(tx, by_model(days))


async def greatest(
    tx: Tx, span: Span, by: Sequence[Dimension], wanted: UsageFilter, *, of: Sequence[Figure], most: int
) -> Sequence[Names]:
    """The names of those groups whose figures `of`, added up, come to most; that one first."""
    table = _table(span, {*by, *wanted})
    parted_by = [table.c[dimension] for dimension in by]
    came_to = func.sum(reduce(add_up, (_figure(table, name) for name in of)))
    query = _within(select(*parted_by), table, span, wanted)
    query = query.group_by(*parted_by).order_by(came_to.desc(), *parted_by).limit(most)
    return [tuple(row) for row in await tx.execute(query)]


async def groups(
    tx: Tx,
    span: Span,
    by: Sequence[Dimension],
    wanted: UsageFilter,
    *,
    in_steps: bool,
    most: int,
    only: Collection[Names] | None = None,
) -> Sequence[Group]:
    """At most `most` of them, in the order of time and names; with no `by` and no steps, one or none.

    With `only` those of these names.
    """
    table = _table(span, {*by, *wanted})
    columns = table.c
    named = [columns[dimension] for dimension in by]
    parted_by = [columns.at_ms, *named] if in_steps else named
    query = _within(
        select(*parted_by, *(func.sum(_figure(table, name)) for name in Figures._fields)), table, span, wanted
    )
    if only is not None:
        query = query.where(tuple_(*named).in_(only))
    found: list[Group] = []
    for row in await tx.execute(query.group_by(*parted_by).order_by(*parted_by).limit(most)):
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
    answered = func.sum(_days_of_models.calls - _days_of_models.unanswered)
    named = (_days_of_models.provider, _days_of_models.at_ms, _days_of_models.served_model)
    query: Select[Any] = (
        select(
            *named,
            answered.label("calls"),
            func.sum(_days_of_models.unpriced).label("unpriced"),
            func.sum(_days_of_models.cost_nano).label("cost_nano"),
        )
        .where(_days_of_models.at_ms >= midnight_ms(since), _days_of_models.at_ms < midnight_ms(until))
        .group_by(*named)
        .having(answered > 0)
        .order_by(*named)
        .limit(most)
    )
    if provider is not None:
        query = query.where(_days_of_models.provider == provider)
    return [
        # Some engines add whole numbers up to decimals.
        Cost(
            *(row.provider, utc_day(row.at_ms), row.served_model),
            *(int(row.calls), int(row.unpriced), int(row.cost_nano)),
        )
        for row in await tx.execute(query)
    ]


def _within(query: Select[Any], table: Table, span: Span, wanted: UsageFilter) -> Select[Any]:
    query = query.where(table.c.at_ms >= span.since_ms, table.c.at_ms < span.until_ms)
    for dimension, value in wanted.items():
        query = query.where(table.c[dimension] == value)
    return query


def _figure(table: Table, name: str) -> ColumnElement[int]:
    """Hosts do not report all that the gateway measures."""
    return table.c[name] if name in table.c else literal(0)


def _table(span: Span, asked: Collection[Dimension]) -> Table:
    """The smallest that tells apart what is asked for."""
    if span.source == "reported":
        return reported_usage_hours if span.step == "hour" else reported_usage_days
    if set(ModelKey._fields).issuperset(asked):
        return usage_model_hours if span.step == "hour" else usage_model_days
    return usage_hours if span.step == "hour" else usage_days
