"""/agents/{id}/chat: a conversation with an agent on its machine, through the agent's own gateway.

It is spoken to in OpenAI's words, as OpenClaw and others understand them (`POST /v1/chat/completions`); of one that
does not it is said. The agent's token is put in here. What its models cost is charged as ever, by its own key.
"""

import dataclasses
from typing import Annotated, Final

from fastapi import Path
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.control.compute.actions import agents, gateway
from monoize.control.compute.drivers.agent_gateway import Place
from monoize.control.compute.model.agents import Agent
from monoize.control.compute.services import compute_of
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.wire import Uuid
from monoize.dashboard.conversing.answers import Answer, Hearing
from monoize.dashboard.conversing.asking import Asked, streamed, whole
from monoize.dashboard.conversing.requests import Prompt, wired
from monoize.dashboard.conversing.sides import Side, sides_of, spoken_to, stopped, to_show
from monoize.dashboard.conversing.sources import FromAgent
from monoize.dashboard.forms import Form, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.render import part, render
from monoize.dashboard.session import Person, PersonHere

router = page_router()

MODEL: Final = "openclaw"
"""What OpenClaw calls its main agent; agents of other makes have one, too, or do not look."""
_PROMPT: Final = Prompt("chat")
_UNKNOWN: Final = (404, 405)
_NO_CHAT: Final = (
    "This agent does not understand POST /v1/chat/completions. OpenClaw does once "
    "gateway.http.endpoints.chatCompletions.enabled is true in its configuration."
)

Number = Annotated[int, Path(ge=1, le=1)]


@router.get("/agents/{agent_id}/chat")
async def show(agent_id: Uuid, request: Request, house: HouseHere, person: PersonHere) -> Response:
    agent = await _find(house, person, agent_id)
    form = Form()
    try:
        await _reachable(house, person, agent_id)
    except Refusal as refusal:
        form = form.refused(refusal)
    return _page(request, agent, form)


@router.post("/agents/{agent_id}/chat")
async def ask(agent_id: Uuid, request: Request, house: HouseHere, person: PersonHere) -> Response:
    """Without scripts."""
    agent = await _find(house, person, agent_id)
    form = await read_form(request)
    if form.shown("do") == "new":
        return _page(request, agent, Form())
    side: Side | None = None
    try:
        (side,) = sides_of(form, [agent.name])
        (came,) = await whole([await _asked(request, house, person, agent, form)])
    except Refusal as refusal:
        return _page(request, agent, form.refused(refusal), side)
    return _page(request, agent, to_show(form, [came]), came)


@router.post("/agents/{agent_id}/chat/stream/{number}")
async def stream(
    agent_id: Uuid, number: Number, request: Request, house: HouseHere, person: PersonHere
) -> Response:
    agent = await _find(house, person, agent_id)
    form = await read_form(request)
    asked = await _asked(request, house, person, agent, form)
    return streamed(request, person, asked, lambda side: _side_part(form, side))


@router.post("/agents/{agent_id}/chat/stopped/{number}")
async def stop(agent_id: Uuid, number: Number, request: Request, house: HouseHere, person: PersonHere) -> Response:
    agent = await _find(house, person, agent_id)
    form = await read_form(request)
    return HTMLResponse(_side_part(form, stopped(form, _spoken(agent, form))))


async def _find(house: House, person: Person, agent_id: str) -> Agent:
    async with house.database.read() as tx:
        return await agents.find(tx, person.call.principal, agent_id, to_change=True)


async def _reachable(house: House, person: Person, agent_id: str) -> Place:
    async with house.database.read() as tx:
        return await gateway.place_of(tx, house.seal, person.call.principal, agent_id, utc_now())


def _spoken(agent: Agent, form: Form) -> Side:
    (side,) = spoken_to(form, sides_of(form, [agent.name]))
    return side.on_wire(wired(_PROMPT, MODEL, side.asked))


async def _asked(request: Request, house: House, person: Person, agent: Agent, form: Form) -> Asked:
    side = _spoken(agent, form)
    assert side.wired is not None
    compute = compute_of(request)
    place = await _reachable(house, person, agent.id)
    source = FromAgent(compute.gateways, compute.passage, place, side.wired)

    async def settled(answer: Answer) -> Answer:
        return dataclasses.replace(answer, problem=_NO_CHAT) if source.status in _UNKNOWN else answer

    return Asked(side, Hearing(source, _PROMPT.dialect), settled=settled)


def _side_part(form: Form, side: Side) -> str:
    return part("conversing/side.html", side=side, form=to_show(form, [side]))


def _page(request: Request, agent: Agent, form: Form, side: Side | None = None) -> Response:
    return render(request, "compute/chat.html", agent=agent, form=form, refusal=form.refusal, side=side)
