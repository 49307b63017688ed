"""SQL of deployments: one under way and one waiting for each service, and who works on which."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row, and_, func, insert, or_, select, update

from monoize.control.edge.wire import Window
from monoize.control.projects.errors import NoSuchDeployment
from monoize.control.projects.model.deployments import FINAL, Deployment, Kind
from monoize.control.projects.model.services import Service
from monoize.control.projects.tables import deployments, services
from monoize.infra.db import Tx

_columns = deployments.c


def _deployment(row: Row[Any]) -> Deployment:
    return Deployment(
        id=row.id,
        project_id=row.project_id,
        service_id=row.service_id,
        kind=row.kind,
        status=row.status,
        image=row.image_tag,
        release_id=row.release_id,
        previous_release_id=row.previous_release_id,
        build_id=row.build_id,
        reason=row.reason,
        requested_by=row.requested_by,
        outcome=row.outcome,
        error_code=row.error_code,
        error=row.error,
        evidence=row.evidence,
        cancel_requested=row.cancel_requested,
        waits=row.waiting_service_id is not None,
        takeovers=row.takeovers,
        attempts=row.attempts,
        deadline_at=row.deadline_at,
        soak_until=row.soak_until,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


async def add(tx: Tx, values: Mapping[str, Any]) -> Deployment:
    done = await tx.execute(insert(deployments).values(status="pending", **values))
    key = done.inserted_primary_key
    assert key is not None
    return await get(tx, key[0])


async def get(tx: Tx, id: int) -> Deployment:
    row = (await tx.execute(select(deployments).where(_columns.id == id))).one_or_none()
    if row is None:
        raise NoSuchDeployment
    return _deployment(row)


async def page(
    tx: Tx, window: Window, *, service_id: int | None, visible: Collection[int] | None
) -> Sequence[Deployment]:
    query = select(deployments).order_by(_columns.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(_columns.id < int(window.after))
    if service_id is not None:
        query = query.where(_columns.service_id == service_id)
    if visible is not None:
        query = query.where(_columns.project_id.in_(visible))
    return [_deployment(row) for row in await tx.execute(query)]


async def under_way(tx: Tx, service_id: int) -> Deployment | None:
    row = (await tx.execute(select(deployments).where(_columns.open_service_id == service_id))).one_or_none()
    return _deployment(row) if row else None


async def waiting(tx: Tx, service_id: int) -> Deployment | None:
    row = (await tx.execute(select(deployments).where(_columns.waiting_service_id == service_id))).one_or_none()
    return _deployment(row) if row else None


async def end_waiting(tx: Tx, id: int, *, code: str, message: str, now: dt.datetime) -> None:
    """One that never began ends here."""
    ended = update(deployments).where(_columns.id == id, _columns.open_service_id.is_(None))
    await tx.execute(
        ended.values(
            status="failed",
            outcome="failed",
            error_code=code,
            error=message,
            waiting_service_id=None,
            finished_at=now,
        )
    )


async def request_cancel(tx: Tx, id: int) -> None:
    await tx.execute(update(deployments).where(_columns.id == id).values(cancel_requested=True))


async def next_at(tx: Tx) -> dt.datetime | None:
    """When somebody may work on one of those under way: new ones at once, others when their lease has run out."""
    at = func.min(func.coalesce(_columns.lease_until, _columns.created_at))
    found: dt.datetime | None = await tx.scalar(select(at).where(_columns.open_service_id.is_not(None)))
    return found


async def claim(tx: Tx, owner: str, *, now: dt.datetime, until: dt.datetime) -> Deployment | None:
    """The one that has been waiting longest for somebody to work on it; of several workers one gets it."""
    free = or_(_columns.lease_until.is_(None), _columns.lease_until <= now)
    query = (
        select(_columns.id, _columns.lease_owner, _columns.takeovers)
        .where(_columns.open_service_id.is_not(None), free)
        .order_by(_columns.lease_until, _columns.id)
        .limit(_CANDIDATES)
    )
    for row in (await tx.execute(query)).all():
        # Whoever had it has died: a worker that puts it off gives its lease back.
        takeovers = row.takeovers + (row.lease_owner is not None)
        taken = await tx.execute(
            update(deployments)
            .where(_columns.id == row.id, _columns.open_service_id.is_not(None), free)
            .values(lease_owner=owner, lease_until=until, takeovers=takeovers)
        )
        if taken.rowcount:
            return await get(tx, row.id)
    return None


_CANDIDATES: Final = 8


async def renew(tx: Tx, id: int, owner: str, until: dt.datetime) -> Deployment | None:
    """None: it is somebody else's by now."""
    if not await change(tx, id, owner, {"lease_until": until}):
        return None
    return await get(tx, id)


