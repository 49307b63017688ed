"""SQL of where services are built from, and of the webhooks that say there is something new."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, delete, exc, insert, select, update

from monoize.control.edge.wire import Window
from monoize.control.projects.errors import NoSuchDelivery
from monoize.control.projects.model.repositories import Source
from monoize.control.projects.model.webhooks import Delivery
from monoize.control.projects.tables import project_webhooks, service_sources, services, webhook_deliveries
from monoize.infra.db import Tx, violated

_sources = service_sources.c
_deliveries = webhook_deliveries.c


def _source(row: Row[Any]) -> Source:
    return Source(
        service_id=row.service_id,
        repository=row.repository,
        branch=row.branch,
        context=row.context,
        dockerfile=row.dockerfile,
        build_args=row.build_args,
        auto_deploy=row.auto_deploy,
        has_credential=row.credential_sealed is not None,
    )


async def find(tx: Tx, service_id: int) -> Source | None:
    row = (await tx.execute(select(service_sources).where(_sources.service_id == service_id))).one_or_none()
    return _source(row) if row else None


async def credential_sealed(tx: Tx, service_id: int) -> str | None:
    found: str | None = await tx.scalar(select(_sources.credential_sealed).where(_sources.service_id == service_id))
    return found


async def put(tx: Tx, service_id: int, values: Mapping[str, Any]) -> None:
    if await find(tx, service_id) is None:
        await tx.execute(insert(service_sources).values(service_id=service_id, **values))
    else:
        await tx.execute(update(service_sources).where(_sources.service_id == service_id).values(**values))


async def remove(tx: Tx, service_id: int) -> bool:
    return (await tx.execute(delete(service_sources).where(_sources.service_id == service_id))).rowcount > 0


async def of_project(tx: Tx, project_id: int) -> Sequence[Source]:
    """Of the services that are not on their way out."""
    query = (
        select(service_sources)
        .join(services, services.c.id == _sources.service_id)
        .where(services.c.project_id == project_id, services.c.deleting_at.is_(None))
        .order_by(_sources.service_id)
    )
    return [_source(row) for row in await tx.execute(query)]


async def webhook_secret_sealed(tx: Tx, project_id: int) -> str | None:
    query = select(project_webhooks.c.secret_sealed).where(project_webhooks.c.project_id == project_id)
    found: str | None = await tx.scalar(query)
    return found


async def put_webhook(tx: Tx, project_id: int, secret_sealed: str) -> None:
    if await webhook_secret_sealed(tx, project_id) is None:
        await tx.execute(insert(project_webhooks).values(project_id=project_id, secret_sealed=secret_sealed))
    else:
        changed = update(project_webhooks).where(project_webhooks.c.project_id == project_id)
        await tx.execute(changed.values(secret_sealed=secret_sealed))


async def remove_webhook(tx: Tx, project_id: int) -> bool:
    gone = delete(project_webhooks).where(project_webhooks.c.project_id == project_id)
    return (await tx.execute(gone)).rowcount > 0


async def delivered(tx: Tx, project_id: int, delivery_id: str) -> Delivery | None:
    query = select(webhook_deliveries).where(
        _deliveries.project_id == project_id, _deliveries.delivery_id == delivery_id
    )
    row = (await tx.execute(query)).one_or_none()
    return _delivery(row) if row else None


async def add_delivery(tx: Tx, project_id: int, delivery_id: str, values: Mapping[str, Any]) -> int | None:
    """Its id, or None when the same delivery has come in meanwhile; then the transaction is of no more use."""
    try:
        done = await tx.execute(
            insert(webhook_deliveries).values(project_id=project_id, delivery_id=delivery_id, **values)
        )
    except exc.IntegrityError as problem:
        if violated(problem, "delivery_id"):
            return None
        raise
    key = done.inserted_primary_key
    assert key is not None
    return int(key[0])


async def built_from(tx: Tx, id: int, build_ids: Sequence[int]) -> None:
    values = {"build_ids": list(build_ids), "outcome": "accepted", "reason": None}
    await tx.execute(update(webhook_deliveries).where(_deliveries.id == id).values(**values))


async def delivery(tx: Tx, project_id: int, id: int) -> Delivery:
    query = select(webhook_deliveries).where(_deliveries.project_id == project_id, _deliveries.id == id)
    row = (await tx.execute(query)).one_or_none()
    if row is None:
        raise NoSuchDelivery
    return _delivery(row)


async def deliveries(tx: Tx, project_id: int, window: Window) -> Sequence[Delivery]:
    query = select(webhook_deliveries).where(_deliveries.project_id == project_id).order_by(_deliveries.id.desc())
    if window.after:
        query = query.where(_deliveries.id < int(window.after))
    return [_delivery(row) for row in await tx.execute(query.limit(window.limit + 1))]


async def forget_deliveries(tx: Tx, before: dt.datetime) -> None:
    await tx.execute(delete(webhook_deliveries).where(_deliveries.created_at < before))


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        id=row.id,
        project_id=row.project_id,
        delivery_id=row.delivery_id,
        event=row.event,
        repository=row.repository,
        branch=row.branch,
        commit_id=row.commit_id,
        outcome=row.outcome,
        reason=row.reason,
        build_ids=row.build_ids,
        created_at=row.created_at,
    )
