"""/mcp-calls: which tools were called by whom and what came of it, and how much each tool is used."""

from typing import Annotated, Final, Literal

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from monoize.control.edge.here import HouseHere
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Uuid, Window
from monoize.control.mcp.actions import calls, services
from monoize.dashboard.agent_records import agent_records
from monoize.dashboard.forms import Form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.governance.visit import Reader
from monoize.dashboard.pages.mcp import words
from monoize.dashboard.render import next_address, render
from monoize.infra.db import Tx

router = page_router()

PATH: Final = "/mcp-calls"
_ALL: Final = Window(200, None)
Days = Literal["1", "7", "30", "90"]


@router.get(PATH)
async def show(
    request: Request,
    house: HouseHere,
    person: Reader,
    window: Annotated[Window, Depends(uuid_window)],
    service_id: Annotated[Uuid | Literal[""], Query()] = "",
    agent_id: Annotated[Uuid | Literal[""], Query()] = "",
) -> Response:
    async with house.database.read() as tx:
        page = await calls.list_calls(
            tx, window, service_id=service_id or None, agent_id=agent_id or None, tenant_id=None
        )
        known = await _services(tx)
        agents = dict(await agent_records(tx, person))
    return render(
        request,
        "mcp/calls.html",
        calls=page.items,
        services=known,
        agents=agents,
        words=words,
        filter=Form({"service_id": service_id, "agent_id": agent_id}),
        next_address=next_address(request, PATH, page),
    )


@router.get("/mcp-calls/use")
async def show_use(
    request: Request,
    house: HouseHere,
    person: Reader,
    days: Annotated[Days, Query()] = "7",
    service_id: Annotated[Uuid | Literal[""], Query()] = "",
) -> Response:
    async with house.database.read() as tx:
        found = await calls.list_use(tx, days=int(days), service_id=service_id or None)
        known = await _services(tx)
    return render(
        request,
        "mcp/use.html",
        use=words.added_up(found),
        complete=len(found) < calls.USE_ROWS_MOST,
        services=known,
        filter=Form({"days": days, "service_id": service_id}),
    )


async def _services(tx: Tx) -> list[tuple[str, str]]:
    return [(service.id, service.name) for service in (await services.list_services(tx, _ALL)).items]
