"""SQL of seed links: made once, spent once, only their digest is kept."""

import datetime as dt
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from monoize.base.ids import fingerprint
from monoize.control.fleet.tables import seed_links
from monoize.infra.db import Tx

_columns = seed_links.c


async def add(tx: Tx, *, secret: str, pool_id: str, base_url: str, expires_at: dt.datetime) -> None:
    values = {"token": fingerprint(secret), "pool_id": pool_id, "base_url": base_url, "expires_at": expires_at}
    await tx.execute(insert(seed_links).values(**values))


async def find(tx: Tx, secret: str) -> Row[Any] | None:
    query = select(_columns.pool_id, _columns.base_url, _columns.expires_at, _columns.used_at)
    return (await tx.execute(query.where(_columns.token == fingerprint(secret)))).one_or_none()


async def spend(tx: Tx, secret: str, at: dt.datetime) -> bool:
    """Of two that try at once, the database lets one through."""
    mine = (_columns.token == fingerprint(secret), _columns.used_at.is_(None), _columns.expires_at > at)
    return (await tx.execute(update(seed_links).where(*mine).values(used_at=at))).rowcount > 0


async def purge(tx: Tx, before: dt.datetime) -> None:
    await tx.execute(delete(seed_links).where(_columns.expires_at < before))
