"""SQL of canonical documents: payloads, their entries, and the pointer at the one that counts."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row, String, and_, bindparam, cast, delete, func, insert, or_, select

from monoize.control.edge.wire import Window
from monoize.control.fleet.errors import NoSuchPayload
from monoize.control.fleet.model.payloads import Origin, Payload
from monoize.control.fleet.model.pools import pointer_of
from monoize.control.fleet.tables import auth_entries, auth_payloads, fleet_pools, host_auth_states, hosts
from monoize.control.identity.store import versions
from monoize.infra.bulk import insert_many
from monoize.infra.db import Tx

_columns = auth_payloads.c
_pointer: Final = versions.one_named(bindparam("pointer"))
# What every call of a host asks for, so the statement is made once.
_canonical: Final = select(_pointer.c.version.label("pointer"), auth_payloads).select_from(
    _pointer.outerjoin(
        auth_payloads,
        and_(_columns.pool_id == bindparam("of_pool"), cast(_columns.id, String) == _pointer.c.version),
    )
)


@dataclasses.dataclass(frozen=True, slots=True)
class Sealed:
    """A payload with its document, still closed."""

    payload: Payload
    body: str | None = dataclasses.field(repr=False)


def _payload(row: Row[Any]) -> Payload:
    return Payload(
        id=row.id,
        pool_id=row.pool_id,
        digest=row.sha256,
        last_refresh=row.last_refresh,
        origin=row.origin,
        source_host_id=row.source_host_id,
        created_at=row.created_at,
    )


async def pointer(tx: Tx, pool_id: str, *, lock: bool = False) -> str | None:
    """What the pointer says. Its row is the lock on all of a pool's credential."""
    return await versions.value(tx, pointer_of(pool_id), lock=lock) or None


async def canonical(tx: Tx, pool_id: str, *, lock: bool = False) -> Sealed | None:
    """What the pointer leads to; NoSuchPayload when that is not there."""
    if lock:
        await pointer(tx, pool_id, lock=True)
    row = (await tx.execute(_canonical, {"of_pool": pool_id, "pointer": pointer_of(pool_id)})).one_or_none()
    if row is None or not row.pointer:
        return None
    if row.id is None:
        raise NoSuchPayload
    return Sealed(_payload(row), row.body)


async def canonical_ids(tx: Tx) -> Sequence[int]:
    """Of the payloads that pointers of pools lead to."""
    names = {pointer_of(id) for id in (await tx.execute(select(fleet_pools.c.id))).scalars()}
    return [int(row.version) for row in (await versions.rows(tx, names)).values() if row.version]


async def point(tx: Tx, pool_id: str, payload_id: int) -> None:
    await versions.put(tx, pointer_of(pool_id), str(payload_id))


async def add(
    tx: Tx,
    *,
    pool_id: str,
    digest: str,
    last_refresh: dt.datetime,
    origin: Origin,
    source_host_id: int | None,
    body: str,
    entries: Sequence[Mapping[str, Any]],
    created_at: dt.datetime,
) -> Payload:
    values = {
        "pool_id": pool_id,
        "sha256": digest,
        "last_refresh": last_refresh,
        "origin": origin,
        "source_host_id": source_host_id,
        "body": body,
        "created_at": created_at,
    }
    key = (await tx.execute(insert(auth_payloads).values(**values))).inserted_primary_key
    assert key is not None
    await insert_many(tx, auth_entries, [{**entry, "payload_id": key[0]} for entry in entries])
    return (await get(tx, pool_id, key[0])).payload


async def get(tx: Tx, pool_id: str, payload_id: int) -> Sealed:
    query = select(auth_payloads).where(_columns.pool_id == pool_id, _columns.id == payload_id)
    row = (await tx.execute(query)).one_or_none()
    if row is None:
        raise NoSuchPayload
    return Sealed(_payload(row), row.body)


async def page(tx: Tx, pool_id: str, window: Window) -> Sequence[Payload]:
    query = select(auth_payloads).where(_columns.pool_id == pool_id)
    query = query.order_by(_columns.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(_columns.id < int(window.after))
    return [_payload(row) for row in await tx.execute(query)]


async def has_known(tx: Tx, pool_id: str, digest: str) -> bool:
    """Whether this document is or was one of the pool's."""
    query = select(_columns.id).where(_columns.pool_id == pool_id, _columns.sha256 == digest).limit(1)
    return await tx.scalar(query) is not None


async def targets(tx: Tx, payload_id: int) -> Sequence[str]:
    query = select(auth_entries.c.target).where(auth_entries.c.payload_id == payload_id)
    return list((await tx.execute(query.order_by(auth_entries.c.target))).scalars())


async def remove(tx: Tx, pool_id: str, payload_id: int) -> None:
    await tx.execute(delete(auth_payloads).where(_columns.pool_id == pool_id, _columns.id == payload_id))


async def prune(tx: Tx, pool_id: str, *, kept: int, canonical_id: int) -> None:
    """Keep the newest, and the canonical one however old it is."""
    newest = select(_columns.id).where(_columns.pool_id == pool_id).order_by(_columns.id.desc()).limit(kept)
    ids = {*(await tx.execute(newest)).scalars(), canonical_id}
    await tx.execute(delete(auth_payloads).where(_columns.pool_id == pool_id, _columns.id.not_in(ids)))


async def count_holders(tx: Tx, pool_id: str, payload: Payload | None) -> tuple[int, int]:
    """(active hosts of the pool, those that have this document, as a whole or as it was served to them)"""
    active = select(func.count()).select_from(hosts).where(hosts.c.pool_id == pool_id, hosts.c.status == "active")
    every = int(await tx.scalar(active))
    if payload is None:
        return every, 0
    states = host_auth_states.c
    was_served = select(states.host_id).where(
        states.host_id == hosts.c.id, states.payload_id == payload.id, states.seen_digest == hosts.c.auth_digest
    )
    has_it = or_(hosts.c.auth_digest == payload.digest, was_served.exists())
    return every, int(await tx.scalar(active.where(has_it)))
