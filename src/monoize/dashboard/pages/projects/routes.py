"""/routes: which address leads where, and what nginx makes of it."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import Window
from monoize.control.projects.actions import routes, services
from monoize.control.projects.actions.proxy import Proxy
from monoize.control.projects.api.here import ProxyHere
from monoize.control.projects.api.routes import RouteCreate, RouteUpdate, ServiceRouteCreate, draft_of
from monoize.control.projects.api.variables import Id
from monoize.control.projects.model.routes import Route
from monoize.dashboard.amounts import whole
from monoize.dashboard.destroying import Doomed, ask_name, check_name
from monoize.dashboard.forms import Form, checked, invalid, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.projects.visit import Administrator, Reader, Writer, routing_ways, service_ways
from monoize.dashboard.pages.projects.words import ROUTES
from monoize.dashboard.render import next_address, render, see_other
from monoize.dashboard.session import Person

router = page_router()

PATH: Final = "/routes"
_FIRST: Final = Window(20, None)
_HEADERS: Final = "Use one NAME: value on each line, 20 at most."
_EXPECTED: Final[Mapping[str, str]] = {
    "domain": "Use a name such as app.example.com.",
    "path": "Use a path that begins with a slash.",
    "port": "Use a port that the service listens on.",
    "timeout_s": "Use seconds, from 1 to 86400.",
    "body_mb": "Use megabytes, from 1 to 10240.",
    "headers": _HEADERS,
    "target": "Choose one of these.",
    "machine_id": "Use the id of a machine.",
}
_SWITCHES: Final = ("tls", "websocket", "buffering", "strip_path", "hsts")


@router.get(PATH)
async def show(
    request: Request,
    house: HouseHere,
    proxy: ProxyHere,
    person: Reader,
    window: Annotated[Window, Depends(number_window)],
) -> Response:
    async with house.database.read() as tx:
        page = await routes.list_routes(tx, window)
    return render(
        request,
        "projects/routes.html",
        routes=[routes.view(route, proxy.standing) for route in page.items],
        route_said=ROUTES,
        tabs=routing_ways(person),
        next_address=next_address(request, PATH, page),
    )


@router.get("/routes/new")
async def ask(request: Request, person: Administrator) -> Response:
    return render(request, "projects/route_new.html", form=_new("gateway"))


@router.post(PATH)
async def create(request: Request, house: HouseHere, proxy: ProxyHere, person: Administrator) -> Response:
    """To a machine or to the gateway; routes to services are made at the service."""
    form = await read_form(request)
    try:
        body = checked(
            RouteCreate,
            _EXPECTED,
            **_entered(form),
            target=form.text("target"),
            machine_id=form.text("machine_id"),
        )
        await _create(house, proxy, person, body, service_id=None)
    except Refusal as refusal:
        return render(request, "projects/route_new.html", form=form.refused(refusal), refusal=refusal)
    return see_other("/routes?done=route_created")


@router.get("/services/{service_id}/routes")
async def show_of_service(
    service_id: Id,
    request: Request,
    house: HouseHere,
    proxy: ProxyHere,
    person: Reader,
    window: Annotated[Window, Depends(number_window)],
) -> Response:
    return await _of_service(request, house, proxy, person, service_id, window, _new())


@router.post("/services/{service_id}/routes")
async def create_to_service(
    service_id: Id, request: Request, house: HouseHere, proxy: ProxyHere, person: Writer
) -> Response:
    form = await read_form(request)
    try:
        body = checked(ServiceRouteCreate, _EXPECTED, **_entered(form))
        await _create(house, proxy, person, body, service_id=service_id)
    except Refusal as refusal:
        return await _of_service(request, house, proxy, person, service_id, _FIRST, form.refused(refusal))
    return see_other(f"/services/{service_id}/routes?done=route_created")


@router.get("/routes/{route_id}")
async def show_one(route_id: Id, request: Request, house: HouseHere, proxy: ProxyHere, person: Reader) -> Response:
    route = await _find(house, route_id)
    return await _edit(request, proxy, person, route, _shown(route))


@router.post("/routes/{route_id}")
async def update(route_id: Id, request: Request, house: HouseHere, proxy: ProxyHere, person: Writer) -> Response:
    form = await read_form(request)
    route = await _find(house, route_id)
    try:
        values = checked(RouteUpdate, _EXPECTED, **_entered(form)).sent(clearable={"timeout_s"})
        async with house.database.read() as tx:
            tried = await routes.proposed_change(tx, route_id, values)
        await proxy.try_out(tried)
        async with house.audit_log.change(person.call) as change:
            await routes.update_route(change, route_id, values, house.settings)
        await proxy.follow()
    except Refusal as refusal:
        return await _edit(request, proxy, person, route, form.refused(refusal))
    return see_other(f"/routes/{route_id}?done=route_saved")


@router.get("/routes/{route_id}/delete")
async def ask_delete(route_id: Id, request: Request, house: HouseHere, person: Writer) -> Response:
    return ask_name(request, _doomed(await _find(house, route_id)))


@router.post("/routes/{route_id}/delete")
async def delete(route_id: Id, request: Request, house: HouseHere, proxy: ProxyHere, person: Writer) -> Response:
    form = await read_form(request)
    doomed = _doomed(await _find(house, route_id))
    try:
        check_name(form, doomed)
        async with house.audit_log.change(person.call) as change:
            await routes.delete_route(change, route_id)
        await proxy.follow()
    except Refusal as refusal:
        return ask_name(request, doomed, form.refused(refusal))
    return see_other("/routes?done=route_deleted")


def _doomed(route: Route) -> Doomed:
    gone = "Nobody answers at this address any more. Its domain and its certificate stay."
    at = f"/routes/{route.id}"
    return Doomed("route", route.domain, gone, f"{at}/delete", at, facts=[("Path", route.path)])


async def _create(
    house: House, proxy: Proxy, person: Person, body: ServiceRouteCreate, *, service_id: int | None
) -> None:
    """Tried out by nginx before it is kept, and in force once it is."""
    kind = body.target if isinstance(body, RouteCreate) else "service"
    draft = draft_of(body, kind, service_id, getattr(body, "machine_id", None))
    async with house.database.read() as tx:
        tried = await routes.proposed(tx, draft, house.settings)
    await proxy.try_out(tried)
    async with house.audit_log.change(person.call) as change:
        await routes.create_route(change, draft, house.settings)
    await proxy.follow()


def _new(target: str = "service") -> Form:
    return Form({"target": target, "path": "/", "body_mb": "50", "websocket": "yes", "tls": "yes"})


def _shown(route: Route) -> Form:
    options = route.options
    switches = {name: getattr(route if name == "tls" else options, name) for name in _SWITCHES}
    return Form(
        {
            "domain": route.domain,
            "path": route.path,
            "port": str(route.port),
            "timeout_s": str(options.timeout_s or ""),
            "body_mb": str(options.body_mb),
            "headers": "\n".join(f"{name}: {value}" for name, value in options.headers.items()),
            **{name: "yes" if on else "" for name, on in switches.items()},
        }
    )


def _entered(form: Form) -> dict[str, Any]:
    numbers = {name: whole(form, name, _EXPECTED[name]) for name in ("port", "timeout_s", "body_mb")}
    found: dict[str, Any] = {"domain": form.text("domain"), "path": form.text("path") or "/", **numbers}
    found |= {name: bool(form.shown(name)) for name in _SWITCHES}
    found["headers"] = _headers(form)
    return {name: value for name, value in found.items() if value is not None or name in ("domain", "timeout_s")}


def _headers(form: Form) -> dict[str, str]:
    found = {}
    for line in form.lines("headers"):
        name, colon, value = line.partition(":")
        if not colon:
            raise invalid(headers=_HEADERS)
        found[name.strip()] = value.strip()
    return found


async def _edit(request: Request, proxy: Proxy, person: Person, route: Route, form: Form) -> Response:
    """With what nginx would read if this were the only route."""
    try:
        config, trouble = await proxy.preview(route.id), None
    except Refusal as refusal:
        config, trouble = "", refusal
    return render(
        request,
        "projects/route.html",
        route=routes.view(route, proxy.standing),
        route_said=ROUTES,
        config=config,
        trouble=trouble,
        form=form,
        refusal=form.refusal,
        may_change=person.may("projects.write" if route.target == "service" else "projects.admin"),
    )


async def _of_service(
    request: Request, house: House, proxy: Proxy, person: Person, service_id: int, window: Window, form: Form
) -> Response:
    async with house.database.read() as tx:
        service = await services.get_service(tx, service_id)
        page = await routes.list_routes(tx, window, service_id=service_id)
    return render(
        request,
        "projects/service_routes.html",
        service=service,
        routes=[routes.view(route, proxy.standing) for route in page.items],
        route_said=ROUTES,
        form=form,
        refusal=form.refusal,
        may_change=person.may("projects.write"),
        tabs=service_ways(service_id),
        next_address=next_address(request, f"/services/{service_id}/routes", page),
    )


async def _find(house: House, route_id: int) -> Route:
    async with house.database.read() as tx:
        return await routes.get_route(tx, route_id)
