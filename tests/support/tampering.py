"""Changing by hand what the database protects, as somebody with its password could."""

import contextlib
from collections.abc import AsyncIterator

from sqlalchemy import Table, text

from monoize.infra.db import Database, Tx
from monoize.infra.triggers import triggers_of


@contextlib.asynccontextmanager
async def without_triggers(database: Database, table: Table) -> AsyncIterator[Tx]:
    """A transaction in which the table has no triggers; afterwards it has them again."""
    dialect = database.dsn.url.get_dialect()()
    where = f" ON {table.name}" if database.dsn.engine == "postgresql" else ""
    async with database.write() as tx:
        for trigger in triggers_of(table, dialect):
            await tx.execute(text(f"DROP TRIGGER {trigger.name}{where}"))
        yield tx
        for trigger in triggers_of(table, dialect):
            for statement in trigger.statements:
                await tx.connection.exec_driver_sql(statement)
