"""SQL of heads: where each account ends."""

from collections.abc import Collection, Mapping

from sqlalchemy import bindparam, insert, select, update

from monoize.control.ledger.model.chain import Head
from monoize.control.ledger.tables import ledger_heads
from monoize.infra.db import Tx

_columns = ledger_heads.c


async def lock(tx: Tx, account_ids: Collection[str]) -> Mapping[str, Head]:
    """Heads of accounts that have rows. Their owners were locked before, where they still exist."""
    query = (
        select(ledger_heads)
        .where(_columns.account_id.in_(sorted(account_ids)))
        .order_by(_columns.account_id)
        .with_for_update()
    )
    return {row.account_id: Head(row.last_seq, row.chain) for row in await tx.execute(query)}


async def get(tx: Tx, account_id: str) -> Head | None:
    row = (await tx.execute(select(ledger_heads).where(_columns.account_id == account_id))).one_or_none()
    return Head(row.last_seq, row.chain) if row else None


async def present(tx: Tx, account_ids: Collection[str]) -> Collection[str]:
    """Which of these accounts have a head."""
    query = select(_columns.account_id).where(_columns.account_id.in_(account_ids))
    return set((await tx.execute(query)).scalars())


async def write(tx: Tx, *, new: Mapping[str, Head], moved: Mapping[str, Head]) -> None:
    if new:
        rows = [{"account_id": id, "last_seq": new[id].last_seq, "chain": new[id].chain} for id in sorted(new)]
        await tx.execute(insert(ledger_heads), rows)
    if moved:
        statement = (
            update(ledger_heads)
            .where(_columns.account_id == bindparam("of"))
            .values(last_seq=bindparam("seq"), chain=bindparam("grown"))
        )
        rows = [{"of": id, "seq": moved[id].last_seq, "grown": moved[id].chain} for id in sorted(moved)]
        await tx.execute(statement, rows)
