"""/escalations: what people were called for, and that somebody looks after it."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import NotFound, Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Uuid, Window
from monoize.control.governance.actions import escalations
from monoize.control.governance.model.escalations import Event, Reason
from monoize.dashboard.agent_records import agent_records
from monoize.dashboard.forms import Form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.governance.visit import ESCALATIONS, Reader, Writer
from monoize.dashboard.render import next_address, render, see_other
from monoize.dashboard.session import Person

router = page_router()

_FIRST: Final = Window(50, None)
_EVENTS: Final[Mapping[Event, str]] = {
    "health_failed": "broke down",
    "run_failed": "fails again and again",
}
_REASONS: Final[Mapping[Reason, str]] = {
    "low_confidence": "is not sure",
    "execution_failure": "failures",
    "timeout": "takes too long",
    "complexity": "too complex",
    "user_requested": "asked for",
    "recovery": "could not be repaired",
}
Which = Literal["open", "all"]


@router.get(ESCALATIONS)
async def show(
    request: Request,
    house: HouseHere,
    person: Reader,
    window: Annotated[Window, Depends(uuid_window)],
    which: Annotated[Which, Query()] = "open",
    agent_id: Annotated[Uuid | Literal[""], Query()] = "",
) -> Response:
    return await _show(request, house, person, window, which, agent_id)


@router.post("/escalations/{escalation_id}/acknowledge")
async def acknowledge(escalation_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    """They look after it: nobody farther up is told."""
    try:
        async with house.audit_log.change(person.call) as change:
            await escalations.acknowledge(change, escalation_id)
    except NotFound:
        raise
    except Refusal as refusal:
        return await _show(request, house, person, _FIRST, "open", "", refusal)
    return see_other(f"{ESCALATIONS}?done=acknowledged")


async def _show(
    request: Request,
    house: House,
    person: Person,
    window: Window,
    which: Which,
    agent_id: str,
    refusal: Refusal | None = None,
) -> Response:
    only_open = True if which == "open" else None
    async with house.database.read() as tx:
        page = await escalations.list_escalations(tx, window, agent_id=agent_id or None, is_open=only_open)
        agents = dict(await agent_records(tx, person))
    return render(
        request,
        "governance/escalations.html",
        escalations=page.items,
        agents=agents,
        events=_EVENTS,
        reasons=_REASONS,
        filter=Form({"which": which, "agent_id": agent_id}),
        refusal=refusal,
        next_address=next_address(request, ESCALATIONS, page),
    )
