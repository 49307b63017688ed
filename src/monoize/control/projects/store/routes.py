"""SQL of routes, and of who answers for the ports that they lead to."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, Select, delete, exc, insert, select, update

from monoize.control.edge.wire import Window
from monoize.control.projects.errors import NoSuchRoute, NoSuchService, RouteExists
from monoize.control.projects.model.nginx_config import Gate
from monoize.control.projects.model.routes import OPTION_NAMES, Member, Route, RouteOptions
from monoize.control.projects.tables import domains, routes, services, upstream_members
from monoize.infra.db import Tx

_columns = routes.c
_members = upstream_members.c
_PLAIN = tuple(name for name in Route.__dataclass_fields__ if name not in ("options", "project_id"))


def _route(row: Row[Any]) -> Route:
    known = {name: value for name, value in (row.options or {}).items() if name in OPTION_NAMES}
    plain = {name: getattr(row, name) for name in _PLAIN}
    return Route(**plain, options=RouteOptions(**known), project_id=row.project_id)


def _routes() -> Select[Any]:
    return select(routes, services.c.project_id).outerjoin(services, _columns.service_id == services.c.id)


async def add(tx: Tx, values: Mapping[str, Any]) -> Route:
    try:
        done = await tx.execute(insert(routes).values(**values))
    except exc.IntegrityError as problem:
        raise RouteExists from problem
    key = done.inserted_primary_key
    assert key is not None
    return await get(tx, key[0])


async def change(tx: Tx, id: int, values: Mapping[str, Any]) -> Route:
    try:
        if values:
            await tx.execute(update(routes).where(_columns.id == id).values(**values))
    except exc.IntegrityError as problem:
        raise RouteExists from problem
    return await get(tx, id)


async def get(tx: Tx, id: int) -> Route:
    row = (await tx.execute(_routes().where(_columns.id == id))).one_or_none()
    if row is None:
        raise NoSuchRoute
    return _route(row)


async def lock(tx: Tx, id: int) -> Route:
    if await tx.scalar(select(_columns.id).where(_columns.id == id).with_for_update()) is None:
        raise NoSuchRoute
    return await get(tx, id)


async def page(
    tx: Tx,
    window: Window,
    *,
    service_id: int | None = None,
    domain: str | None = None,
    projects: Collection[int] | None = None,
) -> Sequence[Route]:
    query = _routes().order_by(_columns.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(_columns.id < int(window.after))
    if service_id is not None:
        query = query.where(_columns.service_id == service_id)
    if domain is not None:
        query = query.where(_columns.domain == domain)
    if projects is not None:
        query = query.where(services.c.project_id.in_(projects))
    return [_route(row) for row in await tx.execute(query)]


async def remove(tx: Tx, id: int) -> None:
    await tx.execute(delete(routes).where(_columns.id == id))


_GATES: Mapping[str | None, Gate] = {None: "open", "active": "open", "error": "shut"}


async def every(tx: Tx) -> Sequence[tuple[Route, Gate]]:
    """All of them, each with what its domain's standing means for it."""
    query = _routes().add_columns(domains.c.status.label("domain_status"))
    query = query.outerjoin(domains, _columns.domain_id == domains.c.id).order_by(_columns.id)
    return [(_route(row), _GATES.get(row.domain_status, "challenge_only")) for row in await tx.execute(query)]


async def secured(tx: Tx) -> Collection[str]:
    """The domains of routes with TLS."""
    return set((await tx.execute(select(_columns.domain).where(_columns.tls).distinct())).scalars())


async def members(tx: Tx) -> Sequence[tuple[int, int, str]]:
    """(service, container port, address) of everybody who answers."""
    query = select(_members.service_id, _members.container_port, _members.address)
    return [(row.service_id, row.container_port, row.address) for row in await tx.execute(query)]


async def led_to(tx: Tx) -> Mapping[int, Collection[Member]]:
    """By service."""
    led: dict[int, list[Member]] = {}
    for service_id, container_port, address in await members(tx):
        host, _, port = address.rpartition(":")
        led.setdefault(service_id, []).append(Member(container_port, host, int(port)))
    return led


async def replace_members(
    tx: Tx, service_id: int, wanted: Collection[tuple[int, str]]
) -> Collection[tuple[int, str]]:
    """Who answers for a service from now on; returns who did so before."""
    of_service = _members.service_id == service_id
    query = select(_members.container_port, _members.address).where(of_service).with_for_update()
    before = {(row.container_port, row.address) for row in await tx.execute(query)}
    for port, address in before - set(wanted):
        gone = delete(upstream_members).where(of_service, _members.container_port == port)
        await tx.execute(gone.where(_members.address == address))
    rows = [
        {"service_id": service_id, "container_port": port, "address": address}
        for port, address in sorted(set(wanted) - before)
    ]
    if rows:
        await tx.execute(insert(upstream_members), rows)
    return before


async def ports_of(tx: Tx, service_id: int) -> Sequence[int]:
    """The TCP ports on which a service's containers listen."""
    query = select(services.c.id, services.c.ports).where(services.c.id == service_id)
    row = (await tx.execute(query.with_for_update())).one_or_none()
    if row is None:
        raise NoSuchService
    return [port["container"] for port in row.ports or () if port.get("protocol", "tcp") == "tcp"]