async def change(tx: Tx, id: int, owner: str, values: Mapping[str, Any]) -> bool:
    """Whether it was still this owner's to change."""
    mine = and_(_columns.id == id, _columns.lease_owner == owner)
    # MySQL counts rows that are changed: an assignment of what is there already must not look like a loss.
    if not (await tx.execute(select(_columns.id).where(mine).with_for_update())).first():
        return False
    await tx.execute(update(deployments).where(mine).values(**values))
    return True


async def put_off(tx: Tx, id: int, owner: str, *, until: dt.datetime, attempts: int) -> None:
    await change(tx, id, owner, {"lease_owner": None, "lease_until": until, "attempts": attempts})


async def finish(tx: Tx, id: int, owner: str, values: Mapping[str, Any], now: dt.datetime) -> bool:
    over = {
        **values,
        "finished_at": now,
        "open_service_id": None,
        "waiting_service_id": None,
        "lease_owner": None,
        "lease_until": None,
    }
    return await change(tx, id, owner, over)


async def promote(tx: Tx, service_id: int) -> None:
    """The one that waits is next."""
    query = select(_columns.id).where(_columns.waiting_service_id == service_id)
    id = await tx.scalar(query)
    if id is not None:
        await tx.execute(
            update(deployments)
            .where(_columns.id == id)
            .values(waiting_service_id=None, open_service_id=service_id, lease_owner=None, lease_until=None)
        )


async def open_releases(tx: Tx, service_id: int) -> Collection[int]:
    """Releases that something not yet over leads from or to."""
    query = select(_columns.release_id, _columns.previous_release_id).where(
        _columns.service_id == service_id, _columns.status.not_in(FINAL), _columns.finished_at.is_(None)
    )
    return {id for row in await tx.execute(query) for id in row if id is not None}


def new(
    service: Service,
    *,
    kind: Kind,
    image: str,
    release_id: int | None,
    build_id: int | None,
    reason: str | None,
    requested_by: str,
    waits: bool,
) -> Mapping[str, Any]:
    """The columns of one that is asked for."""
    return {
        "project_id": service.project_id,
        "service_id": service.id,
        "kind": kind,
        "image_tag": image,
        "release_id": release_id,
        "build_id": build_id,
        "reason": reason,
        "requested_by": requested_by,
        "open_service_id": None if waits else service.id,
        "waiting_service_id": service.id if waits else None,
    }


async def link_release(tx: Tx, id: int, release_id: int) -> None:
    await tx.execute(update(deployments).where(_columns.id == id).values(release_id=release_id))


async def serve_with(tx: Tx, service_id: int, release_id: int | None) -> None:
    """From now on this release is the one that serves; what its predecessor did is forgiven."""
    values: dict[str, Any] = {"release_id": release_id}
    if release_id is not None:
        values |= {
            "desired_state": "running",
            "crash_looping": False,
            "restart_count": 0,
            "restart_window_at": None,
        }
    await tx.execute(update(services).where(services.c.id == service_id).values(**values))


async def set_image(tx: Tx, service_id: int, image: str) -> None:
    await tx.execute(update(services).where(services.c.id == service_id).values(image=image))
