"""/plans: what people may have and use, for administrators; whom a plan is given to, and its presets."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal
from monoize.control.compute.actions import plans, presets
from monoize.control.compute.api.plans import PlanCreate, PlanUpdate
from monoize.control.compute.model.plans import GIB, Plan
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Uuid, Window
from monoize.dashboard.amounts import scaled, units, whole
from monoize.dashboard.destroying import Doomed, ask_name, check_name
from monoize.dashboard.forms import Form, checked, read_form
from monoize.dashboard.gauges import cents, cpu_hours, gb_hours
from monoize.dashboard.page import page_router
from monoize.dashboard.people import named_user
from monoize.dashboard.render import next_address, render, see_other
from monoize.dashboard.session import Person, permitted

router = page_router()

PATH: Final = "/plans"
Reader = Annotated[Person, permitted("compute.read")]
Writer = Annotated[Person, permitted("compute.write")]

_MS_PER_HOUR: Final = 3_600_000
_MB_SECONDS_PER_GB_HOUR: Final = 1024 * 3600
_ALL_PRESETS: Final = Window(200, None)
_AMOUNT: Final = "Use a number such as 100 or 0.5."
_RATE: Final = "Use whole cents, such as 9."
_EXPECTED: Final[Mapping[str, str]] = {
    "name": "Use lower-case letters, digits, dots, dashes and underscores, 64 at most.",
    "max_agents": "Use a whole number.",
    "max_vpses": "Use a whole number.",
    **dict.fromkeys(("max_bandwidth_bytes", "max_storage_bytes", "max_cpu_ms", "max_memory_mb_seconds"), _AMOUNT),
    "overage_bandwidth_cost_per_gb_cents": _RATE,
    "overage_cpu_cost_per_hour_cents": _RATE,
    "overage_memory_cost_per_gb_hour_cents": _RATE,
}
# The units in which people say what a month includes.
UNITS: Final[Mapping[str, int]] = {
    "max_bandwidth_bytes": GIB,
    "max_storage_bytes": GIB,
    "max_cpu_ms": _MS_PER_HOUR,
    "max_memory_mb_seconds": _MB_SECONDS_PER_GB_HOUR,
}
_WHOLE: Final = (
    "max_agents",
    "max_vpses",
    "overage_bandwidth_cost_per_gb_cents",
    "overage_cpu_cost_per_hour_cents",
    "overage_memory_cost_per_gb_hour_cents",
)


@router.get(PATH)
async def show(
    request: Request, house: HouseHere, person: Reader, window: Annotated[Window, Depends(uuid_window)]
) -> Response:
    async with house.database.read() as tx:
        page = await plans.list_plans(tx, person.call.principal, window)
    return render(
        request,
        "compute/plans.html",
        plans=page.items,
        cents=cents,
        cpu_hours=cpu_hours,
        gb_hours=gb_hours,
        next_address=next_address(request, PATH, page),
    )


@router.get("/plans/new")
async def ask(request: Request, person: Writer) -> Response:
    return render(request, "compute/plan_new.html", form=Form({"max_agents": "1", "max_vpses": "1"}))


@router.post(PATH)
async def create(request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        body = checked(PlanCreate, _EXPECTED, **_entered(form))
        async with house.audit_log.change(person.call) as change:
            plan = await plans.create_plan(change, body.model_dump(exclude_none=True))
    except Refusal as refusal:
        return render(request, "compute/plan_new.html", form=form.refused(refusal), refusal=refusal)
    return see_other(f"/plans/{plan.id}?done=plan_created")


@router.get("/plans/{plan_id}")
async def show_one(plan_id: Uuid, request: Request, house: HouseHere, person: Reader) -> Response:
    return await _show_one(request, house, person, plan_id)


@router.post("/plans/{plan_id}")
async def update(plan_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        body = checked(PlanUpdate, _EXPECTED, **_entered(form))
        async with house.audit_log.change(person.call) as change:
            await plans.update_plan(change, plan_id, body.model_dump(exclude_none=True))
    except Refusal as refusal:
        return await _show_one(request, house, person, plan_id, form=form.refused(refusal))
    return see_other(f"/plans/{plan_id}?done=plan_saved")


@router.post("/plans/{plan_id}/presets/{preset_id}/include")
async def include(plan_id: Uuid, preset_id: Uuid, house: HouseHere, person: Writer) -> Response:
    async with house.audit_log.change(person.call) as change:
        await presets.link(change, plan_id, preset_id)
    return see_other(f"/plans/{plan_id}?done=preset_included#presets")


@router.post("/plans/{plan_id}/presets/{preset_id}/leave-out")
async def leave_out(plan_id: Uuid, preset_id: Uuid, house: HouseHere, person: Writer) -> Response:
    async with house.audit_log.change(person.call) as change:
        await presets.unlink(change, plan_id, preset_id)
    return see_other(f"/plans/{plan_id}?done=preset_left_out#presets")


@router.post("/plans/{plan_id}/assign")
async def assign(plan_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        async with house.database.read() as tx:
            found = await named_user(tx, form, "username")
        async with house.audit_log.change(person.call) as change:
            await plans.assign(change, found.id, plan_id)
    except Refusal as refusal:
        return await _show_one(request, house, person, plan_id, assigning=form.refused(refusal))
    return see_other(f"/plans/{plan_id}?done=plan_assigned")


@router.get("/plans/{plan_id}/delete")
async def ask_delete(plan_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    return ask_name(request, _doomed(await _find(house, person, plan_id)))


@router.post("/plans/{plan_id}/delete")
async def delete(plan_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    plan = await _find(house, person, plan_id)
    try:
        check_name(form, _doomed(plan))
        async with house.audit_log.change(person.call) as change:
            await plans.delete_plan(change, plan_id)
    except Refusal as refusal:
        return ask_name(request, _doomed(plan), form.refused(refusal))
    return see_other("/plans?done=plan_deleted")


def _doomed(plan: Plan) -> Doomed:
    gone = "Whoever is on it is on no plan then: they keep what they have, but nothing of it runs any more."
    return Doomed("plan", plan.name, gone, f"/plans/{plan.id}/delete", f"/plans/{plan.id}")


def shown_values(plan: Plan) -> Form:
    """A plan as the form shows it, in the units of the form."""
    values = {"name": plan.name, **{name: str(getattr(plan, name)) for name in _WHOLE}}
    for name, unit in UNITS.items():
        values[name] = units(getattr(plan, name), unit)
    return Form(values)


def _entered(form: Form) -> dict[str, Any]:
    amounts = {name: scaled(form, name, unit, _EXPECTED[name]) for name, unit in UNITS.items()}
    return {"name": form.text("name"), **{name: whole(form, name, _EXPECTED[name]) for name in _WHOLE}, **amounts}


async def _show_one(
    request: Request,
    house: House,
    person: Person,
    plan_id: str,
    *,
    form: Form | None = None,
    assigning: Form | None = None,
) -> Response:
    caller = person.call.principal
    async with house.database.read() as tx:
        plan = await plans.get_plan(tx, caller, plan_id)
        everything = (await presets.list_presets(tx, caller, _ALL_PRESETS)).items
        included = {each.id for each in (await presets.list_presets(tx, caller, _ALL_PRESETS, plan=plan_id)).items}
    refused = next((each.refusal for each in (form, assigning) if each and each.refusal), None)
    return render(
        request,
        "compute/plan_edit.html",
        plan=plan,
        presets=everything,
        included=included,
        form=form or shown_values(plan),
        assigning=assigning or Form(),
        refusal=refused,
    )


async def _find(house: House, person: Person, plan_id: str) -> Plan:
    async with house.database.read() as tx:
        return await plans.get_plan(tx, person.call.principal, plan_id)
