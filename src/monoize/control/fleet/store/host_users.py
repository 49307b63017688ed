"""SQL of the people who use hosts."""

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import func, insert, select, update

from monoize.control.fleet.model.hosts import HostUser
from monoize.control.fleet.tables import host_users
from monoize.infra.db import Tx

_columns = host_users.c


async def seen(tx: Tx, host_id: int, username: str, hostname: str | None, at: dt.datetime) -> bool:
    """Whether they were known; a hostname that is not told now stays as it was."""
    values = {"last_seen": at} | ({"hostname": hostname} if hostname else {})
    known = update(host_users).where(_columns.host_id == host_id, _columns.username == username)
    return (await tx.execute(known.values(**values))).rowcount > 0


async def add(tx: Tx, host_id: int, username: str, hostname: str | None, at: dt.datetime) -> None:
    values = {"host_id": host_id, "username": username, "hostname": hostname, "first_seen": at, "last_seen": at}
    await tx.execute(insert(host_users).values(**values))


async def of_host(tx: Tx, host_id: int) -> Sequence[HostUser]:
    query = select(host_users).where(_columns.host_id == host_id).order_by(_columns.username)
    return [HostUser(row.username, row.hostname, row.first_seen, row.last_seen) for row in await tx.execute(query)]


async def count(tx: Tx, host_id: int) -> int:
    return int(await tx.scalar(select(func.count()).select_from(host_users).where(_columns.host_id == host_id)))
