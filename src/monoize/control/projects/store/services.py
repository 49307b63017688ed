"""SQL of services, their links, and what was seen of them."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Row, delete, exc, func, insert, select, update

from monoize.control.edge.wire import Window
from monoize.control.projects.errors import NoSuchService, ServiceExists
from monoize.control.projects.model import config as configs
from monoize.control.projects.model.config import Health, Limits, Port, ServiceConfig, Volume
from monoize.control.projects.model.reconcile import Serving
from monoize.control.projects.model.services import Service
from monoize.control.projects.model.terms import DeployTerms
from monoize.control.projects.tables import deployments, projects, releases, service_links, services
from monoize.infra.db import Tx, violated
from monoize.infra.matching import contains

_columns = services.c
_with_project: Final = select(services, projects.c.name.label("project_name")).join_from(services, projects)


async def add(tx: Tx, project_id: int, config: ServiceConfig, values: Mapping[str, Any]) -> Service:
    try:
        done = await tx.execute(insert(services).values(project_id=project_id, **values, **columns_of(config)))
    except exc.IntegrityError as problem:
        raise _taken(problem) from problem
    key = done.inserted_primary_key
    assert key is not None
    return await get(tx, key[0])


async def get(tx: Tx, id: int, *, lock: bool = False) -> Service:
    query = _with_project.where(_columns.id == id)
    if lock:
        query = query.with_for_update(of=services)
    row = (await tx.execute(query)).one_or_none()
    if row is None:
        raise NoSuchService
    return service_of(row)


async def find(tx: Tx, id: int) -> Service | None:
    row = (await tx.execute(_with_project.where(_columns.id == id))).one_or_none()
    return service_of(row) if row else None


async def change(tx: Tx, id: int, values: Mapping[str, Any], config: ServiceConfig | None = None) -> Service:
    values = {**values, **(columns_of(config) if config else {})}
    if values:
        try:
            await tx.execute(update(services).where(_columns.id == id).values(**values))
        except exc.IntegrityError as problem:
            raise _taken(problem) from problem
    return await get(tx, id)


async def page(
    tx: Tx,
    window: Window,
    *,
    project_id: int | None = None,
    visible: Collection[int] | None = None,
    name: str | None = None,
    containing: str | None = None,
) -> Sequence[Service]:
    query = _with_project.order_by(_columns.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(_columns.id < int(window.after))
    if project_id is not None:
        query = query.where(_columns.project_id == project_id)
    if visible is not None:
        query = query.where(_columns.project_id.in_(visible))
    if name is not None:
        query = query.where(_columns.name == name)
    if containing is not None:
        query = query.where(contains(_columns.name, containing))
    return [service_of(row) for row in await tx.execute(query)]


async def every(tx: Tx) -> Sequence[Service]:
    """All of them, by id: the reconciler's."""
    return [service_of(row) for row in await tx.execute(_with_project.order_by(_columns.id))]


async def of_project(tx: Tx, project_id: int) -> Sequence[Service]:
    query = _with_project.where(_columns.project_id == project_id).order_by(_columns.id)
    return [service_of(row) for row in await tx.execute(query)]


async def being_deployed(tx: Tx) -> frozenset[int]:
    """Those with a deployment under way: their containers are its business."""
    query = select(deployments.c.open_service_id).where(deployments.c.open_service_id.is_not(None))
    return frozenset((await tx.execute(query)).scalars())


async def serving(tx: Tx, id: int | None = None) -> Mapping[int, Serving]:
    """By service: the release that serves, of one service or of all."""
    query = select(_columns.id, releases.c.id.label("release_id"), releases.c.config_hash, releases.c.config).join(
        releases, releases.c.id == _columns.release_id
    )
    if id is not None:
        query = query.where(_columns.id == id)
    return {
        row.id: Serving(row.release_id, row.config_hash, configs.of_json(row.config))
        for row in await tx.execute(query)
    }


async def any_at_all(tx: Tx) -> bool:
    return await tx.scalar(select(_columns.id).limit(1)) is not None


async def nothing_known(tx: Tx, reason: str) -> None:
    """The engine does not answer: what was seen before is not what is."""
    await tx.execute(
        update(services)
        .where(_columns.observed_state != "unknown")
        .values(observed_state="unknown", state_reason=reason, health_status="unknown")
    )


