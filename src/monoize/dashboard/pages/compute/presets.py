"""/presets: sizes of machines at providers, for administrators."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal
from monoize.control.compute.actions import presets
from monoize.control.compute.api.here import ComputeHere
from monoize.control.compute.api.presets import PresetCreate, PresetUpdate
from monoize.control.compute.model.plans import Preset
from monoize.control.compute.services import Compute
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Uuid, Window
from monoize.dashboard.amounts import whole
from monoize.dashboard.destroying import Doomed, ask_name, check_name
from monoize.dashboard.forms import Form, checked, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.render import next_address, render, see_other
from monoize.dashboard.session import Person, permitted

router = page_router()

PATH: Final = "/presets"
Reader = Annotated[Person, permitted("compute.read")]
Writer = Annotated[Person, permitted("compute.write")]

_EXPECTED: Final[Mapping[str, str]] = {
    "name": "Use lower-case letters, digits, dots, dashes and underscores, 64 at most.",
    "provider": "Choose one of the providers.",
    "image": "Use what the provider starts, of 512 characters at most.",
    "cpu_millicores": "Use a whole number above 0.",
    "memory_mb": "Use a whole number above 0.",
    "disk_gb": "Use a whole number.",
}
_NUMBERS: Final = ("cpu_millicores", "memory_mb", "disk_gb")


@router.get(PATH)
async def show(
    request: Request, house: HouseHere, person: Reader, window: Annotated[Window, Depends(uuid_window)]
) -> Response:
    async with house.database.read() as tx:
        page = await presets.list_presets(tx, person.call.principal, window)
    return render(
        request, "compute/presets.html", presets=page.items, next_address=next_address(request, PATH, page)
    )


@router.get("/presets/new")
async def ask(request: Request, compute: ComputeHere, person: Writer) -> Response:
    first = Form({"cpu_millicores": "1000", "memory_mb": "1024", "disk_gb": "10"})
    return _form(request, compute, first)


@router.post(PATH)
async def create(request: Request, house: HouseHere, compute: ComputeHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        body = checked(PresetCreate, _EXPECTED, provider=form.text("provider"), **_entered(form))
        compute.drivers.of(body.provider)
        async with house.audit_log.change(person.call) as change:
            await presets.create_preset(change, body.model_dump())
    except Refusal as refusal:
        return _form(request, compute, form.refused(refusal))
    return see_other("/presets?done=preset_created")


@router.get("/presets/{preset_id}")
async def show_one(
    preset_id: Uuid, request: Request, house: HouseHere, compute: ComputeHere, person: Reader
) -> Response:
    preset = await _find(house, person, preset_id)
    values = {name: str(getattr(preset, name)) for name in ("name", "provider", "image", *_NUMBERS)}
    return _form(request, compute, Form(values), preset)


@router.post("/presets/{preset_id}")
async def update(
    preset_id: Uuid, request: Request, house: HouseHere, compute: ComputeHere, person: Writer
) -> Response:
    form = await read_form(request)
    preset = await _find(house, person, preset_id)
    try:
        body = checked(PresetUpdate, _EXPECTED, **_entered(form))
        async with house.audit_log.change(person.call) as change:
            await presets.update_preset(change, preset_id, body.sent())
    except Refusal as refusal:
        return _form(request, compute, form.refused(refusal), preset)
    return see_other("/presets?done=preset_saved")


@router.get("/presets/{preset_id}/delete")
async def ask_delete(preset_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    return ask_name(request, _doomed(await _find(house, person, preset_id)))


@router.post("/presets/{preset_id}/delete")
async def delete(preset_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    preset = await _find(house, person, preset_id)
    try:
        check_name(form, _doomed(preset))
        async with house.audit_log.change(person.call) as change:
            await presets.delete_preset(change, preset_id)
    except Refusal as refusal:
        return ask_name(request, _doomed(preset), form.refused(refusal))
    return see_other("/presets?done=preset_deleted")


def _doomed(preset: Preset) -> Doomed:
    gone = "No more machines are made from it. One that machines were made from stays: take it out of the plans."
    return Doomed("preset", preset.name, gone, f"/presets/{preset.id}/delete", f"/presets/{preset.id}")


def _entered(form: Form) -> dict[str, Any]:
    numbers = {name: whole(form, name, _EXPECTED[name]) for name in _NUMBERS}
    return {"name": form.text("name"), "image": form.text("image"), **numbers}


def _form(request: Request, compute: Compute, form: Form, preset: Preset | None = None) -> Response:
    """Of a new one, or of one that is there, whose provider stays."""
    names = sorted(driver.name for driver in compute.drivers.all)
    return render(
        request,
        "compute/preset_form.html",
        form=form,
        refusal=form.refusal,
        preset=preset,
        providers=[(name, name) for name in names],
    )


async def _find(house: House, person: Person, preset_id: str) -> Preset:
    async with house.database.read() as tx:
        return await presets.get_preset(tx, person.call.principal, preset_id)
