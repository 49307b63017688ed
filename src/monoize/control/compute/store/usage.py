"""SQL of what each month used: counters of machines, and their sums over all that a user has or had."""

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import Row, func, select
from sqlalchemy.dialects import mysql, postgresql, sqlite

from monoize.control.compute.model.overage import Usage
from monoize.control.compute.tables import vps_usage_periods as periods
from monoize.control.compute.tables import vpses
from monoize.infra.bulk import is_one_of
from monoize.infra.db import Tx

_columns = periods.c
_COUNTERS: Final = ("bandwidth_bytes", "cpu_used_ms", "memory_used_mb_seconds")
_sums = [func.coalesce(func.sum(_columns[name]), 0).label(name) for name in _COUNTERS]


def _usage(row: Row[Any]) -> Usage:
    # PostgreSQL and MariaDB add integers up to decimals.
    return Usage(*(int(getattr(row, name)) for name in _COUNTERS))


async def add(tx: Tx, month: dt.date, used: Mapping[str, Usage]) -> None:
    """Add to the counters of machines, in the order of their ids. Each of them has to be there."""
    rows = [
        {
            "vps_id": id,
            "period_start": month,
            "bandwidth_bytes": usage.bandwidth_bytes,
            "cpu_used_ms": usage.cpu_used_ms,
            "memory_used_mb_seconds": usage.memory_used_mb_seconds,
        }
        for id, usage in sorted(used.items())
        if usage != Usage()
    ]
    if rows:
        await tx.execute(_added(tx.connection.dialect.name), rows)


def _added(dialect: str) -> Any:
    if dialect in ("mysql", "mariadb"):
        on_mysql = mysql.insert(periods)
        return on_mysql.on_duplicate_key_update({n: _columns[n] + on_mysql.inserted[n] for n in _COUNTERS})
    statement = sqlite.insert(periods) if dialect == "sqlite" else postgresql.insert(periods)
    grown = {name: _columns[name] + statement.excluded[name] for name in _COUNTERS}
    return statement.on_conflict_do_update(index_elements=["vps_id", "period_start"], set_=grown)


async def of_machine(tx: Tx, vps_id: str, month: dt.date) -> Usage:
    wanted = _columns.vps_id == vps_id, _columns.period_start == month
    row = (await tx.execute(select(periods).where(*wanted))).one_or_none()
    return _usage(row) if row else Usage()


async def by_machine(tx: Tx, user_id: str, month: dt.date) -> Mapping[str, Usage]:
    """Of all machines that somebody has or had, and that used something."""
    query = (
        select(periods)
        .join(vpses, vpses.c.id == _columns.vps_id)
        .where(vpses.c.user_id == user_id, _columns.period_start == month)
    )
    return {row.vps_id: _usage(row) for row in await tx.execute(query)}


async def by_user(tx: Tx, user_ids: Collection[str], month: dt.date) -> Mapping[str, Usage]:
    """What all machines of each used together. Those that used nothing are left out."""
    query = (
        select(vpses.c.user_id, *_sums)
        .join(vpses, vpses.c.id == _columns.vps_id)
        .where(is_one_of(tx, vpses.c.user_id, user_ids), _columns.period_start == month)
        .group_by(vpses.c.user_id)
    )
    return {row.user_id: _usage(row) for row in await tx.execute(query)}
