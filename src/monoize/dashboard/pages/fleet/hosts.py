"""/hosts: enrolled computers; let in, held up, looked at and forgotten."""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import STORABLE, Window
from monoize.control.fleet.actions import enrolment, hosts, pools, usage_overview
from monoize.control.fleet.actions.enrolment import Enrolled
from monoize.control.fleet.actions.hosts import HostFilter
from monoize.control.fleet.api.here import FleetHere
from monoize.control.fleet.api.hosts import HostEnrol, HostUpdate, WindowOpen
from monoize.control.fleet.api.wire import HostRef
from monoize.control.fleet.model.alerts import STALE_AFTER
from monoize.control.fleet.model.hosts import Host, HostStatus
from monoize.control.fleet.model.usage_overview import Whose
from monoize.control.fleet.model.versions import wanted_version
from monoize.control.fleet.services import Fleet
from monoize.dashboard.amounts import whole
from monoize.dashboard.destroying import Doomed, ask_name, check_name
from monoize.dashboard.forms import Form, checked, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.fleet.charts import days_chart
from monoize.dashboard.pages.fleet.visit import HOSTS, Reader, Writer, base_url
from monoize.dashboard.pages.fleet.words import host_said
from monoize.dashboard.render import next_address, render, see_other
from monoize.dashboard.session import Person
from monoize.infra.db import Tx

router = page_router()

Trait = Literal["", "behind", "silent", "open", "insecure"]
_POOLS: Final = Window(200, None)
_DAY: Final = dt.timedelta(days=1)
_LISTS: Final = ("tags", "allowed_targets")
_SWITCHES: Final = ("secure", "vip", "roaming", "temporary")
_EXPECTED: Final[Mapping[str, str]] = {
    "fqdn": "Use a name such as build-07.example.com, and no bare number.",
    "pool": "Choose one of these.",
    "tags": "Use one on each line: letters, digits, dots, dashes and colons, 64 at most.",
    "allowed_targets": "Use one address on each line.",
    "client_version_override": "Use a version such as 0.61.0.",
    "model_override": "Use the name of a model.",
    "reasoning_effort_override": "Use a word such as high.",
    "minutes": "Use minutes, 480 at most.",
}
_TRAITS: Final[Mapping[Trait, str]] = {
    "": "Any",
    "behind": "Behind its pool's credential",
    "silent": "Silent for a week",
    "open": "Insecure, window open",
    "insecure": "Insecure",
}
_PINS: Final = ("client_version_override", "model_override", "reasoning_effort_override")

Name = Annotated[str, Query(max_length=253), STORABLE]


@router.get(HOSTS)
async def show(
    request: Request,
    house: HouseHere,
    fleet: FleetHere,
    person: Reader,
    window: Annotated[Window, Depends(number_window)],
    name: Name = "",
    status: Annotated[HostStatus | None, Query()] = None,
    pool: Annotated[str, Query(max_length=64, pattern=r"^[a-z0-9._-]*$")] = "",
    trait: Trait = "",
) -> Response:
    published = await fleet.published.current()
    wanted = dataclasses.replace(
        _traits(utc_now())[trait], pool=pool or None, status=status, name=name.strip() or None
    )
    async with house.database.read() as tx:
        page = await hosts.list_hosts(tx, window, wanted)
        in_step = await hosts.in_step(tx, page.items)
        known = await pools.many(tx, {host.pool_id for host in page.items})
        choices = await _pool_choices(tx)
    return render(
        request,
        "fleet/hosts.html",
        hosts=page.items,
        in_step=in_step,
        pools=known,
        versions={
            host.id: wanted_version(published, known[host.pool_id], host).version
            for host in page.items
            if host.pool_id in known
        },
        pool_names=choices,
        host_said=host_said,
        now=utc_now(),
        published=published,
        filter=Form({"name": name, "status": status or "", "pool": pool, "trait": trait}),
        traits=list(_TRAITS.items()),
        filtered=wanted != HostFilter(),
        next_address=next_address(request, HOSTS, page),
    )


