"""What people do with routes, and how a route is shown: with what becomes of it in nginx."""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

from monoize.base.clock import utc_now
from monoize.control.compute.actions import addresses
from monoize.control.edge.wire import Page, Window
from monoize.control.projects.actions import certificates
from monoize.control.projects.actions.proxy import Standing, routed
from monoize.control.projects.errors import (
    GatewayAddressUnknown,
    PortNotExposed,
    RouteOfAdministrators,
    RouteWithoutTarget,
)
from monoize.control.projects.model.nginx_config import RoutedTo
from monoize.control.projects.model.routes import OPTION_NAMES, Route, RouteOptions, RouteState, TargetKind
from monoize.control.projects.store import domains, routes
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx
from monoize.infra.settings import Settings


@dataclasses.dataclass(frozen=True, slots=True)
class RouteView(Route):
    """`applied`: whether nginx was shown to serve everything as it is now, this route included."""

    state: RouteState
    applied: bool
    said: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class Draft:
    """A route that is to be kept; what is None is found out from the rest."""

    domain: str
    path: str
    target: TargetKind
    service_id: int | None
    machine_id: str | None
    port: int | None
    tls: bool
    options: RouteOptions


def view(route: Route, standing: Standing) -> RouteView:
    fields = {field.name: getattr(route, field.name) for field in dataclasses.fields(Route)}
    state = standing.states.get(route.id, "not_served")
    return RouteView(**fields, state=state, applied=standing.set_up and not standing.trouble, said=standing.trouble)


async def list_routes(
    tx: Tx,
    window: Window,
    *,
    service_id: int | None = None,
    domain: str | None = None,
    projects: Collection[int] | None = None,
) -> Page[Route]:
    found = await routes.page(tx, window, service_id=service_id, domain=domain, projects=projects)
    return window.page(found, lambda route: route.id)


async def get_route(tx: Tx, route_id: int) -> Route:
    return await routes.get(tx, route_id)


async def proposed(tx: Tx, draft: Draft, settings: Settings) -> RoutedTo:
    """A route that is not kept yet, as nginx would read it. Refused as keeping it would be."""
    values = await _resolved(tx, draft, settings)
    now = utc_now()
    route = Route(id=0, project_id=None, created_at=now, updated_at=now, **values | {"options": draft.options})
    return routed(route, "open")


async def create_route(change: Change, draft: Draft, settings: Settings) -> Route:
    values = await _resolved(change.tx, draft, settings)
    route = await routes.add(change.tx, values | {"options": draft.options.kept()})
    await _expect_certificate(change.tx, route, settings)
    _record(change, "route.create", route)
    return route


async def proposed_change(tx: Tx, route_id: int, values: Mapping[str, Any]) -> RoutedTo:
    return routed(_changed(await routes.get(tx, route_id), values), "open")


async def update_route(change: Change, route_id: int, values: Mapping[str, Any], settings: Settings) -> Route:
    """`options` are given one by one; the others stay as they are."""
    before = await routes.lock(change.tx, route_id)
    _check_target(change, before)
    after = _changed(before, values)
    if after.port != before.port:
        await _check_port(change.tx, after.service_id, after.port)
    fields = {name: getattr(after, name) for name in ("domain", "path", "port", "tls", "domain_id")}
    if after.domain != before.domain:
        known = await domains.named(change.tx, after.domain)
        fields["domain_id"] = known.id if known else None
    route = await routes.change(change.tx, route_id, fields | {"options": after.options.kept()})
    await _expect_certificate(change.tx, route, settings)
    _record(change, "route.update", route, changed=sorted(values))
    return route


async def delete_route(change: Change, route_id: int) -> None:
    route = await routes.lock(change.tx, route_id)
    _check_target(change, route)
    await routes.remove(change.tx, route_id)
    _record(change, "route.delete", route)


def _check_target(change: Change, route: Route) -> None:
    if route.target != "service" and not change.call.principal.may("projects.admin"):
        raise RouteOfAdministrators


def _changed(route: Route, values: Mapping[str, Any]) -> Route:
    options = {name: value for name, value in values.items() if name in OPTION_NAMES}
    plain = {name: value for name, value in values.items() if name not in OPTION_NAMES}
    return dataclasses.replace(route, **plain, options=dataclasses.replace(route.options, **options))


async def _resolved(tx: Tx, draft: Draft, settings: Settings) -> dict[str, Any]:
    match draft.target:
        case "service":
            if draft.service_id is None:
                raise RouteWithoutTarget
            port = await _check_port(tx, draft.service_id, draft.port)
        case "machine":
            if draft.machine_id is None or draft.port is None:
                raise RouteWithoutTarget("A route to a machine names the machine and its port.")
            await addresses.check_there(tx, draft.machine_id)
            port = draft.port
        case "gateway":
            if settings.port == 0:
                raise GatewayAddressUnknown
            port = settings.port
    known = await domains.named(tx, draft.domain)
    return {
        "domain": draft.domain,
        "path": draft.path,
        "target": draft.target,
        "service_id": draft.service_id,
        "machine_id": draft.machine_id,
        "port": port,
        "tls": draft.tls,
        "domain_id": known.id if known else None,
    }


async def _check_port(tx: Tx, service_id: int | None, port: int | None) -> int:
    if service_id is None:
        assert port is not None
        return port
    ports = await routes.ports_of(tx, service_id)
    if port is None and len(ports) == 1:
        return ports[0]
    if port is None or port not in ports:
        raise PortNotExposed(ports=ports)
    return port


async def _expect_certificate(tx: Tx, route: Route, settings: Settings) -> None:
    if route.tls:
        await certificates.expect(tx, route.domain, settings)


def _record(change: Change, action: str, route: Route, **details: Any) -> None:
    change.record(
        action,
        "route",
        route.id,
        domain=route.domain,
        path=route.path,
        target=route.target,
        service_id=route.service_id,
        machine_id=route.machine_id,
        **details,
    )
