"""SQL of what hosts report: rows, and their sums by the hour and by the day."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, Table, bindparam, case, delete, exc, func, literal, select

from monoize.base.clock import midnight_ms, utc_day
from monoize.control.telemetry.errors import UsageReportedAtOnce
from monoize.control.telemetry.model.calls import Cost
from monoize.control.telemetry.model.reported import (
    SUM_MOST,
    DayUsage,
    HostUsage,
    Reported,
    ReportedKey,
    ReportedSum,
    UsageRow,
    UsageSum,
)
from monoize.control.telemetry.store.sums import Sums
from monoize.control.telemetry.tables import reported_usage_days, reported_usage_hours, token_usages
from monoize.infra.bulk import insert_many, is_one_of
from monoize.infra.db import Tx

_rows = token_usages.c
_days = reported_usage_days.c
_PLAIN: Final = ("total", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")
_SUMMED: Final[Mapping[str, ColumnElement[Any]]] = {
    "unpriced": case((_rows.cost_nano.is_(None), 1), else_=0),
    "total_tokens": _rows.total,
    "input_tokens": _rows.input_tokens,
    "output_tokens": _rows.output_tokens,
    "cache_read_input_tokens": _rows.cached_tokens,
    "reasoning_tokens": _rows.reasoning_tokens,
    "cost_nano": _rows.cost_nano,
}


def _sums(table: Table) -> Sums:
    return Sums(table, key=ReportedKey._fields, numbers=ReportedSum._fields, most=SUM_MOST)


_hour_sums: Final = _sums(reported_usage_hours)
_day_sums: Final = _sums(reported_usage_days)


async def known(tx: Tx, keys: Collection[str]) -> set[str]:
    if not keys:
        return set()
    query = select(_rows.idempotency_key).where(is_one_of(tx, _rows.idempotency_key, keys))
    return set((await tx.execute(query)).scalars())


async def add(tx: Tx, reported: Sequence[Reported]) -> None:
    try:
        await insert_many(tx, token_usages, [_values(row) for row in reported])
    except exc.IntegrityError as problem:
        raise UsageReportedAtOnce from problem


def _values(row: Reported) -> dict[str, Any]:
    return {
        "idempotency_key": row.idempotency_key,
        "host_id": row.host_id,
        "ingest_id": row.ingest_id,
        "model": row.model,
        "line": row.line,
        **{name: getattr(row, name) for name in _PLAIN},
        "cost_nano": row.cost_nano,
        "unpriced": row.cost_nano is None,
        "price_id": row.price_id,
        "created_at": row.at,
    }


async def add_to_sums(
    tx: Tx, hours: Mapping[ReportedKey, ReportedSum], days: Mapping[ReportedKey, ReportedSum]
) -> None:
    await _hour_sums.add(tx, hours)
    await _day_sums.add(tx, days)


async def delete_before(tx: Tx, at: dt.datetime, *, most: int) -> int:
    """The oldest rows, at most `most`; how many there were."""
    query = select(_rows.id).where(_rows.created_at < at).order_by(_rows.created_at).limit(most)
    ids = list((await tx.execute(query)).scalars())
    if ids:
        await tx.execute(delete(token_usages).where(is_one_of(tx, _rows.id, ids)))
    return len(ids)


async def of_ingest(tx: Tx, ingest_id: int) -> Sequence[UsageRow]:
    query = select(token_usages).where(_rows.ingest_id == ingest_id).order_by(_rows.id)
    return [
        UsageRow(
            recorded_at=row.created_at,
            line=row.line,
            total=row.total,
            input=row.input_tokens,
            output=row.output_tokens,
            cached=row.cached_tokens,
            reasoning=row.reasoning_tokens,
            cost_nano_usd=row.cost_nano,
            model=row.model,
        )
        for row in await tx.execute(query)
    ]


async def sum_of_days(
    tx: Tx, *, since: dt.date | None, until: dt.date | None, host_ids: Collection[int] | None
) -> UsageSum:
    """Of whole days; None: all of them, and of all hosts."""
    query = select(*_summed_days()).where(*_within_days(tx, since, until, host_ids))
    return _usage((await tx.execute(query)).one())


async def sum_of_host(tx: Tx, host_id: int, *, since: dt.date, until: dt.date) -> UsageSum:
    """What every call of a host asks for, so the statement is made once."""
    values = {"of_host": host_id, "since_ms": midnight_ms(since), "until_ms": midnight_ms(until)}
    return _usage((await tx.execute(_of_one_host, values)).one())


async def sum_between(
    tx: Tx, since: dt.datetime, until: dt.datetime, *, host_ids: Collection[int] | None
) -> UsageSum:
    """To the moment, out of the rows themselves."""
    query = select(
        func.count().label("calls"),
        *(func.coalesce(func.sum(each), 0).label(name) for name, each in _SUMMED.items()),
    ).where(_rows.created_at >= since, _rows.created_at < until, *_of_hosts(tx, _rows.host_id, host_ids))
    return _usage((await tx.execute(query)).one())


async def by_day(tx: Tx, *, since: dt.date, until: dt.date, host_ids: Collection[int] | None) -> Sequence[DayUsage]:
    query = (
        select(_days.at_ms, *_summed_days())
        .where(*_within_days(tx, since, until, host_ids))
        .group_by(_days.at_ms)
        .order_by(_days.at_ms)
    )
    return [DayUsage(day=utc_day(row.at_ms), usage=_usage(row)) for row in await tx.execute(query)]


async def by_host(
    tx: Tx, *, since: dt.date | None, until: dt.date | None, host_ids: Collection[int] | None, most: int
) -> Sequence[HostUsage]:
    """Those that used most, first."""
    query = (
        select(_days.host_id, *_summed_days())
        .where(*_within_days(tx, since, until, host_ids))
        .group_by(_days.host_id)
        .order_by(func.sum(_days.total_tokens).desc(), _days.host_id)
        .limit(most)
    )
    return [HostUsage(host_id=row.host_id, usage=_usage(row)) for row in await tx.execute(query)]


async def costs(tx: Tx, *, since: dt.date, until: dt.date, provider: str | None, most: int) -> Sequence[Cost]:
    """At most `most` of them, over all tenants and hosts."""
    named = (_days.provider, _days.at_ms, _days.model)
    query: Select[Any] = (
        select(
            *named,
            func.sum(_days.calls).label("calls"),
            func.sum(_days.unpriced).label("unpriced"),
            func.sum(_days.cost_nano).label("cost_nano"),
        )
        .where(_days.at_ms >= midnight_ms(since), _days.at_ms < midnight_ms(until))
        .group_by(*named)
        .order_by(*named)
        .limit(most)
    )
    if provider is not None:
        query = query.where(_days.provider == provider)
    return [
        # Some engines add whole numbers up to decimals.
        Cost(
            *(row.provider, utc_day(row.at_ms), row.model),
            *(int(row.calls), int(row.unpriced), int(row.cost_nano)),
            source="reported",
        )
        for row in await tx.execute(query)
    ]


def _summed_days() -> list[ColumnElement[Any]]:
    return [func.coalesce(func.sum(_days[name]), 0).label(name) for name in ReportedSum._fields]


_of_one_host: Final = select(*_summed_days()).where(
    _days.host_id == bindparam("of_host"), _days.at_ms >= bindparam("since_ms"), _days.at_ms < bindparam("until_ms")
)


def _within_days(
    tx: Tx, since: dt.date | None, until: dt.date | None, host_ids: Collection[int] | None
) -> list[ColumnElement[bool]]:
    conditions = _of_hosts(tx, _days.host_id, host_ids)
    if since is not None:
        conditions.append(_days.at_ms >= midnight_ms(since))
    if until is not None:
        conditions.append(_days.at_ms < midnight_ms(until))
    return conditions


def _of_hosts(tx: Tx, column: ColumnElement[Any], host_ids: Collection[int] | None) -> list[ColumnElement[bool]]:
    if host_ids is None:
        return []
    if not host_ids:
        return [literal(1) == literal(0)]
    return [is_one_of(tx, column, host_ids)]


def _usage(row: Row[Any]) -> UsageSum:
    return UsageSum(
        total=int(row.total_tokens),
        input=int(row.input_tokens),
        output=int(row.output_tokens),
        cached=int(row.cache_read_input_tokens),
        reasoning=int(row.reasoning_tokens),
        cost_nano_usd=int(row.cost_nano),
        events=int(row.calls),
        unpriced=int(row.unpriced),
    )
