"""/api/routes and /api/services/{service_id}/routes: which address leads where, and what nginx makes of it."""

from typing import Annotated

from fastapi import Depends, Query
from pydantic import AfterValidator, Field
from starlette.responses import Response

from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import Page, Uuid, Window, Wire
from monoize.control.projects.actions import routes
from monoize.control.projects.actions.proxy import Proxy
from monoize.control.projects.actions.routes import Draft, RouteView
from monoize.control.projects.api.answers import Preview, kept_id, with_body
from monoize.control.projects.api.here import ProxyHere
from monoize.control.projects.api.scope import visible
from monoize.control.projects.api.variables import Id
from monoize.control.projects.model import addresses
from monoize.control.projects.model.routes import (
    BODY_MB_MOST,
    HEADERS_MOST,
    OPTION_NAMES,
    TIMEOUT_S_MOST,
    Route,
    RouteOptions,
    TargetKind,
)

router = Router(tags=["routes"])

Domain = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(addresses.domain_name)]
PathText = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(addresses.route_path)]
Port = Annotated[int, Field(ge=1, le=65_535)]
HeaderName = Annotated[str, Field(max_length=64), AfterValidator(addresses.header_name)]
HeaderValue = Annotated[str, Field(max_length=1000), AfterValidator(addresses.header_value)]


def _once_each(headers: dict[str, str]) -> dict[str, str]:
    if len({name.lower() for name in headers}) < len(headers):
        raise ValueError("must name each header once")
    return headers


Headers = Annotated[dict[HeaderName, HeaderValue], Field(max_length=HEADERS_MOST), AfterValidator(_once_each)]


class Terms(Wire):
    """What is left away is as in any new route; null takes the bound on silence back to the usual one."""

    tls: bool | None = None
    timeout_s: Annotated[int, Field(ge=1, le=TIMEOUT_S_MOST)] | None = None
    body_mb: Annotated[int, Field(ge=1, le=BODY_MB_MOST)] | None = None
    websocket: bool | None = None
    buffering: bool | None = None
    strip_path: bool | None = None
    hsts: bool | None = None
    headers: Headers | None = None


class ServiceRouteCreate(Terms):
    """`port` is one of the ports that the service listens on; it may be left away where there is only one."""

    domain: Domain
    path: PathText = "/"
    port: Port | None = None


class RouteCreate(ServiceRouteCreate):
    """To a machine of an agent, with `machine_id` and `port`, or to the gateway."""

    target: Annotated[TargetKind, Field(pattern="^(machine|gateway)$")]
    machine_id: Uuid | None = None


class RouteUpdate(Terms):
    """Only what is sent changes."""

    domain: Domain | None = None
    path: PathText | None = None
    port: Port | None = None


_CLEARABLE = frozenset({"timeout_s"})


@router.get("/routes")
async def list_routes(
    house: HouseHere,
    proxy: ProxyHere,
    window: Annotated[Window, Depends(number_window)],
    call: Annotated[Call, requires("projects.read")],
    domain: Annotated[Domain | None, Query()] = None,
) -> Page[RouteView]:
    async with house.database.read() as tx:
        found = await routes.list_routes(tx, window, domain=domain, projects=visible(call))
    return Page([routes.view(route, proxy.standing) for route in found.items], found.next_cursor)


@router.get("/services/{service_id}/routes")
async def list_routes_of_service(
    service_id: Id,
    house: HouseHere,
    proxy: ProxyHere,
    window: Annotated[Window, Depends(number_window)],
    call: Annotated[Call, requires("projects.read")],
) -> Page[RouteView]:
    async with house.database.read() as tx:
        found = await routes.list_routes(tx, window, service_id=service_id)
    return Page([routes.view(route, proxy.standing) for route in found.items], found.next_cursor)


@router.post("/services/{service_id}/routes", status_code=201, response_model=RouteView)
async def create_route_to_service(
    service_id: Id,
    body: ServiceRouteCreate,
    proxy: ProxyHere,
    mutation: Annotated[Mutation, mutates("projects.write")],
) -> Response:
    return await _create(draft_of(body, "service", service_id, None), proxy, mutation)


@router.post("/routes", status_code=201, response_model=RouteView)
async def create_route(
    body: RouteCreate, proxy: ProxyHere, mutation: Annotated[Mutation, mutates("projects.admin")]
) -> Response:
    return await _create(draft_of(body, body.target, None, body.machine_id), proxy, mutation)


@router.get("/routes/{route_id}")
async def get_route(
    route_id: Id, house: HouseHere, proxy: ProxyHere, call: Annotated[Call, requires("projects.read")]
) -> RouteView:
    return routes.view(await _found(house, route_id), proxy.standing)


@router.patch("/routes/{route_id}", response_model=RouteView)
async def update_route(
    route_id: Id,
    body: RouteUpdate,
    proxy: ProxyHere,
    mutation: Annotated[Mutation, mutates("projects.write")],
) -> Response:
    values = body.sent(clearable=_CLEARABLE)
    settings = mutation.house.settings
    async with mutation.house.database.read() as tx:
        tried = await routes.proposed_change(tx, route_id, values)
    await proxy.try_out(tried)
    answer = await mutation.run(lambda change: routes.update_route(change, route_id, values, settings))
    return await _followed(answer, proxy, mutation.house)


@router.delete("/routes/{route_id}", status_code=204)
async def delete_route(
    route_id: Id, proxy: ProxyHere, mutation: Annotated[Mutation, mutates("projects.write")]
) -> Response:
    answer = await mutation.run(lambda change: routes.delete_route(change, route_id))
    await proxy.follow()
    return answer


@router.get("/routes/{route_id}/config")
async def preview_route(
    route_id: Id, house: HouseHere, proxy: ProxyHere, call: Annotated[Call, requires("projects.read")]
) -> Preview:
    """What nginx would read if this were the only route."""
    await _found(house, route_id)
    return Preview(await proxy.preview(route_id))


def draft_of(body: ServiceRouteCreate, target: TargetKind, service_id: int | None, machine_id: str | None) -> Draft:
    sent = body.model_dump(exclude_none=True)
    return Draft(
        domain=body.domain,
        path=body.path,
        target=target,
        service_id=service_id,
        machine_id=machine_id,
        port=body.port,
        tls=bool(body.tls),
        options=RouteOptions(**{name: sent[name] for name in OPTION_NAMES if name in sent}),
    )


async def _create(draft: Draft, proxy: Proxy, mutation: Mutation) -> Response:
    settings = mutation.house.settings
    async with mutation.house.database.read() as tx:
        tried = await routes.proposed(tx, draft, settings)
    await proxy.try_out(tried)
    answer = await mutation.run(lambda change: routes.create_route(change, draft, settings), status=201)
    return await _followed(answer, proxy, mutation.house)


async def _followed(answer: Response, proxy: Proxy, house: House) -> Response:
    """The route as it is once nginx has had its say; the answer that is kept for a repeated request has none."""
    standing = await proxy.follow()
    route = await _found(house, kept_id(answer))
    return with_body(answer, routes.view(route, standing))


async def _found(house: House, route_id: int) -> Route:
    async with house.database.read() as tx:
        return await routes.get_route(tx, route_id)
