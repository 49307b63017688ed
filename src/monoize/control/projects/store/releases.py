"""SQL of releases. What a release is made of is written once; only what became of it is added."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row, func, insert, select, update

from monoize.control.edge.wire import Window
from monoize.control.projects.errors import NoSuchRelease
from monoize.control.projects.model.releases import Release
from monoize.control.projects.tables import releases
from monoize.infra.db import Tx

LOOKED_AT_MOST: Final = 500
GRACE_UNSAID_S: Final = 10
_columns = releases.c


def _release(row: Row[Any]) -> Release:
    return Release(
        id=row.id,
        service_id=row.service_id,
        number=row.number,
        image=row.image,
        image_id=row.image_id,
        repo_digest=row.repo_digest,
        config=row.config,
        config_hash=row.config_hash,
        secret_versions=row.secret_versions,
        route_generation=row.route_generation,
        build_id=row.build_id,
        hook_done_at=row.hook_done_at,
        proven_at=row.proven_at,
        pruned_at=row.pruned_at,
        created_at=row.created_at,
    )


async def add(tx: Tx, service_id: int, values: Mapping[str, Any]) -> Release:
    """Numbered by service; the caller holds the service's lock."""
    last = await tx.scalar(select(func.max(_columns.number)).where(_columns.service_id == service_id))
    done = await tx.execute(insert(releases).values(service_id=service_id, number=(last or 0) + 1, **values))
    key = done.inserted_primary_key
    assert key is not None
    return await get(tx, key[0])


async def get(tx: Tx, id: int) -> Release:
    row = (await tx.execute(select(releases).where(_columns.id == id))).one_or_none()
    if row is None:
        raise NoSuchRelease
    return _release(row)


async def is_given(tx: Tx, id: int) -> bool:
    return await tx.scalar(select(_columns.id).where(_columns.id == id)) is not None


async def numbered(tx: Tx, service_id: int, number: int) -> Release:
    query = select(releases).where(_columns.service_id == service_id, _columns.number == number)
    row = (await tx.execute(query)).one_or_none()
    if row is None:
        raise NoSuchRelease
    return _release(row)


async def env_sealed(tx: Tx, id: int) -> str:
    return str(await tx.scalar(select(_columns.env_sealed).where(_columns.id == id)))


async def stop_grace_s(tx: Tx, id: int) -> int:
    """Also of a release that is not known any more: then what is usual."""
    config = await tx.scalar(select(_columns.config).where(_columns.id == id))
    return int((config or {}).get("stop_grace_s", GRACE_UNSAID_S))


async def page(tx: Tx, service_id: int, window: Window) -> Sequence[Release]:
    query = select(releases).where(_columns.service_id == service_id).order_by(_columns.number.desc())
    if window.after:
        query = query.where(_columns.number < int(window.after))
    return [_release(row) for row in await tx.execute(query.limit(window.limit + 1))]


async def newest(tx: Tx, service_id: int) -> Sequence[Release]:
    """As many as decisions look at, the newest first."""
    query = select(releases).where(_columns.service_id == service_id).order_by(_columns.number.desc())
    return [_release(row) for row in await tx.execute(query.limit(LOOKED_AT_MOST))]


async def became(tx: Tx, id: int, values: Mapping[str, Any]) -> None:
    assert values.keys() <= {"route_generation", "hook_done_at", "proven_at"}
    await tx.execute(update(releases).where(_columns.id == id).values(**values))


async def pruned(tx: Tx, ids: Collection[int], now: dt.datetime) -> None:
    await tx.execute(update(releases).where(_columns.id.in_(ids)).values(pruned_at=now))
