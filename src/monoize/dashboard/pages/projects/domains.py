"""/domains: whose they are, what belongs into DNS to prove it, and whether their routes are in force."""

from typing import Annotated, Final

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import Window
from monoize.control.projects.actions import domains
from monoize.control.projects.api.domains import DomainCreate
from monoize.control.projects.api.here import ProxyHere
from monoize.control.projects.api.variables import Id
from monoize.control.projects.model.domains import Domain
from monoize.dashboard.destroying import Doomed, ask_name, check_name
from monoize.dashboard.forms import Form, checked, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.projects.visit import Administrator, routing_ways
from monoize.dashboard.pages.projects.words import DOMAINS, NEXT_ACTIONS
from monoize.dashboard.render import next_address, render, see_other
from monoize.dashboard.session import Person

router = page_router()

PATH: Final = "/domains"
_FIRST: Final = Window(20, None)


@router.get(PATH)
async def show(
    request: Request, house: HouseHere, person: Administrator, window: Annotated[Window, Depends(number_window)]
) -> Response:
    return await _show(request, house, person, window, Form())


@router.post(PATH)
async def create(request: Request, house: HouseHere, person: Administrator) -> Response:
    form = await read_form(request)
    try:
        body = checked(DomainCreate, {"name": "Use a name such as app.example.com."}, name=form.text("name"))
        provider = await domains.provider_of(body.name, house.settings)
        async with house.audit_log.change(person.call) as change:
            made = await domains.create_domain(change, body.name, provider)
    except Refusal as refusal:
        return await _show(request, house, person, _FIRST, form.refused(refusal))
    return see_other(f"/domains/{made.id}")


@router.get("/domains/{domain_id}")
async def show_one(domain_id: Id, request: Request, house: HouseHere, person: Administrator) -> Response:
    return await _show_one(request, house, domain_id)


@router.post("/domains/{domain_id}/configure")
async def configure(domain_id: Id, request: Request, house: HouseHere, person: Administrator) -> Response:
    """Write its records into DNS, where its provider lets us."""
    try:
        zone_id = await domains.write_records(await _find(house, domain_id), house.settings)
        async with house.audit_log.change(person.call) as change:
            await domains.configured(change, domain_id, zone_id)
    except Refusal as refusal:
        return await _show_one(request, house, domain_id, refusal)
    return see_other(f"/domains/{domain_id}?done=domain_configured")


@router.post("/domains/{domain_id}/verify")
async def verify(
    domain_id: Id, request: Request, house: HouseHere, proxy: ProxyHere, person: Administrator
) -> Response:
    try:
        found = await domains.look(await _find(house, domain_id), house.settings)
        async with house.audit_log.change(person.call) as change:
            await domains.verify(change, domain_id, found, house.settings, utc_now())
        await proxy.follow()
    except Refusal as refusal:
        return await _show_one(request, house, domain_id, refusal)
    return see_other(f"/domains/{domain_id}?done=domain_looked_up")


@router.post("/domains/{domain_id}/activate")
async def activate(
    domain_id: Id, request: Request, house: HouseHere, proxy: ProxyHere, person: Administrator
) -> Response:
    try:
        async with house.audit_log.change(person.call) as change:
            await domains.activate(change, domain_id, house.settings)
        await proxy.follow()
    except Refusal as refusal:
        return await _show_one(request, house, domain_id, refusal)
    return see_other(f"/domains/{domain_id}?done=domain_activated")


@router.get("/domains/{domain_id}/delete")
async def ask_delete(domain_id: Id, request: Request, house: HouseHere, person: Administrator) -> Response:
    return ask_name(request, _doomed(await _find(house, domain_id)))


@router.post("/domains/{domain_id}/delete")
async def delete(domain_id: Id, request: Request, house: HouseHere, person: Administrator) -> Response:
    form = await read_form(request)
    doomed = _doomed(await _find(house, domain_id))
    try:
        check_name(form, doomed)
        async with house.audit_log.change(person.call) as change:
            await domains.delete_domain(change, domain_id)
    except Refusal as refusal:
        return ask_name(request, doomed, form.refused(refusal))
    return see_other("/domains?done=domain_deleted")


def _doomed(domain: Domain) -> Doomed:
    gone = "Whoever proves it next starts from the beginning. Routes that still use it keep it from being deleted."
    return Doomed("domain", domain.name, gone, f"/domains/{domain.id}/delete", f"/domains/{domain.id}")


async def _show(request: Request, house: House, person: Person, window: Window, form: Form) -> Response:
    async with house.database.read() as tx:
        page = await domains.list_domains(tx, window, (), None)
    return render(
        request,
        "projects/domains.html",
        domains=page.items,
        domain_said=DOMAINS,
        form=form,
        refusal=form.refusal,
        tabs=routing_ways(person),
        next_address=next_address(request, PATH, page),
    )


async def _show_one(request: Request, house: House, domain_id: int, refusal: Refusal | None = None) -> Response:
    return render(
        request,
        "projects/domain.html",
        domain=domains.view(await _find(house, domain_id), house.settings),
        domain_said=DOMAINS,
        next_actions=NEXT_ACTIONS,
        refusal=refusal,
    )


async def _find(house: House, domain_id: int) -> Domain:
    async with house.database.read() as tx:
        return await domains.get_domain(tx, domain_id)
