"""SQL of hosts."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    bindparam,
    delete,
    exc,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from monoize.control.edge.wire import Window
from monoize.control.fleet.errors import NoSuchHost
from monoize.control.fleet.model.hosts import Host, Sighting
from monoize.control.fleet.model.pools import DEFAULT_POOL_ID, Pool
from monoize.control.fleet.store.pools import pool_of
from monoize.control.fleet.tables import auth_payloads, fleet_pools, host_auth_digests, host_auth_states, hosts
from monoize.infra.bulk import is_one_of
from monoize.infra.db import Tx, violated
from monoize.infra.matching import contains

_columns = hosts.c
_OF_POOL: Final = "of_pool_"
_heard: Final = func.coalesce(_columns.last_seen_at, _columns.created_at)
_with_pool: Final = select(hosts, *(column.label(_OF_POOL + column.name) for column in fleet_pools.c)).join_from(
    hosts, fleet_pools
)
_with_digest: Final = _with_pool.where(_columns.api_key == bindparam("digest"))
_seen_together: Final = (
    update(hosts)
    .where(_columns.id == bindparam("of_host"))
    .values(api_calls=_columns.api_calls + bindparam("calls"), last_seen_at=bindparam("at"))
)


def host_of(row: Row[Any]) -> Host:
    """Of a row that has every column of `hosts`."""
    return Host(
        id=row.id,
        fqdn=row.fqdn,
        pool_id=row.pool_id or DEFAULT_POOL_ID,
        status=row.status,
        user_id=row.user_id,
        gateway_key_id=row.gateway_key_id,
        secure=row.secure,
        vip=row.vip,
        roaming=row.allow_roaming_ips,
        ip=row.ip,
        client_version=row.client_version,
        wrapper_version=row.wrapper_version,
        api_calls=row.api_calls,
        last_refresh=row.last_refresh,
        auth_digest=row.auth_digest,
        last_seen_at=row.last_seen_at,
        expires_at=row.expires_at,
        insecure_enabled_until=row.insecure_enabled_until,
        insecure_window_minutes=row.insecure_window_minutes,
        allowed_targets=row.allowed_targets,
        tags=row.tags or [],
        client_version_override=row.client_version_override,
        model_override=row.model_override,
        reasoning_effort_override=row.reasoning_effort_override,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


async def add(tx: Tx, *, fqdn: str, digest: str, values: Mapping[str, Any]) -> Host | None:
    """The new host, or None if somebody else has enrolled one of this name a moment ago."""
    try:
        done = await tx.execute(insert(hosts).values(**values, fqdn=fqdn, api_key=digest))
    except exc.IntegrityError as problem:
        if violated(problem, "fqdn"):
            return None
        raise
    key = done.inserted_primary_key
    assert key is not None
    return await get(tx, key[0])


async def change(tx: Tx, id: int, values: Mapping[str, Any]) -> Host:
    if values:
        await tx.execute(update(hosts).where(_columns.id == id).values(**values))
    return await get(tx, id)


async def get(tx: Tx, id: int, *, lock: bool = False) -> Host:
    return _found(await _one(tx, select(hosts).where(_columns.id == id), lock=lock))


async def named(tx: Tx, fqdn: str, *, lock: bool = False) -> Host | None:
    row = await _one(tx, select(hosts).where(_columns.fqdn == fqdn), lock=lock)
    return host_of(row) if row else None


async def with_digest(tx: Tx, digest: str) -> tuple[Host, Pool, str] | None:
    """The host of this key with its pool, and the digest that is stored of the key."""
    row = (await tx.execute(_with_digest, {"digest": digest})).one_or_none()
    return (host_of(row), pool_of(row, prefix=_OF_POOL), row.api_key) if row else None


async def digest_of(tx: Tx, id: int) -> str:
    return str(await tx.scalar(select(_columns.api_key).where(_columns.id == id)))


async def page(
    tx: Tx,
    window: Window,
    *,
    pool_id: str | None,
    status: str | None,
    name: str | None,
    insecure: bool | None,
    silent_since: dt.datetime | None,
    window_open_at: dt.datetime | None,
    behind: Collection[int] | None,
) -> Sequence[Host]:
    """`behind` are the ids of canonical payloads; shown are those that hold something else."""
    query = select(hosts).order_by(_columns.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(_columns.id < int(window.after))
    if pool_id is not None:
        query = query.where(_columns.pool_id == pool_id)
    if status is not None:
        query = query.where(_columns.status == status)
    if name is not None:
        query = query.where(contains(_columns.fqdn, name))
    if insecure is not None:
        query = query.where(_columns.secure.is_(not insecure))
    if silent_since is not None:
        query = query.where(_heard < silent_since)
    if window_open_at is not None:
        query = query.where(_columns.secure.is_(False), _columns.insecure_enabled_until >= window_open_at)
    if behind is not None:
        query = query.where(_is_behind(tx, behind))
    return [host_of(row) for row in await tx.execute(query)]


def _is_behind(tx: Tx, canonical: Collection[int]) -> ColumnElement[bool]:
    payload, served = auth_payloads.c, host_auth_states.c
    as_served = exists().where(
        served.host_id == _columns.id,
        served.payload_id == payload.id,
        served.seen_digest == _columns.auth_digest,
    )
    return (
        exists()
        .where(
            payload.pool_id == func.coalesce(_columns.pool_id, literal(DEFAULT_POOL_ID, _columns.pool_id.type)),
            is_one_of(tx, payload.id, canonical),
            payload.sha256 != _columns.auth_digest,
            ~as_served.correlate(hosts, auth_payloads),
        )
        .correlate(hosts)
    )


async def seen(tx: Tx, id: int, at: dt.datetime, values: Mapping[str, Any]) -> None:
    """Count one call."""
    counted = {**values, "api_calls": _columns.api_calls + 1, "last_seen_at": at}
    await tx.execute(update(hosts).where(_columns.id == id).values(**counted))


async def seen_together(tx: Tx, seen: Mapping[int, Sighting]) -> None:
    """In the order of their ids, so that no two transactions can wait for each other in a circle."""
    rows = [{"of_host": id, "calls": seen[id].calls, "at": seen[id].at} for id in sorted(seen)]
    if rows:
        await tx.execute(_seen_together, rows)


async def forget_sync(tx: Tx, id: int) -> None:
    for held in (host_auth_states, host_auth_digests):
        await tx.execute(delete(held).where(held.c.host_id == id))
    await tx.execute(update(hosts).where(_columns.id == id).values(last_refresh=None, auth_digest=None))


async def remove(tx: Tx, id: int) -> None:
    await tx.execute(delete(hosts).where(_columns.id == id))


async def count_in(tx: Tx, pool_id: str) -> int:
    return int(await tx.scalar(select(func.count()).select_from(hosts).where(_columns.pool_id == pool_id)))


async def ids_in(tx: Tx, pool_id: str) -> Sequence[int]:
    return list((await tx.execute(select(_columns.id).where(_columns.pool_id == pool_id))).scalars())


async def names_of(tx: Tx, ids: Collection[int]) -> Mapping[int, str]:
    """Those that are still there."""
    query = select(_columns.id, _columns.fqdn).where(_columns.id.in_(ids))
    return {row.id: row.fqdn for row in await tx.execute(query)}


async def any_seen_since(tx: Tx, pool_id: str, since: dt.datetime) -> bool:
    query = select(_columns.id).where(_columns.pool_id == pool_id, _columns.last_seen_at > since).limit(1)
    return await tx.scalar(query) is not None


async def silent_since(tx: Tx, before: dt.datetime, *, most: int) -> Sequence[Host]:
    """Those that are let in and were not heard of since, the longest silent first."""
    query = (
        select(hosts).where(_columns.status == "active", _heard < before).order_by(_heard, _columns.id).limit(most)
    )
    return [host_of(row) for row in await tx.execute(query)]


async def reported_versions(tx: Tx) -> Sequence[str]:
    query = select(_columns.client_version).distinct().where(_columns.client_version.is_not(None))
    return list((await tx.execute(query)).scalars())


async def perhaps_due(
    tx: Tx, pool_id: str, *, now: dt.datetime, unprovisioned_before: dt.datetime, silent_before: dt.datetime | None
) -> Sequence[int]:
    """Ids of hosts that may have to go; whether one has is decided once more with its row locked."""
    due = [_columns.expires_at < now, (_columns.api_calls == 0) & (_columns.created_at < unprovisioned_before)]
    if silent_before is not None:
        due.append(func.coalesce(_columns.last_seen_at, _columns.updated_at) < silent_before)
    query = select(_columns.id).where(_columns.pool_id == pool_id, or_(*due)).order_by(_columns.id)
    return list((await tx.execute(query)).scalars())


async def _one(tx: Tx, query: Select[Any], *, lock: bool = False) -> Row[Any] | None:
    return (await tx.execute(query.with_for_update() if lock else query)).one_or_none()


def _found(row: Row[Any] | None) -> Host:
    if row is None:
        raise NoSuchHost
    return host_of(row)
