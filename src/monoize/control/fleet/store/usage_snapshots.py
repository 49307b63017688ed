"""SQL of what accounts said about their use: one row for each attempt to ask, whether it worked or not."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, Select, delete, insert, select

from monoize.control.fleet.model.quota import Baseline, HistoryPoint, Known, LimitWindow, Reading, Snapshot
from monoize.control.fleet.tables import chatgpt_usage_snapshots
from monoize.infra.db import Tx

_columns = chatgpt_usage_snapshots.c
_PLAIN: Final = (
    "plan_type",
    "rate_allowed",
    "rate_limit_reached",
    "has_credits",
    "unlimited",
    "credit_balance",
    "approx_local_messages",
    "approx_cloud_messages",
)
_WINDOWS: Final = ("primary", "secondary")
_OF_WINDOW: Final = tuple(LimitWindow.__dataclass_fields__)


async def add(tx: Tx, pool_id: str, snapshot: Snapshot) -> None:
    values = {
        "pool_id": pool_id,
        "status": snapshot.status,
        "error": snapshot.error,
        "fetched_at": snapshot.fetched_at,
        "next_eligible_at": snapshot.next_eligible_at,
    }
    if snapshot.reading is not None:
        values |= _told(snapshot.reading)
    await tx.execute(insert(chatgpt_usage_snapshots).values(**values))


def _told(reading: Reading) -> dict[str, Any]:
    return {name: getattr(reading, name) for name in _PLAIN} | {
        f"{window}_{name}": getattr(getattr(reading, window), name) for window in _WINDOWS for name in _OF_WINDOW
    }


def _snapshot(row: Row[Any]) -> Snapshot:
    reading = None
    if row.status == "ok":
        primary, secondary = (
            LimitWindow(**{name: getattr(row, f"{window}_{name}") for name in _OF_WINDOW}) for window in _WINDOWS
        )
        plain = {name: getattr(row, name) for name in _PLAIN}
        reading = Reading(**plain, primary=primary, secondary=secondary)
    return Snapshot(
        fetched_at=row.fetched_at, next_eligible_at=row.next_eligible_at, reading=reading, error=row.error
    )


async def newest(tx: Tx, pool_id: str) -> Snapshot | None:
    row = (await tx.execute(_newest_first(pool_id))).one_or_none()
    return _snapshot(row) if row else None


async def known(tx: Tx, pool_id: str, midnight: dt.datetime) -> Known:
    """What there is to say about an account at a moment of the day that began at `midnight`."""
    last = await newest(tx, pool_id)
    if last is None:
        return Known()
    working: Snapshot | None = last
    if last.reading is None:
        row = (await tx.execute(_newest_first(pool_id).where(_columns.status == "ok"))).one_or_none()
        working = _snapshot(row) if row else None
    return Known(last, working, await _baseline(tx, pool_id, midnight))


async def _baseline(tx: Tx, pool_id: str, midnight: dt.datetime) -> Baseline | None:
    query = (
        select(_columns.fetched_at, _columns.secondary_used_percent)
        .where(_columns.pool_id == pool_id, _columns.status == "ok", _columns.fetched_at >= midnight)
        .order_by(_columns.fetched_at, _columns.id)
        .limit(1)
    )
    row = (await tx.execute(query)).one_or_none()
    return Baseline(row.fetched_at, row.secondary_used_percent) if row else None


async def history(tx: Tx, pool_id: str, since: dt.datetime, *, most: int) -> Sequence[HistoryPoint]:
    """The newest that are not older than `since`, in order of time."""
    query = (
        select(_columns.fetched_at, _columns.primary_used_percent, _columns.secondary_used_percent)
        .where(_columns.pool_id == pool_id, _columns.status == "ok", _columns.fetched_at >= since)
        .order_by(_columns.fetched_at.desc(), _columns.id.desc())
        .limit(most)
    )
    return [HistoryPoint(*row) for row in reversed((await tx.execute(query)).all())]


async def purge(tx: Tx, before: dt.datetime) -> None:
    await tx.execute(delete(chatgpt_usage_snapshots).where(_columns.fetched_at < before))


def _newest_first(pool_id: str) -> Select[Any]:
    return (
        select(chatgpt_usage_snapshots)
        .where(_columns.pool_id == pool_id)
        .order_by(_columns.fetched_at.desc(), _columns.id.desc())
        .limit(1)
    )