async def using_registry(tx: Tx, registry_id: int) -> Sequence[int]:
    query = select(_columns.id).where(_columns.registry_id == registry_id).order_by(_columns.id).limit(20)
    return list((await tx.execute(query)).scalars())


async def count(tx: Tx, project_id: int) -> int:
    query = select(func.count()).select_from(services).where(_columns.project_id == project_id)
    return int(await tx.scalar(query))


async def remove(tx: Tx, id: int) -> None:
    await tx.execute(delete(services).where(_columns.id == id))


async def links(tx: Tx, id: int) -> Sequence[Service]:
    """The services that this one is told of, by name."""
    query = (
        _with_project.join(service_links, service_links.c.target_id == _columns.id)
        .where(service_links.c.service_id == id)
        .order_by(_columns.name)
    )
    return [service_of(row) for row in await tx.execute(query)]


async def links_page(tx: Tx, id: int, window: Window) -> Sequence[Service]:
    query = (
        _with_project.join(service_links, service_links.c.target_id == _columns.id)
        .where(service_links.c.service_id == id)
        .order_by(_columns.id.desc())
        .limit(window.limit + 1)
    )
    if window.after:
        query = query.where(_columns.id < int(window.after))
    return [service_of(row) for row in await tx.execute(query)]


async def put_links(tx: Tx, id: int, targets: Collection[int]) -> None:
    await tx.execute(delete(service_links).where(service_links.c.service_id == id))
    if targets:
        rows = [{"service_id": id, "target_id": target} for target in sorted(targets)]
        await tx.execute(insert(service_links).values(rows))


def columns_of(config: ServiceConfig) -> dict[str, Any]:
    kept = configs.as_json(config)
    return {
        "image": config.image,
        "command": kept["command"],
        "ports": kept["ports"],
        "volumes": kept["volumes"],
        "limits": kept["limits"],
        "health": kept["health"],
        "restart": config.restart,
        "replicas": config.replicas,
        "stop_grace_s": config.stop_grace_s,
        "deploy": kept["deploy"],
    }


def service_of(row: Row[Any]) -> Service:
    """Of a row that has every column of `services`, and its project's name."""
    return Service(
        id=row.id,
        project_id=row.project_id,
        project_name=row.project_name,
        name=row.name,
        description=row.description,
        config=_config_of(row),
        env=row.env or {},
        registry_id=row.registry_id,
        environment_id=row.environment_id,
        release_id=row.release_id,
        desired_state=row.desired_state,
        observed_state=row.observed_state,
        observed_at=row.observed_at,
        state_reason=row.state_reason,
        drifted=row.drifted,
        last_exit_code=row.last_exit_code,
        restart_count=row.restart_count,
        restart_window_at=row.restart_window_at,
        crash_looping=row.crash_looping,
        health_status=row.health_status,
        health_detail=row.health_detail,
        health_failures=row.health_failures,
        last_probe_at=row.last_probe_at,
        deleting_at=row.deleting_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _config_of(row: Row[Any]) -> ServiceConfig:
    return ServiceConfig(
        image=row.image,
        command=None if row.command is None else tuple(row.command),
        ports=msgspec.convert(row.ports or [], tuple[Port, ...]),
        volumes=msgspec.convert(row.volumes or [], tuple[Volume, ...]),
        limits=msgspec.convert(row.limits or {}, Limits),
        health=msgspec.convert(row.health or {}, Health),
        restart=row.restart,
        replicas=row.replicas,
        stop_grace_s=row.stop_grace_s,
        deploy=msgspec.convert(row.deploy or {}, DeployTerms),
    )


def _taken(problem: exc.IntegrityError) -> Exception:
    return ServiceExists() if violated(problem, "name") else problem


async def observed(tx: Tx, id: int, values: Mapping[str, Any], now: dt.datetime) -> None:
    """What was seen of it; nobody is asked and nobody is told."""
    await tx.execute(update(services).where(_columns.id == id).values(**values, observed_at=now))


async def probed(tx: Tx, id: int, values: Mapping[str, Any]) -> None:
    await tx.execute(update(services).where(_columns.id == id).values(**values))
