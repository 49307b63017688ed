"""SQL of the daily sums, which are written beside the rows so that a summary need not read millions of them."""

import dataclasses
import datetime as dt
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any

from sqlalchemy import and_, bindparam, insert, select, update

from monoize.control.ledger.tables import ledger_days
from monoize.infra.bulk import is_one_of
from monoize.infra.db import Tx

_columns = ledger_days.c


@dataclasses.dataclass(frozen=True, slots=True)
class DayKey:
    """What rows have in common that are summed up together."""

    account_id: str
    day: str
    kind: str
    api_key_id: str
    user_id: str


@dataclasses.dataclass(frozen=True, slots=True)
class Sum:
    entries: int
    total_nano_usd: int

    def __add__(self, other: "Sum") -> "Sum":
        return Sum(self.entries + other.entries, self.total_nano_usd + other.total_nano_usd)


async def of_day(tx: Tx, day: str, account_ids: Collection[str]) -> Mapping[DayKey, Sum]:
    query = select(ledger_days).where(_columns.day == day, _columns.account_id.in_(account_ids))
    return {
        DayKey(row.account_id, row.day, row.kind, row.api_key_id, row.user_id): Sum(row.entries, row.total_nano_usd)
        for row in await tx.execute(query)
    }


async def write(tx: Tx, *, new: Mapping[DayKey, Sum], moved: Mapping[DayKey, Sum]) -> None:
    """Sums of accounts that this transaction has locked."""
    if new:
        rows = [dataclasses.asdict(key) | dataclasses.asdict(new[key]) for key in sorted(new, key=_order)]
        await tx.execute(insert(ledger_days), rows)
    if moved:
        names = ("account_id", "day", "kind", "api_key_id")
        statement = (
            update(ledger_days)
            .where(and_(*(_columns[name] == bindparam(f"of_{name}") for name in names)))
            .values(entries=bindparam("counted"), total_nano_usd=bindparam("total"))
        )
        rows = [
            {
                **{f"of_{name}": getattr(key, name) for name in names},
                "counted": moved[key].entries,
                "total": moved[key].total_nano_usd,
            }
            for key in sorted(moved, key=_order)
        ]
        await tx.execute(statement, rows)


def _order(key: DayKey) -> tuple[str, ...]:
    return dataclasses.astuple(key)


async def of_user(
    tx: Tx, user_id: str, *, since: dt.date, until: dt.date, api_key_id: str | None
) -> AsyncIterator[tuple[DayKey, Sum]]:
    query = select(ledger_days).where(
        _columns.user_id == user_id, _columns.day >= since.isoformat(), _columns.day < until.isoformat()
    )
    if api_key_id is not None:
        query = query.where(_columns.api_key_id == api_key_id)
    for row in await tx.execute(query):
        key = DayKey(row.account_id, row.day, row.kind, row.api_key_id, row.user_id)
        yield key, Sum(row.entries, row.total_nano_usd)


async def of_key(tx: Tx, key_id: str, kinds: Collection[str], *, since: dt.date, until: dt.date) -> int:
    """Added up here: to a database the amounts are texts."""
    query = select(_columns.total_nano_usd).where(
        _columns.api_key_id == key_id,
        _columns.kind.in_(kinds),
        _columns.day >= since.isoformat(),
        _columns.day < until.isoformat(),
    )
    return sum((await tx.execute(query)).scalars())


async def of_keys(
    tx: Tx, key_ids: Collection[str], kinds: Collection[str], *, since: dt.date, until: dt.date
) -> Mapping[str, int]:
    """By key and added up here, as `of_key` does for one."""
    query = select(_columns.api_key_id, _columns.total_nano_usd).where(
        is_one_of(tx, _columns.api_key_id, list(key_ids)),
        _columns.kind.in_(kinds),
        _columns.day >= since.isoformat(),
        _columns.day < until.isoformat(),
    )
    totals: dict[str, int] = {}
    for row in await tx.execute(query):
        totals[row.api_key_id] = totals.get(row.api_key_id, 0) + row.total_nano_usd
    return totals


async def of_account(tx: Tx, account_id: str) -> Sum:
    """Everything that was ever summed up for one account."""
    query: Any = select(_columns.entries, _columns.total_nano_usd).where(_columns.account_id == account_id)
    found = [Sum(row.entries, row.total_nano_usd) for row in await tx.execute(query)]
    return sum(found, Sum(0, 0))
