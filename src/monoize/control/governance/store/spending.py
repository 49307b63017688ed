"""SQL of what agents have spent."""

import datetime as dt
from collections.abc import Mapping

from sqlalchemy import bindparam, delete, insert, select, update

from monoize.control.governance.tables import agent_spending
from monoize.infra.bulk import is_one_of
from monoize.infra.db import Tx

_columns = agent_spending.c


async def of(tx: Tx, account: str) -> int:
    query = select(_columns.spent_nano_usd).where(_columns.account == account)
    return int(await tx.scalar(query) or 0)


async def add(tx: Tx, spent: Mapping[str, int]) -> None:
    """In one order, so that two who add do not wait for each other in a circle."""
    found = await tx.execute(select(_columns.account).where(is_one_of(tx, _columns.account, list(spent))))
    known = set(found.scalars())
    new = [{"account": each, "spent_nano_usd": spent[each]} for each in sorted(spent.keys() - known)]
    more = [{"of_account": each, "amount": spent[each]} for each in sorted(known)]
    if new:
        await tx.execute(insert(agent_spending), new)
    if more:
        added = _columns.spent_nano_usd + bindparam("amount")
        statement = update(agent_spending).where(_columns.account == bindparam("of_account"))
        await tx.execute(statement.values(spent_nano_usd=added), more)


async def forget(tx: Tx, *, unchanged_since: dt.datetime) -> int:
    """Of windows that are over: nobody has spent anything of them for so long. What is for good stays."""
    is_over = (_columns.updated_at < unchanged_since) & _columns.account.not_like("total:%")
    return int((await tx.execute(delete(agent_spending).where(is_over))).rowcount)
