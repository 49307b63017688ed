"""/fleet/versions: what all hosts are told at once: which version to run, and whether they are served at all."""

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.fleet.actions import published
from monoize.control.fleet.api.here import FleetHere
from monoize.control.fleet.api.published import VersionsUpdate
from monoize.control.fleet.services import Fleet
from monoize.dashboard.forms import Form, checked, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.fleet.visit import VERSIONS, Reader, Writer
from monoize.dashboard.render import render, see_other
from monoize.dashboard.session import Person

router = page_router()

_VERSION: Final = "Use a version such as 0.61.0."
_EXPECTED: Final[Mapping[str, str]] = {"client_available": _VERSION, "client_lock": _VERSION}


@router.get(VERSIONS)
async def show(request: Request, fleet: FleetHere, person: Reader) -> Response:
    return await _show(request, fleet, person, None)


@router.post(VERSIONS)
async def publish(request: Request, house: HouseHere, fleet: FleetHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        body = checked(VersionsUpdate, _EXPECTED, **{name: form.text(name) for name in _EXPECTED})
        async with house.audit_log.change(person.call) as change:
            await published.publish(change, body.sent(clearable=frozenset(_EXPECTED)))
    except Refusal as refusal:
        return await _show(request, fleet, person, form.refused(refusal))
    return see_other(f"{VERSIONS}?done=versions_published")


@router.post("/fleet/versions/switch-off")
async def switch_off(house: HouseHere, person: Writer) -> Response:
    """Hosts are served nothing any more; operators are, so that somebody can switch it on again."""
    async with house.audit_log.change(person.call) as change:
        await published.switch_api(change, disabled=True)
    return see_other(f"{VERSIONS}?done=fleet_off")


@router.post("/fleet/versions/switch-on")
async def switch_on(house: HouseHere, person: Writer) -> Response:
    async with house.audit_log.change(person.call) as change:
        await published.switch_api(change, disabled=False)
    return see_other(f"{VERSIONS}?done=fleet_on")


async def _show(request: Request, fleet: Fleet, person: Person, form: Form | None) -> Response:
    now = await fleet.published.current()
    kept = {"client_available": now.client_available or "", "client_lock": now.client_lock or ""}
    return render(
        request,
        "fleet/versions.html",
        published=now,
        form=form or Form(kept),
        refusal=form.refusal if form else None,
        may_change=person.may("fleet.write"),
    )
