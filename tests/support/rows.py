"""What the database holds, for tests that state what a request changed, or that it changed nothing."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, func, select

from monoize.control.fleet.model.pools import POINTER
from monoize.control.identity.tables import versions
from monoize.infra.audit_log import logs
from monoize.infra.columns import schema
from monoize.infra.db import Database


async def every_row(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that is stored, by table."""
    async with database.read() as tx:
        return {
            name: sorted((tuple(row) for row in await tx.execute(select(table))), key=repr)
            for name, table in schema.tables.items()
        }


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
        return await tx.scalar(select(func.coalesce(func.max(logs.c.seq), 0)))
