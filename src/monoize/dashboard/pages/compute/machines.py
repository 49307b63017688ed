"""/machines: what agents run on; power, what is under way as it goes, and the end of one."""

from typing import Annotated, Any, Final, Literal

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.control.compute.actions import agents, operations, power, presets, requests, usage
from monoize.control.compute.actions.power import VERBS, Verb
from monoize.control.compute.api.here import ComputeHere
from monoize.control.compute.api.machines import MachineRequest
from monoize.control.compute.model.machine import MachineStateName
from monoize.control.compute.model.shown import ShownMachine, shown
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Uuid, Window
from monoize.control.identity.actions import names, users
from monoize.dashboard.destroying import Doomed, ask_name, check_name
from monoize.dashboard.forms import Form, checked, read_form
from monoize.dashboard.gauges import gauges_of, gb_hours
from monoize.dashboard.live import live_part
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.compute.whose import Whose, sees_all, ways
from monoize.dashboard.pages.compute.words import (
    STATES,
    machine_status,
    operation_status,
    operation_title,
    steps_of,
    stopped_by,
)
from monoize.dashboard.render import next_address, part, render, see_other
from monoize.dashboard.session import Person, PersonHere, permitted
from monoize.infra.db import Tx

router = page_router()

PATH: Final = "/machines"
_PRESETS: Final = Window(100, None)
PowerVerb = Literal["start", "stop", "restart"]
"""Destroying one has a page of its own."""


@router.get(PATH)
async def show(
    request: Request,
    house: HouseHere,
    person: PersonHere,
    window: Annotated[Window, Depends(uuid_window)],
    whose: Whose = None,
    state: Annotated[MachineStateName | None, Query()] = None,
) -> Response:
    everybody = sees_all(person, whose, "compute.read")
    async with house.database.read() as tx:
        user_id = None if everybody else person.user_id
        page = await power.list_machines(tx, window, user_id=user_id, state=state)
        owners = await names.of_users(tx, {machine.user_id for machine in page.items}) if everybody else {}
    return render(
        request,
        "compute/machines.html",
        machines=page.items,
        owners=owners,
        machine_status=machine_status,
        states=STATES,
        state=state,
        tabs=ways(PATH, person, "compute.read"),
        everybody=everybody,
        next_address=next_address(request, PATH, page),
    )


@router.get("/machines/orphans")
async def orphans(
    request: Request, compute: ComputeHere, person: Annotated[Person, permitted("compute.read")]
) -> Response:
    """As every provider tells now."""
    return render(request, "compute/orphans.html", orphans=await compute.reconciler.orphans())


@router.get("/agents/{agent_id}/machine")
async def ask(agent_id: Uuid, request: Request, house: HouseHere, person: PersonHere) -> Response:
    return await _ask(request, house, person, agent_id, Form())


@router.post("/agents/{agent_id}/machine")
async def request_machine(
    agent_id: Uuid, request: Request, house: HouseHere, compute: ComputeHere, person: PersonHere
) -> Response:
    form = await read_form(request)
    try:
        body = checked(MachineRequest, {"vps_config_id": "Choose one."}, vps_config_id=form.text("vps_config_id"))
        async with house.audit_log.change(person.call) as change:
            made = await requests.request_machine(change, agent_id, vps_config_id=body.vps_config_id, now=utc_now())
            # One whose provider is not set up could never be made: then it was not asked for either.
            compute.drivers.of(made.machine.provider)
    except Refusal as refusal:
        return await _ask(request, house, person, agent_id, form.refused(refusal))
    return see_other(f"/machines/{made.machine.id}")


@router.get("/machines/{machine_id}")
async def show_one(
    machine_id: Uuid, request: Request, house: HouseHere, compute: ComputeHere, person: PersonHere,
    window: Annotated[Window, Depends(uuid_window)],
) -> Response:  # fmt: skip
    caller = person.call.principal
    async with house.database.read() as tx:
        machine = shown(await power.find(tx, caller, machine_id))
        agent = await agents.on_machine(tx, machine.id)
        owned_by = await users.get_user(tx, machine.user_id)
        preset = await presets.made_from(tx, machine.vps_config_id)
        month = await usage.of_user(tx, machine.user_id, compute.drivers.metered, utc_now())
        history = await operations.list_operations(tx, window, user_id=None, machine_id=machine.id, only_open=False)
        state = await _state(tx, person, machine)
    own_use = next((each for each in month.machines if each.id == machine.id), None)
    return render(
        request,
        "compute/machine.html",
        **state,
        agent=agent,
        owner=owned_by,
        preset=preset,
        month=month,
        own_use=own_use,
        gauges=gauges_of(month),
        gb_hours=gb_hours,
        operations=history.items,
        operation_title=operation_title,
        operation_status=operation_status,
        next_address=next_address(request, f"/machines/{machine_id}", history),
    )


