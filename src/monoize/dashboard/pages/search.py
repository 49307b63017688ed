"""/search: what the command palette shows, and a page of the same without scripts."""

from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from monoize.control.edge.here import HouseHere
from monoize.control.edge.wire import STORABLE
from monoize.dashboard.forms import Form
from monoize.dashboard.page import page_router
from monoize.dashboard.render import part, render
from monoize.dashboard.search import search
from monoize.dashboard.session import PersonHere

router = page_router()

Text = Annotated[str, Query(max_length=200), STORABLE]


@router.get("/search")
async def show(request: Request, house: HouseHere, person: PersonHere, q: Text = "") -> Response:
    async with house.database.read() as tx:
        found = await search(tx, request.app, house, person, q)
    return render(request, "search/search.html", form=Form({"q": q}), text=q.strip(), found=found)


@router.get("/search/results")
async def results(request: Request, house: HouseHere, person: PersonHere, q: Text = "") -> Response:
    """Only what was found, for the palette."""
    async with house.database.read() as tx:
        found = await search(tx, request.app, house, person, q)
    return HTMLResponse(part("search/results.html", text=q.strip(), found=found))
