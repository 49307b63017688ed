"""SQL of what hosts report: rows, and their sums of each host and day."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, bindparam, case, exc, func, literal, select

from monoize.control.telemetry.errors import UsageReportedAtOnce
from monoize.control.telemetry.model.calls import Cost
from monoize.control.telemetry.model.reported import (
    DAY_MOST,
    DayUsage,
    HostUsage,
    Reported,
    ReportedKey,
    ReportedSum,
    UsageRow,
    UsageSum,
)
from monoize.control.telemetry.store.sums import Sums
from monoize.control.telemetry.tables import reported_days, token_usages
from monoize.infra.bulk import insert_many, is_one_of
from monoize.infra.db import Tx

_rows = token_usages.c
_days = reported_days.c
_sums: Final = Sums(reported_days, key=ReportedKey._fields, numbers=ReportedSum._fields, most=DAY_MOST)
_PLAIN: Final = ("total", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")


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


async def add_to_days(tx: Tx, sums: Mapping[ReportedKey, ReportedSum]) -> None:
    await _sums.add(tx, sums)


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
    values = {"of_host": host_id, "since": since, "until": until}
    return _usage((await tx.execute(_of_one_host, values)).one())


async def sum_between(
    tx: Tx, since: dt.datetime, until: dt.datetime, *, host_ids: Collection[int] | None
) -> UsageSum:
    """To the moment, out of the rows themselves."""
    sums = [func.coalesce(func.sum(_rows[name]), 0).label(name) for name in (*_PLAIN, "cost_nano")]
    query = select(
        func.count().label("events"),
        func.coalesce(func.sum(case((_rows.cost_nano.is_(None), 1), else_=0)), 0).label("unpriced"),
        *sums,
    ).where(_rows.created_at >= since, _rows.created_at < until, *_of_hosts(tx, _rows.host_id, host_ids))
    return _usage((await tx.execute(query)).one())


async def by_day(tx: Tx, *, since: dt.date, until: dt.date, host_ids: Collection[int] | None) -> Sequence[DayUsage]:
    query = (
        select(_days.day, *_summed_days())
        .where(*_within_days(tx, since, until, host_ids))
        .group_by(_days.day)
        .order_by(_days.day)
    )
    return [DayUsage(day=row.day, usage=_usage(row)) for row in await tx.execute(query)]


async def by_host(
    tx: Tx, *, since: dt.date | None, until: dt.date | None, host_ids: Collection[int] | None, most: int
) -> Sequence[HostUsage]:
    """Those that used most, first."""
    query = (
        select(_days.host_id, *_summed_days())
        .where(*_within_days(tx, since, until, host_ids))
        .group_by(_days.host_id)
        .order_by(func.sum(_days.total).desc(), _days.host_id)
        .limit(most)
    )
    return [HostUsage(host_id=row.host_id, usage=_usage(row)) for row in await tx.execute(query)]


async def costs(tx: Tx, *, since: dt.date, until: dt.date, provider: str | None, most: int) -> Sequence[Cost]:
    """At most `most` of them, over all tenants and hosts."""
    query: Select[Any] = (
        select(
            _days.provider,
            _days.day,
            _days.model,
            func.sum(_days.events).label("calls"),
            func.sum(_days.unpriced).label("unpriced_calls"),
            func.sum(_days.cost_nano).label("cost_nano"),
        )
        .where(_days.day >= since, _days.day < until)
        .group_by(_days.provider, _days.day, _days.model)
        .order_by(_days.provider, _days.day, _days.model)
        .limit(most)
    )
    if provider is not None:
        query = query.where(_days.provider == provider)
    return [
        # Some engines add whole numbers up to decimals.
        Cost(
            *(row.provider, row.day, row.model),
            *(int(row.calls), int(row.unpriced_calls), int(row.cost_nano)),
            source="reported",
        )
        for row in await tx.execute(query)
    ]


def _summed_days() -> list[ColumnElement[Any]]:
    return [func.coalesce(func.sum(_days[name]), 0).label(name) for name in ReportedSum._fields]


_of_one_host: Final = select(*_summed_days()).where(
    _days.host_id == bindparam("of_host"), _days.day >= bindparam("since"), _days.day < bindparam("until")
)


def _within_days(
    tx: Tx, since: dt.date | None, until: dt.date | None, host_ids: Collection[int] | None
) -> list[ColumnElement[bool]]:
    conditions = _of_hosts(tx, _days.host_id, host_ids)
    if since is not None:
        conditions.append(_days.day >= since)
    if until is not None:
        conditions.append(_days.day < until)
    return conditions


def _of_hosts(tx: Tx, column: ColumnElement[Any], host_ids: Collection[int] | None) -> list[ColumnElement[bool]]:
    if host_ids is None:
        return []
    if not host_ids:
        return [literal(1) == literal(0)]
    return [is_one_of(tx, column, host_ids)]


def _usage(row: Row[Any]) -> UsageSum:
    return UsageSum(
        total=int(row.total),
        input=int(row.input_tokens),
        output=int(row.output_tokens),
        cached=int(row.cached_tokens),
        reasoning=int(row.reasoning_tokens),
        cost_nano_usd=int(row.cost_nano),
        events=int(row.events),
        unpriced=int(row.unpriced),
    )
