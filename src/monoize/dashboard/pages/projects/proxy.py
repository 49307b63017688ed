"""/proxy: what nginx serves and what it was last told; and the lockdown of the whole room."""

from typing import Annotated

from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.projects.actions import generations, lockdown
from monoize.control.projects.api.here import ProxyHere
from monoize.control.projects.api.lockdown import LockdownBegin
from monoize.dashboard.forms import checked, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.projects.visit import Administrator, routing_ways
from monoize.dashboard.render import render, see_other
from monoize.dashboard.session import Person, permitted

router = page_router()

Keeper = Annotated[Person, permitted("system.write")]


@router.get("/proxy")
async def show(request: Request, house: HouseHere, proxy: ProxyHere, person: Administrator) -> Response:
    async with house.database.read() as tx:
        history = await generations.newest(tx)
        locked = await lockdown.standing(tx)
    try:
        config, trouble = await proxy.preview(), None
    except Refusal as refusal:
        config, trouble = "", refusal
    return render(
        request,
        "projects/proxy.html",
        standing=proxy.standing,
        is_running=proxy.is_running(),
        history=history,
        config=config,
        trouble=trouble,
        lockdown=locked,
        tabs=routing_ways(person),
    )


@router.post("/proxy/reload")
async def reload(house: HouseHere, proxy: ProxyHere, person: Administrator) -> Response:
    """Make nginx serve what there is, even where nothing seems to have changed."""
    standing = await proxy.reload()
    async with house.audit_log.change(person.call) as change:
        change.record("nginx.reload", "nginx", standing.generation)
    return see_other("/proxy?done=proxy_reloaded")


@router.post("/proxy/lockdown")
async def lock_down(request: Request, house: HouseHere, person: Keeper) -> Response:
    form = await read_form(request)
    body = checked(LockdownBegin, {"reason": "Use 160 characters at most."}, reason=form.text("reason"))
    async with house.audit_log.change(person.call) as change:
        await lockdown.lock_down(change, body.reason)
    return see_other("/projects?done=lockdown_begun")


@router.post("/proxy/lockdown/lift")
async def lift(house: HouseHere, person: Keeper) -> Response:
    async with house.audit_log.change(person.call) as change:
        await lockdown.lift(change)
    return see_other("/projects?done=lockdown_lifted")
