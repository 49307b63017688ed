"""SQL of the machine's ports that belong to services: `(protocol, host_port)` is unique, so each has one owner."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, exc, insert, select

from monoize.control.projects.errors import PortTaken
from monoize.control.projects.tables import published_ports
from monoize.infra.db import Tx

_columns = published_ports.c


async def of_release(tx: Tx, release_id: int) -> Mapping[int, Mapping[int, int]]:
    """replica → container's port → the machine's."""
    query = select(_columns.replica, _columns.container_port, _columns.host_port).where(
        _columns.release_id == release_id
    )
    found: dict[int, dict[int, int]] = {}
    for row in await tx.execute(query):
        found.setdefault(row.replica, {})[row.container_port] = row.host_port
    return found


async def taken(tx: Tx, protocol: str = "tcp") -> frozenset[int]:
    query = select(_columns.host_port).where(_columns.protocol == protocol)
    return frozenset((await tx.execute(query)).scalars())


async def add(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    try:
        await tx.execute(insert(published_ports).values(list(rows)))
    except exc.IntegrityError as problem:
        raise PortTaken(ports=sorted({row["host_port"] for row in rows})) from problem


async def put_fixed(tx: Tx, service_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
    """The ports that a service asked for by number, instead of those that it had."""
    await tx.execute(
        delete(published_ports).where(_columns.service_id == service_id, _columns.release_id.is_(None))
    )
    await add(tx, rows)


async def give_back(tx: Tx, release_id: int, but_of: Collection[int]) -> None:
    others = _columns.replica.not_in(but_of)
    await tx.execute(delete(published_ports).where(_columns.release_id == release_id, others))