@router.get("/hosts/new")
async def ask(request: Request, house: HouseHere, person: Writer) -> Response:
    return await _ask(request, house, Form({"secure": "yes", "pool": "default"}))


@router.post(HOSTS)
async def enrol(request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        address, now = base_url(request, house), utc_now()
        body = checked(HostEnrol, _EXPECTED, fqdn=form.text("fqdn"), pool=form.text("pool"), **_switches(form))
        values = body.model_dump(exclude={"fqdn"}, exclude_none=True)
        async with house.audit_log.change(person.call) as change:
            enrolled = await enrolment.enrol(change, house.seal, body.fqdn, values, address, now)
    except Refusal as refusal:
        return await _ask(request, house, form.refused(refusal))
    return _enrolled(request, enrolled)


@router.get("/hosts/{host}")
async def show_one(host: HostRef, request: Request, house: HouseHere, fleet: FleetHere, person: Reader) -> Response:
    return await _show_one(request, house, fleet, person, host)


@router.post("/hosts/{host}")
async def update(host: HostRef, request: Request, house: HouseHere, fleet: FleetHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        entered: dict[str, Any] = {name: form.text(name) for name in _PINS}
        entered |= {name: form.lines(name) or None for name in _LISTS}
        # What says for how long is not asked anew each time that something else is saved.
        switches = {name: on for name, on in _switches(form).items() if name != "temporary"}
        body = checked(HostUpdate, _EXPECTED, pool=form.text("pool"), **switches, **entered)
        async with house.audit_log.change(person.call) as change:
            values = body.sent(clearable=(*_PINS, *_LISTS))
            await hosts.update_host(change, host, values, utc_now())
    except Refusal as refusal:
        return await _show_one(request, house, fleet, person, host, form.refused(refusal))
    return see_other(f"/hosts/{host}?done=host_saved")


@router.post("/hosts/{host}/rotate")
async def rotate(host: HostRef, request: Request, house: HouseHere, person: Writer) -> Response:
    """A new key and a new install link; the key before is refused from now on."""
    address, now = base_url(request, house), utc_now()
    async with house.audit_log.change(person.call) as change:
        enrolled = await enrolment.rotate(change, house.seal, host, address, now)
    return _enrolled(request, enrolled)


@router.post("/hosts/{host}/suspend")
async def suspend(host: HostRef, house: HouseHere, person: Writer) -> Response:
    async with house.audit_log.change(person.call) as change:
        await hosts.suspend(change, host)
    return see_other(f"/hosts/{host}?done=host_suspended")


@router.post("/hosts/{host}/resume")
async def resume(host: HostRef, house: HouseHere, person: Writer) -> Response:
    async with house.audit_log.change(person.call) as change:
        await hosts.resume(change, host)
    return see_other(f"/hosts/{host}?done=host_resumed")


@router.post("/hosts/{host}/unbind")
async def unbind(host: HostRef, house: HouseHere, person: Writer) -> Response:
    async with house.audit_log.change(person.call) as change:
        await hosts.unbind(change, host)
    return see_other(f"/hosts/{host}?done=host_unbound")


@router.post("/hosts/{host}/clear")
async def clear(host: HostRef, house: HouseHere, person: Writer) -> Response:
    async with house.audit_log.change(person.call) as change:
        await hosts.clear(change, host)
    return see_other(f"/hosts/{host}?done=host_cleared")


@router.post("/hosts/{host}/window")
async def open_window(
    host: HostRef, request: Request, house: HouseHere, fleet: FleetHere, person: Writer
) -> Response:
    form = await read_form(request)
    try:
        body = checked(WindowOpen, _EXPECTED, minutes=whole(form, "minutes", _EXPECTED["minutes"]))
        async with house.audit_log.change(person.call) as change:
            await hosts.open_window(change, host, body.minutes, utc_now())
    except Refusal as refusal:
        return await _show_one(request, house, fleet, person, host, opening=form.refused(refusal))
    return see_other(f"/hosts/{host}?done=window_opened")


@router.post("/hosts/{host}/window/close")
async def close_window(host: HostRef, house: HouseHere, person: Writer) -> Response:
    async with house.audit_log.change(person.call) as change:
        await hosts.close_window(change, host)
    return see_other(f"/hosts/{host}?done=window_closed")


@router.get("/hosts/{host}/delete")
async def ask_delete(host: HostRef, request: Request, house: HouseHere, person: Writer) -> Response:
    return ask_name(request, _doomed(await _find(house, host)))


@router.post("/hosts/{host}/delete")
async def delete(host: HostRef, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    doomed = _doomed(await _find(house, host))
    try:
        check_name(form, doomed)
        async with house.audit_log.change(person.call) as change:
            await hosts.delete_host(change, host)
    except Refusal as refusal:
        return ask_name(request, doomed, form.refused(refusal))
    return see_other(f"{HOSTS}?done=host_deleted")


def _doomed(host: Host) -> Doomed:
    gone = "Its key is refused at once. What its tools reported that they used is kept."
    at = f"/hosts/{host.id}"
    return Doomed("host", host.fqdn, gone, f"{at}/delete", at)


def _traits(now: dt.datetime) -> Mapping[Trait, HostFilter]:
    return {
        "": HostFilter(),
        "behind": HostFilter(behind=True),
        "silent": HostFilter(silent_since=now - STALE_AFTER),
        "open": HostFilter(window_open_at=now),
        "insecure": HostFilter(insecure=True),
    }


def _switches(form: Form) -> dict[str, bool]:
    return {name: bool(form.shown(name)) for name in _SWITCHES}


def _enrolled(request: Request, enrolled: Enrolled) -> Response:
    """Its key is on this answer, and nowhere else."""
    return render(request, "fleet/enrolled.html", status=201, enrolled=enrolled)


async def _ask(request: Request, house: House, form: Form) -> Response:
    async with house.database.read() as tx:
        choices = await _pool_choices(tx)
    return render(request, "fleet/host_new.html", form=form, refusal=form.refusal, pool_choices=choices)


async def _show_one(
    request: Request,
    house: House,
    fleet: Fleet,
    person: Person,
    named: str,
    form: Form | None = None,
    *,
    opening: Form | None = None,
) -> Response:
    now = utc_now()
    published = await fleet.published.current()
    async with house.database.read() as tx:
        host = await hosts.find(tx, named)
        pool = await pools.get_pool(tx, host.pool_id)
        is_in_step = host.id in await hosts.in_step(tx, [host])
        users = (await hosts.list_users(tx, named)).users
        whose = Whose(host=str(host.id))
        used = await usage_overview.overview(tx, whose, now)
        by_day = await usage_overview.days(tx, whose, None, now.date() + _DAY)
        choices = await _pool_choices(tx)
    return render(
        request,
        "fleet/host.html",
        host=host,
        pool=pool,
        said=host_said(host, now),
        is_in_step=is_in_step,
        wanted=wanted_version(published, pool, host),
        users=users,
        used=used,
        chart=days_chart("Tokens by day", by_day.items),
        now=now,
        form=form or _kept(host, pool.name),
        opening=opening or Form({"minutes": str(host.insecure_window_minutes)}),
        refusal=next((each.refusal for each in (form, opening) if each), None),
        pool_choices=choices,
        may_change=person.may("fleet.write"),
    )


def _kept(host: Host, pool: str) -> Form:
    lists = {name: "\n".join(getattr(host, name) or ()) for name in _LISTS}
    pins = {name: getattr(host, name) or "" for name in _PINS}
    switches = {name: "yes" if getattr(host, name) else "" for name in ("secure", "vip", "roaming")}
    return Form({"pool": pool, **lists, **pins, **switches})


async def _pool_choices(tx: Tx) -> list[tuple[str, str]]:
    return [(pool.name, pool.name) for pool in (await pools.list_pools(tx, _POOLS)).items]


async def _find(house: House, named: str) -> Host:
    async with house.database.read() as tx:
        return await hosts.find(tx, named)