@router.get("/machines/{machine_id}/live")
async def follow(machine_id: Uuid, request: Request, house: HouseHere, person: PersonHere) -> Response:
    async def look() -> str:
        async with house.database.read() as tx:
            machine = shown(await power.find(tx, person.call.principal, machine_id))
            return part("compute/machine_state.html", **await _state(tx, person, machine))

    # So that one that is not there is an answer and not a stream.
    await look()
    return live_part(request, person, look, every_s=0.5)


@router.get("/machines/{machine_id}/destroy")
async def ask_destroy(machine_id: Uuid, request: Request, house: HouseHere, person: PersonHere) -> Response:
    return ask_name(request, _doomed(await _find(house, person, machine_id)))


@router.post("/machines/{machine_id}/destroy")
async def destroy(machine_id: Uuid, request: Request, house: HouseHere, person: PersonHere) -> Response:
    form = await read_form(request)
    machine = await _find(house, person, machine_id)
    try:
        check_name(form, _doomed(machine))
        await _wish(house, person, machine_id, "destroy")
    except Refusal as refusal:
        return ask_name(request, _doomed(machine), form.refused(refusal))
    return see_other(f"/machines/{machine_id}")


@router.post("/machines/{machine_id}/power/{verb}")
async def move(machine_id: Uuid, verb: PowerVerb, house: HouseHere, person: PersonHere) -> Response:
    await _wish(house, person, machine_id, verb)
    return see_other(f"/machines/{machine_id}")


def _doomed(machine: ShownMachine) -> Doomed:
    gone = "Everything that is on it is lost. Its agent stays, and may be given another machine."
    at = f"/machines/{machine.id}"
    return Doomed("machine", machine.name, gone, f"{at}/destroy", at, "Destroy", [("Provider", machine.provider)])


async def _wish(house: House, person: Person, machine_id: str, verb: Verb) -> None:
    """What is so already changes nothing, and there is nothing to record."""
    async with house.database.read() as tx:
        machine = await power.find(tx, person.call.principal, machine_id, to_change=True)
    if not power.is_so_already(machine, verb):
        async with house.audit_log.change(person.call) as change:
            await VERBS[verb](change, machine_id, utc_now())


async def _find(house: House, person: Person, machine_id: str) -> ShownMachine:
    async with house.database.read() as tx:
        return shown(await power.find(tx, person.call.principal, machine_id, to_change=True))


async def _state(tx: Tx, person: Person, machine: ShownMachine) -> dict[str, Any]:
    """What changes while somebody looks: how the machine is, and its newest operation step by step."""
    newest = await operations.list_operations(
        tx, Window(1, None), user_id=None, machine_id=machine.id, only_open=False
    )
    operation = None
    if newest.items:
        operation = await operations.get(tx, person.call.principal, newest.items[0].id)
    return {
        "machine": machine,
        "said": machine_status(machine),
        "stopped_by": stopped_by(machine),
        "operation": operation,
        "operation_name": operation_title(operation) if operation else "",
        "operation_said": operation_status(operation) if operation else None,
        "steps": steps_of(operation) if operation else (),
        "may_change": machine.user_id == person.user_id or person.may("compute.write"),
    }


async def _ask(request: Request, house: House, person: Person, agent_id: str, form: Form) -> Response:
    caller = person.call.principal
    async with house.database.read() as tx:
        agent = await agents.find(tx, caller, agent_id, to_change=True)
        offered = await presets.of_user(tx, agent.user_id, _PRESETS)
    return render(
        request, "compute/machine_new.html", agent=agent, presets=offered.items, form=form, refusal=form.refusal
    )
