"""SQL of budgets for overage, and of how much of it has been charged: a row for each user and month."""

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import Table, select
from sqlalchemy.dialects import mysql, postgresql, sqlite

from monoize.control.compute.tables import overage_budgets, overage_charges
from monoize.infra.bulk import is_one_of
from monoize.infra.db import Tx

_KEY: Final = ("user_id", "period_start")


async def budgets_of(tx: Tx, user_ids: Collection[str], month: dt.date) -> Mapping[str, int]:
    """In cents. Who has set none is left out: that is a budget of 0."""
    return await _amounts(tx, overage_budgets, "budget_cents", user_ids, month)


async def charged_of(tx: Tx, user_ids: Collection[str], month: dt.date) -> Mapping[str, int]:
    return await _amounts(tx, overage_charges, "charged_cents", user_ids, month)


async def set_budget(tx: Tx, user_id: str, month: dt.date, cents: int) -> None:
    await _put(tx, overage_budgets, "budget_cents", {user_id: cents}, month)


async def write_charged(tx: Tx, charged: Mapping[str, int], month: dt.date) -> None:
    await _put(tx, overage_charges, "charged_cents", charged, month)


async def _amounts(tx: Tx, table: Table, name: str, user_ids: Collection[str], month: dt.date) -> Mapping[str, int]:
    wanted = is_one_of(tx, table.c.user_id, user_ids), table.c.period_start == month
    return {row.user_id: getattr(row, name) for row in await tx.execute(select(table).where(*wanted))}


async def _put(tx: Tx, table: Table, name: str, amounts: Mapping[str, int], month: dt.date) -> None:
    rows = [{"user_id": id, "period_start": month, name: amount} for id, amount in sorted(amounts.items())]
    if rows:
        await tx.execute(_written(table, name, tx.connection.dialect.name), rows)


def _written(table: Table, name: str, dialect: str) -> Any:
    if dialect in ("mysql", "mariadb"):
        on_mysql = mysql.insert(table)
        return on_mysql.on_duplicate_key_update({name: on_mysql.inserted[name]})
    statement = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    return statement.on_conflict_do_update(index_elements=_KEY, set_={name: statement.excluded[name]})
