"""SQL of domains."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, delete, exc, insert, select, update

from monoize.control.edge.wire import Window
from monoize.control.projects.errors import DomainExists, DomainInUse, NoSuchDomain
from monoize.control.projects.model.domains import Domain
from monoize.control.projects.tables import domains, routes
from monoize.infra.db import Tx

_columns = domains.c
_FIELDS = tuple(Domain.__dataclass_fields__)


def _domain(row: Row[Any]) -> Domain:
    return Domain(**{name: getattr(row, name) for name in _FIELDS})


async def add(tx: Tx, values: Mapping[str, Any]) -> Domain:
    try:
        done = await tx.execute(insert(domains).values(**values))
    except exc.IntegrityError as problem:
        raise DomainExists from problem
    key = done.inserted_primary_key
    assert key is not None
    return await get(tx, key[0])


async def change(tx: Tx, id: int, values: Mapping[str, Any]) -> Domain:
    await tx.execute(update(domains).where(_columns.id == id).values(**values))
    return await get(tx, id)


async def get(tx: Tx, id: int, *, lock: bool = False) -> Domain:
    query = select(domains).where(_columns.id == id)
    row = (await tx.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise NoSuchDomain
    return _domain(row)


async def named(tx: Tx, name: str) -> Domain | None:
    row = (await tx.execute(select(domains).where(_columns.name == name))).one_or_none()
    return _domain(row) if row else None


async def page(tx: Tx, window: Window, statuses: Collection[str], name: str | None = None) -> Sequence[Domain]:
    query = select(domains).order_by(_columns.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(_columns.id < int(window.after))
    if statuses:
        query = query.where(_columns.status.in_(statuses))
    if name is not None:
        query = query.where(_columns.name == name)
    return [_domain(row) for row in await tx.execute(query)]


async def remove(tx: Tx, id: int) -> None:
    """Refused while routes depend on its standing."""
    if await tx.scalar(select(routes.c.id).where(routes.c.domain_id == id).limit(1)) is not None:
        raise DomainInUse
    await tx.execute(delete(domains).where(_columns.id == id))
