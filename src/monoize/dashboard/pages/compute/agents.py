"""/agents: agents with their tokens; a new one's token is on the answer that made it, and nowhere else."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.control.compute.actions import agents, channels, egress, operations, power
from monoize.control.compute.api.agents import AgentCreate, AgentUpdate
from monoize.control.compute.api.wire import owner
from monoize.control.compute.model.agents import Agent
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Uuid, Window
from monoize.control.identity.actions import names, users
from monoize.dashboard.agent_records import agent_records
from monoize.dashboard.destroying import Doomed, ask_name, check_name
from monoize.dashboard.forms import Form, checked, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.compute.whose import Whose, sees_all, ways
from monoize.dashboard.pages.compute.words import machine_status, operation_status, operation_title
from monoize.dashboard.people import named_user
from monoize.dashboard.render import next_address, render, see_other
from monoize.dashboard.session import Person, PersonHere

router = page_router()

PATH: Final = "/agents"
_EXPECTED: Final[Mapping[str, str]] = {
    "name": "Use 64 characters at most, without blanks around them.",
    "config_id": "Choose one of these.",
}
_OPERATIONS: Final = Window(8, None)


@router.get(PATH)
async def show(
    request: Request,
    house: HouseHere,
    person: PersonHere,
    window: Annotated[Window, Depends(uuid_window)],
    whose: Whose = None,
) -> Response:
    everybody = sees_all(person, whose, "compute.read")
    async with house.database.read() as tx:
        page = await agents.list_agents(tx, window, user_id=None if everybody else person.user_id)
        on = await power.shown_by_id(tx, {agent.vps_id for agent in page.items if agent.vps_id})
        owners = await names.of_users(tx, {agent.user_id for agent in page.items}) if everybody else {}
    return render(
        request,
        "compute/agents.html",
        agents=page.items,
        machines=on,
        owners=owners,
        machine_status=machine_status,
        tabs=ways(PATH, person, "compute.read"),
        everybody=everybody,
        next_address=next_address(request, PATH, page),
    )


@router.get("/agents/new")
async def ask(request: Request, house: HouseHere, person: PersonHere) -> Response:
    return await _new(request, house, person, Form())


@router.post(PATH)
async def create(request: Request, house: HouseHere, person: PersonHere) -> Response:
    form = await read_form(request)
    try:
        whose = await _named_owner(house, person, form)
        body = checked(AgentCreate, _EXPECTED, name=form.text("name"), **_record(form))
        values = body.model_dump(exclude={"user_id"}, exclude_none=True)
        async with house.audit_log.change(person.call) as change:
            created = await agents.create_agent(change, house.seal, whose, values)
    except Refusal as refusal:
        return await _new(request, house, person, form.refused(refusal))
    return _token(request, created, is_new=True)


@router.get("/agents/{agent_id}")
async def show_one(agent_id: Uuid, request: Request, house: HouseHere, person: PersonHere) -> Response:
    return await show_agent(request, house, person, agent_id)


@router.post("/agents/{agent_id}")
async def update(agent_id: Uuid, request: Request, house: HouseHere, person: PersonHere) -> Response:
    form = await read_form(request)
    try:
        values: dict[str, Any] = {"name": form.text("name")}
        if person.may("governance.write"):
            values["config_id"] = form.text("config_id")
        body = checked(AgentUpdate, _EXPECTED, **values)
        async with house.audit_log.change(person.call) as change:
            await agents.update_agent(change, agent_id, body.sent(clearable=("config_id",)))
    except Refusal as refusal:
        return await show_agent(request, house, person, agent_id, settings=form.refused(refusal))
    return see_other(f"/agents/{agent_id}?done=agent_saved")


@router.post("/agents/{agent_id}/enable")
async def enable(agent_id: Uuid, house: HouseHere, person: PersonHere) -> Response:
    async with house.audit_log.change(person.call) as change:
        await agents.update_agent(change, agent_id, {"enabled": True})
    return see_other(f"/agents/{agent_id}?done=agent_enabled")


@router.post("/agents/{agent_id}/disable")
async def disable(agent_id: Uuid, house: HouseHere, person: PersonHere) -> Response:
    async with house.audit_log.change(person.call) as change:
        await agents.update_agent(change, agent_id, {"enabled": False})
    return see_other(f"/agents/{agent_id}?done=agent_disabled")


@router.post("/agents/{agent_id}/rotate-token")
async def rotate(agent_id: Uuid, request: Request, house: HouseHere, person: PersonHere) -> Response:
    async with house.audit_log.change(person.call) as change:
        rotated = await agents.rotate_token(change, house.seal, agent_id, utc_now())
    return _token(request, rotated, is_new=False)


@router.get("/agents/{agent_id}/delete")
async def ask_delete(agent_id: Uuid, request: Request, house: HouseHere, person: PersonHere) -> Response:
    return ask_name(request, _doomed(await _find(house, person, agent_id)))


@router.post("/agents/{agent_id}/delete")
async def delete(agent_id: Uuid, request: Request, house: HouseHere, person: PersonHere) -> Response:
    form = await read_form(request)
    agent = await _find(house, person, agent_id)
    try:
        check_name(form, _doomed(agent))
        async with house.audit_log.change(person.call) as change:
            await agents.delete_agent(change, agent_id, utc_now())
    except Refusal as refusal:
        return ask_name(request, _doomed(agent), form.refused(refusal))
    gone = f"/machines/{agent.vps_id}" if agent.vps_id else PATH
    return see_other(f"{gone}?done=agent_deleted")


async def show_agent(
    request: Request,
    house: House,
    person: Person,
    agent_id: str,
    *,
    settings: Form | None = None,
    channel: Form | None = None,
) -> Response:
    """The page of one agent, with what was refused in one of its forms."""
    caller = person.call.principal
    async with house.database.read() as tx:
        agent = await agents.find(tx, caller, agent_id)
        owned_by = await users.get_user(tx, agent.user_id)
        told = await channels.list_channels(tx, house.seal, caller, agent_id)
        machine = (await power.shown_by_id(tx, [agent.vps_id])).get(agent.vps_id) if agent.vps_id else None
        governing = await agent_records(tx, person)
        reach = await egress.reach_of(tx, agent, owned_by.tenant_id)
        history = (
            await operations.list_operations(tx, _OPERATIONS, user_id=None, machine_id=machine.id, only_open=False)
            if machine
            else None
        )
    refused = next((form.refusal for form in (settings, channel) if form and form.refusal), None)
    return render(
        request,
        "compute/agent.html",
        agent=agent,
        owner=owned_by,
        machine=machine,
        said=machine_status(machine) if machine else None,
        channels=told,
        reach=reach,
        operations=history.items if history else (),
        operation_status=operation_status,
        operation_title=operation_title,
        may_change=agent.user_id == person.user_id or person.may("compute.write"),
        governing=governing,
        settings=settings or Form({"name": agent.name, "config_id": agent.config_id or ""}),
        channel=channel or Form({"kind": "telegram"}),
        refusal=refused,
    )


async def _new(request: Request, house: House, person: Person, form: Form) -> Response:
    async with house.database.read() as tx:
        governing = await agent_records(tx, person)
    return render(request, "compute/agent_new.html", form=form, refusal=form.refusal, governing=governing)


def _doomed(agent: Agent) -> Doomed:
    gone = "Its token is refused at once by the gateway and the proxy, and its channels are forgotten."
    if agent.vps_id:
        gone += " Its machine is destroyed, with everything that is on it."
    return Doomed("agent", agent.name, gone, f"/agents/{agent.id}/delete", f"/agents/{agent.id}")


def _token(request: Request, made: agents.AgentToken, *, is_new: bool) -> Response:
    return render(request, "compute/agent_token.html", status=201 if is_new else 200, made=made, is_new=is_new)


def _record(form: Form) -> dict[str, str]:
    record = form.text("config_id")
    return {"config_id": record} if record else {}


async def _named_owner(house: House, person: Person, form: Form) -> str:
    """Oneself, or whom an administrator names."""
    if form.text("username") in (None, person.name):
        return person.user_id
    async with house.database.read() as tx:
        found = await named_user(tx, form, "username")
    return owner(person.call, found.id, "compute.write")


async def _find(house: House, person: Person, agent_id: str) -> Agent:
    async with house.database.read() as tx:
        return await agents.find(tx, person.call.principal, agent_id, to_change=True)
