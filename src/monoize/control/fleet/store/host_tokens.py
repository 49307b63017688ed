"""SQL of the refresh tokens that we issue to hosts, of which only digests are kept."""

import datetime as dt
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update

from monoize.control.fleet.tables import host_refresh_tokens
from monoize.infra.db import Tx

_columns = host_refresh_tokens.c


async def newest_generation(tx: Tx, host_id: int) -> int | None:
    found: int | None = await tx.scalar(select(func.max(_columns.generation)).where(_columns.host_id == host_id))
    return found


async def with_digest(tx: Tx, digest: str) -> Row[Any] | None:
    """`host_id`, `generation`, `replaced_at`."""
    query = select(_columns.host_id, _columns.generation, _columns.replaced_at).where(_columns.digest == digest)
    return (await tx.execute(query)).one_or_none()


async def add(tx: Tx, *, digest: str, host_id: int, generation: int) -> None:
    await tx.execute(insert(host_refresh_tokens).values(digest=digest, host_id=host_id, generation=generation))


async def use_up(tx: Tx, digest: str, at: dt.datetime) -> bool:
    """Of two that try at once, the database lets one through."""
    unused = update(host_refresh_tokens).where(_columns.digest == digest, _columns.replaced_at.is_(None))
    return (await tx.execute(unused.values(replaced_at=at))).rowcount > 0


async def repeat(tx: Tx, digest: str, at: dt.datetime) -> None:
    repeated = update(host_refresh_tokens).where(_columns.digest == digest, _columns.repeated_at.is_(None))
    await tx.execute(repeated.values(repeated_at=at))


async def was_repeated(tx: Tx, host_id: int, generation: int) -> bool:
    mine = (_columns.host_id == host_id, _columns.generation == generation)
    return await tx.scalar(select(_columns.repeated_at).where(*mine)) is not None


async def forget_before(tx: Tx, host_id: int, generation: int) -> None:
    await tx.execute(
        delete(host_refresh_tokens).where(_columns.host_id == host_id, _columns.generation < generation)
    )
