"""SQL that reads the rows as they are written, for those who doubt them: in order, and with amounts as text."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Text, select, type_coerce, union_all

from monoize.control.ledger.tables import billing_ledger, ledger_heads
from monoize.infra.columns import NanoUsd
from monoize.infra.db import Tx

_columns = billing_ledger.c
_as_text = [
    type_coerce(column, Text).label(column.name) if isinstance(column.type, NanoUsd) else column
    for column in _columns
]


async def rows(tx: Tx, account_id: str, *, after: int, limit: int) -> Sequence[Mapping[str, Any]]:
    query = (
        select(*_as_text)
        .where(_columns.account_id == account_id, _columns.account_seq > after)
        .order_by(_columns.account_seq)
        .limit(limit)
    )
    return [dict(row) for row in (await tx.execute(query)).mappings()]


async def next_account(tx: Tx, after: str | None) -> str | None:
    """The account that follows in order, whether it has rows or only a head."""
    first = []
    for column in (_columns.account_id, ledger_heads.c.account_id):
        query = select(column).where(column.is_not(None)).order_by(column).limit(1)
        if after is not None:
            query = query.where(column > after)
        first.append(select(query.subquery().c.account_id))
    either = union_all(*first).subquery().c.account_id
    found: str | None = await tx.scalar(select(either).order_by(either).limit(1))
    return found


async def without_place(tx: Tx) -> str | None:
    """A row that belongs to no account, or has no number there."""
    for column in (_columns.account_id, _columns.account_seq):
        found: str | None = await tx.scalar(select(_columns.id).where(column.is_(None)).limit(1))
        if found is not None:
            return found
    return None
