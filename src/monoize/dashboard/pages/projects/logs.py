"""/services/{id}/logs: the last lines of what runs, and what follows them."""

from typing import Annotated, Any

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.projects.actions import running, services
from monoize.control.projects.api.here import EngineHere
from monoize.control.projects.api.variables import Id
from monoize.control.projects.drivers.engine import Engine, readable
from monoize.dashboard.live import live_part
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.projects.visit import Reader, service_ways
from monoize.dashboard.render import part, render

router = page_router()

Lines = Annotated[int, Query(ge=1, le=running.TAIL_MOST)]


@router.get("/services/{service_id}/logs")
async def show(
    service_id: Id, request: Request, house: HouseHere, engine: EngineHere, person: Reader, lines: Lines = 200
) -> Response:
    async with house.database.read() as tx:
        service = await services.get_service(tx, service_id)
    return render(
        request,
        "projects/logs.html",
        service=service,
        lines_asked=lines,
        tabs=service_ways(service_id),
        **await _tail(house, engine, service_id, lines),
    )


@router.get("/services/{service_id}/logs/live")
async def follow(
    service_id: Id, request: Request, house: HouseHere, engine: EngineHere, person: Reader, lines: Lines = 200
) -> Response:
    async def look() -> str:
        return part("projects/log_lines.html", **await _tail(house, engine, service_id, lines))

    await look()
    return live_part(request, person, look, every_s=1.0, permission="projects.read")


async def _tail(house: House, engine: Engine, service_id: int, lines: int) -> dict[str, Any]:
    """The lines, or why there are none. Asked anew each time, so that it goes on with the next release."""
    try:
        with readable():
            found = await running.instances_of(house.database, engine, service_id, replica=None)
            return {"lines": await running.tail(engine, found, lines, None), "trouble": None}
    except Refusal as refusal:
        if refusal.status == 404:
            raise
        return {"lines": (), "trouble": refusal}
