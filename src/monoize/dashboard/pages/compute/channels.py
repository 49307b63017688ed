"""Channels of an agent, on its page: credentials go in and are never shown."""

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.control.compute.actions import channels
from monoize.control.compute.api.agents import ChannelSet
from monoize.control.compute.api.wire import KindRef
from monoize.control.edge.here import HouseHere
from monoize.control.edge.wire import Uuid
from monoize.dashboard.forms import Form, checked, invalid, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.compute.agents import show_agent
from monoize.dashboard.render import see_other
from monoize.dashboard.session import PersonHere

router = page_router()

_EXPECTED: Final[Mapping[str, str]] = {
    "kind": "Choose one of these.",
    "credentials": "Use letters, digits, dots, dashes and underscores for names, and 4096 characters for a value.",
    "webhook_secret": "Use 512 characters at most.",
}


@router.post("/agents/{agent_id}/channels")
async def put(agent_id: Uuid, request: Request, house: HouseHere, person: PersonHere) -> Response:
    form = await read_form(request)
    try:
        body = checked(
            ChannelSet,
            _EXPECTED,
            kind=form.text("kind"),
            credentials=_credentials(form),
            webhook_secret=form.password("webhook_secret"),
        )
        async with house.audit_log.change(person.call) as change:
            await channels.set_channel(
                change, house.seal, agent_id, body.kind, body.credentials, body.webhook_secret, now=utc_now()
            )
    except Refusal as refusal:
        # What was entered as a credential is not shown again.
        kept = Form({"kind": form.shown("kind")}).refused(refusal)
        return await show_agent(request, house, person, agent_id, channel=kept)
    return see_other(f"/agents/{agent_id}?done=channel_set#channels")


@router.post("/agents/{agent_id}/channels/{kind}/remove")
async def remove(agent_id: Uuid, kind: KindRef, house: HouseHere, person: PersonHere) -> Response:
    async with house.audit_log.change(person.call) as change:
        await channels.remove_channel(change, house.seal, agent_id, kind, now=utc_now())
    return see_other(f"/agents/{agent_id}?done=channel_removed#channels")


def _credentials(form: Form) -> dict[str, str]:
    """One `name=value` on each line."""
    found = {}
    for line in form.lines("credentials"):
        name, equals, value = line.partition("=")
        if not equals:
            raise invalid(credentials="Write each as name=value, on a line of its own.")
        found[name.strip()] = value.strip()
    return found
