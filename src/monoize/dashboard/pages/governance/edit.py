"""/agent-records/{id}/edit: all of a record but its policies: who may use it, how it works, who is told."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import NotFound, Refusal
from monoize.contract.policies.catalogue import NAMES
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.wire import Uuid
from monoize.control.governance.actions import records
from monoize.control.governance.actions.records import Preview
from monoize.control.governance.model.records import AgentRecord
from monoize.dashboard.forms import Form, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.governance import words
from monoize.dashboard.pages.governance.changing import body_of, kept, shown_or_written
from monoize.dashboard.pages.governance.visit import Writer
from monoize.dashboard.render import render, see_other

router = page_router()

_TEXTS: Final = ("name", "role_name", "mode", "safety_level", "tenant_scope", "auth_strategy")
_CLEARED: Final = ("description", "notes", "user_email", "backup_user_email", "alert_escalation_email")
_LISTS: Final = ("allowed_tenants", "blocked_tenants", "additional_alert_emails")
_FLAGS: Final = ("is_global", "requires_human_approval", "telemetry_enabled")
_SHADOW: Final = "shadow_"
_ONE_EMAIL: Final = "Use an address such as name@example.com."
_EXPECTED: Final[Mapping[str, str]] = {
    "name": "Use 191 characters at most, without blanks around them.",
    "role_name": "Use letters, digits, dots, dashes and underscores, 64 at most.",
    "allowed_tenants": "Use ids of tenants, each once, one on each line; or * for all.",
    "blocked_tenants": "Use ids of tenants, each once, one on each line.",
    "required_roles": "Use names of roles, each once, one on each line.",
    "additional_alert_emails": "Use addresses, each once, one on each line, 20 at most.",
    "user_email": _ONE_EMAIL,
    "backup_user_email": _ONE_EMAIL,
    "alert_escalation_email": _ONE_EMAIL,
    "description": "Use 4000 characters at most.",
    "notes": "Use 4000 characters at most.",
    "reason": "Use 500 characters at most.",
    **dict.fromkeys(("mode", "safety_level", "tenant_scope", "auth_strategy"), "Choose one of these."),
}


@router.get("/agent-records/{record_id}/edit")
async def ask(record_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    return await _show(request, house, record_id, None)


@router.post("/agent-records/{record_id}/edit")
async def change(record_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        body = body_of(form, _EXPECTED, **entered(form))
        result = await shown_or_written(house, person, form, record_id, body, "agent_record_saved")
    except NotFound:
        raise
    except Refusal as refusal:
        return await _show(request, house, record_id, form.refused(refusal))
    if isinstance(result, str):
        return see_other(result)
    return await _show(request, house, record_id, form, result)


def entered(form: Form) -> dict[str, Any]:
    roles: Any = form.lines("required_roles")
    return {
        **{name: form.text(name) for name in (*_TEXTS, *_CLEARED)},
        **{name: form.lines(name) for name in _LISTS},
        **{name: bool(form.text(name)) for name in _FLAGS},
        "required_roles": {"all": roles} if roles and form.text("every_role") else roles,
        "shadow_policies": [name for name in NAMES if form.text(_SHADOW + name)],
    }


def shown(record: AgentRecord) -> dict[str, str]:
    """The way back: a record as what a form begins with."""
    roles = record.required_roles
    every = isinstance(roles, Mapping)
    flags = {name: getattr(record, name) for name in _FLAGS} | {"every_role": every}
    flags |= {_SHADOW + name: name in record.shadow_policies for name in NAMES}
    return {
        **{name: getattr(record, name) or "" for name in (*_TEXTS, *_CLEARED)},
        **{name: "\n".join(getattr(record, name)) for name in _LISTS},
        "required_roles": "\n".join(roles["all"] if isinstance(roles, Mapping) else roles),
        **{name: "yes" if value else "" for name, value in flags.items()},
    }


async def _show(
    request: Request, house: House, record_id: str, form: Form | None, preview: Preview | None = None
) -> Response:
    async with house.database.read() as tx:
        record = await records.get_record(tx, record_id)
    form = form or kept(record, shown(record))
    return render(
        request,
        "governance/record_edit.html",
        record=record,
        form=form,
        refusal=form.refusal,
        names=NAMES,
        preview=preview,
        lines=words.diff_lines(preview.differences) if preview else [],
        words=words,
    )
