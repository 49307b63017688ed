"""/orphans: containers that bear our label and that no service answers for; removed by name, or made a service."""

from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.projects.actions import orphans
from monoize.control.projects.actions.orphans import Adoptable
from monoize.control.projects.api.here import EngineHere
from monoize.control.projects.api.orphans import Adopt, ContainerId
from monoize.control.projects.model.instances import Instance
from monoize.dashboard.destroying import Doomed, ask_name, check_name
from monoize.dashboard.forms import Form, checked, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.projects.config_form import port_text, volume_text
from monoize.dashboard.pages.projects.visit import Administrator
from monoize.dashboard.render import render, see_other

router = page_router()

PATH: Final = "/orphans"
_EXPECTED: Final = {
    "name": "Use small letters, digits and dashes, 63 at most.",
    "project": "Use letters, digits, blanks, dots, dashes and underscores, 64 at most.",
}


@router.get(PATH)
async def show(request: Request, house: HouseHere, engine: EngineHere, person: Administrator) -> Response:
    """As the engine tells now; one that does not answer is said to be so on the page."""
    found: Sequence[Instance] = ()
    problem: Refusal | None = None
    try:
        found = await orphans.list_orphans(house, engine)
    except Refusal as refusal:
        problem = refusal
    return render(request, "projects/orphans.html", orphans=found, problem=problem)


@router.get("/orphans/{container_id}/adopt")
async def ask_adoption(
    container_id: ContainerId, request: Request, house: HouseHere, engine: EngineHere, person: Administrator
) -> Response:
    found = await orphans.find_adoptable(house, engine, container_id)
    async with house.database.read() as tx:
        there = await orphans.project_of(tx, found)
    return _adoption(request, container_id, found, Form({"project": there.name if there else ""}))


@router.post("/orphans/{container_id}/adopt")
async def adopt(
    container_id: ContainerId, request: Request, house: HouseHere, engine: EngineHere, person: Administrator
) -> Response:
    form = await read_form(request)
    found = await orphans.find_adoptable(house, engine, container_id)
    try:
        body = checked(Adopt, _EXPECTED, name=form.text("name"), project=form.text("project"))
        async with house.audit_log.change(person.call) as change:
            service = await orphans.adopt(change, house.seal, found, name=body.name, project=body.project)
    except Refusal as refusal:
        return _adoption(request, container_id, found, form.refused(refusal))
    await orphans.pin(engine, found)
    return see_other(f"/services/{service.id}?done=orphan_adopted")


@router.get("/orphans/{container_id}/remove")
async def ask_removal(
    container_id: ContainerId, request: Request, house: HouseHere, engine: EngineHere, person: Administrator
) -> Response:
    return ask_name(request, _doomed(await orphans.find_orphan(house, engine, container_id, force=True)))


@router.post("/orphans/{container_id}/remove")
async def remove(
    container_id: ContainerId, request: Request, house: HouseHere, engine: EngineHere, person: Administrator
) -> Response:
    form = await read_form(request)
    # Whoever types its name has been told whether it runs.
    orphan = await orphans.find_orphan(house, engine, container_id, force=True)
    doomed = _doomed(orphan)
    try:
        check_name(form, doomed)
        async with house.audit_log.change(person.call) as change:
            await orphans.tell_removal(change, orphan)
        await orphans.remove_orphan(engine, orphan)
    except Refusal as refusal:
        return ask_name(request, doomed, form.refused(refusal))
    return see_other(f"{PATH}?done=orphan_removed")


def _adoption(request: Request, container_id: str, found: Adoptable, form: Form) -> Response:
    return render(
        request,
        "projects/orphan_adopt.html",
        container_id=container_id,
        found=found,
        form=form,
        refusal=form.refusal,
        port_text=port_text,
        volume_text=volume_text,
    )


def _doomed(orphan: Instance) -> Doomed:
    return Doomed(
        "container",
        orphan.name,
        "It is stopped if it runs, and removed with all that was written in it. Volumes stay.",
        f"{PATH}/{orphan.container_id}/remove",
        PATH,
        verb="Remove",
        facts=(("State", orphan.state), ("Id", orphan.container_id[:12])),
    )
