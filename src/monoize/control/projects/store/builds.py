"""SQL of builds: a queue in which each service has one at work and one that waits."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row, and_, exc, insert, or_, select, update

from monoize.control.edge.wire import Window
from monoize.control.projects.errors import NoSuchBuild
from monoize.control.projects.model.builds import OVER, Build
from monoize.control.projects.tables import builds
from monoize.infra.db import Tx, violated

_CANDIDATES: Final = 16
_columns = builds.c


def _build(row: Row[Any]) -> Build:
    return Build(
        id=row.id,
        project_id=row.project_id,
        service_id=row.service_id,
        repository=row.repository,
        ref=row.ref,
        context=row.context,
        dockerfile=row.dockerfile,
        build_args=row.build_args,
        deploys=row.deploys,
        reason=row.reason,
        requested_by=row.requested_by,
        status=row.status,
        commit_id=row.commit_id,
        image=row.image,
        image_id=row.image_id,
        deployment_id=row.deployment_id,
        error=row.error,
        cancel_requested=row.cancel_requested,
        takeovers=row.takeovers,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


async def add(tx: Tx, values: Mapping[str, Any]) -> Build:
    done = await tx.execute(insert(builds).values(**values))
    key = done.inserted_primary_key
    assert key is not None
    return await get(tx, key[0])


async def get(tx: Tx, id: int) -> Build:
    row = (await tx.execute(select(builds).where(_columns.id == id))).one_or_none()
    if row is None:
        raise NoSuchBuild
    return _build(row)


async def page(
    tx: Tx, window: Window, *, service_id: int | None, visible: Collection[int] | None = None
) -> Sequence[Build]:
    query = select(builds).order_by(_columns.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(_columns.id < int(window.after))
    if service_id is not None:
        query = query.where(_columns.service_id == service_id)
    if visible is not None:
        query = query.where(_columns.project_id.in_(visible))
    return [_build(row) for row in await tx.execute(query)]


async def supersede(tx: Tx, service_id: int, now: dt.datetime) -> None:
    """A newer one is wanted: what has not begun does not begin."""
    waiting = update(builds).where(_columns.service_id == service_id, _columns.status == "queued")
    await tx.execute(waiting.values(status="cancelled", error="superseded by a newer one", finished_at=now))


async def request_cancel(tx: Tx, id: int) -> None:
    await tx.execute(update(builds).where(_columns.id == id).values(cancel_requested=True))


async def cancel_waiting(tx: Tx, id: int, now: dt.datetime) -> bool:
    """Whether it had not begun yet."""
    waiting = update(builds).where(_columns.id == id, _columns.status == "queued")
    done = await tx.execute(waiting.values(status="cancelled", error="cancelled", finished_at=now))
    return done.rowcount > 0


async def due(tx: Tx, now: dt.datetime) -> Sequence[Build]:
    """Those that could be taken, the oldest first: not begun, or left behind by a worker that died."""
    left_behind = and_(_columns.status == "running", _columns.lease_until <= now)
    query = select(builds).where(or_(_columns.status == "queued", left_behind)).order_by(_columns.id)
    return [_build(row) for row in await tx.execute(query.limit(_CANDIDATES))]


async def take(tx: Tx, build: Build, owner: str, *, now: dt.datetime, until: dt.datetime) -> bool:
    """Of several workers one gets it, and of one service one build is at work."""
    is_new = build.status == "queued"
    free = (
        _columns.status == "queued" if is_new else and_(_columns.status == "running", _columns.lease_until <= now)
    )
    values = {
        "status": "running",
        "lease_owner": owner,
        "lease_until": until,
        "open_service_id": build.service_id,
        "started_at": build.started_at or now,
        "takeovers": build.takeovers + (not is_new),
    }
    try:
        done = await tx.execute(update(builds).where(_columns.id == build.id, free).values(**values))
    except exc.IntegrityError as problem:
        if violated(problem, "open_service_id"):
            return False
        raise
    return done.rowcount > 0


async def renew(tx: Tx, id: int, owner: str, until: dt.datetime) -> Build | None:
    """None: it is somebody else's by now."""
    if not await change(tx, id, owner, {"lease_until": until}):
        return None
    return await get(tx, id)


async def change(tx: Tx, id: int, owner: str, values: Mapping[str, Any]) -> bool:
    """Whether it was still this owner's to change."""
    mine = and_(_columns.id == id, _columns.lease_owner == owner)
    if not (await tx.execute(select(_columns.id).where(mine).with_for_update())).first():
        return False
    await tx.execute(update(builds).where(mine).values(**values))
    return True


async def finish(tx: Tx, id: int, owner: str, values: Mapping[str, Any], now: dt.datetime) -> bool:
    assert values["status"] in OVER
    ended = {**values, "finished_at": now, "open_service_id": None, "lease_owner": None, "lease_until": None}
    return await change(tx, id, owner, ended)
