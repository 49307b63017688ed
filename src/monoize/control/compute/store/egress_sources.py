"""SQL of the lives of proxy processes: which of their flushes was the last that counted."""

import datetime as dt
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.dialects import mysql, postgresql, sqlite

from monoize.control.compute.tables import egress_sources
from monoize.infra.db import Tx

_columns = egress_sources.c


async def advance(tx: Tx, id: str, sequence: int, now: dt.datetime) -> bool:
    """Whether this flush is new. Two that bring the same one wait for each other here."""
    first = {"id": id, "last_sequence": 0, "last_seen_at": now}
    await tx.execute(_made_or_left(tx.connection.dialect.name), first)
    later = update(egress_sources).where(_columns.id == id, _columns.last_sequence < sequence)
    return (await tx.execute(later.values(last_sequence=sequence, last_seen_at=now))).rowcount == 1


def _made_or_left(dialect: str) -> Any:
    if dialect in ("mysql", "mariadb"):
        return mysql.insert(egress_sources).on_duplicate_key_update(last_sequence=_columns.last_sequence)
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return insert(egress_sources).on_conflict_do_nothing(index_elements=["id"])


async def purge(tx: Tx, before: dt.datetime) -> None:
    await tx.execute(delete(egress_sources).where(_columns.last_seen_at < before))
