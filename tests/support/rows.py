"""What the database holds, for tests that state what a request changed, or that it changed nothing."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row, TextClause, func, select, text

from monoize.control.fleet.model.pools import POINTER
from monoize.control.identity.tables import versions
from monoize.infra.audit_log import logs
from monoize.infra.columns import schema
from monoize.infra.db import Database


async def every_row(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that is stored, by table."""
    async with database.read() as tx:
        filled = set((await tx.execute(filled_of(schema.tables))).scalars())
        stored = {name: await tx.execute(select(schema.tables[name])) for name in filled}
        return {name: sorted(map(tuple, stored.get(name, ())), key=repr) for name in schema.tables}


def filled_of(tables: Iterable[str]) -> TextClause:
    """Asks which of these hold anything. Most are empty, and asking each of them takes many times longer."""
    return text(" UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in tables))


async def put_in_versions(database: Database) -> set[str]:
    """The names that somebody has put into `versions`, beside what migrations plant there."""
    async with database.read() as tx:
        return set((await tx.execute(select(versions.c.name).where(versions.c.name != POINTER))).scalars())


async def logs_after(database: Database, seq: int) -> Sequence[Row[Any]]:
    """The audit rows that came after number `seq`."""
    async with database.read() as tx:
        return (await tx.execute(select(logs).where(logs.c.seq > seq).order_by(logs.c.seq))).all()


async def last_seq(database: Database) -> int:
    async with database.read() as tx:
        seq: int = await tx.scalar(select(func.coalesce(func.max(logs.c.seq), 0)))
        return seq
