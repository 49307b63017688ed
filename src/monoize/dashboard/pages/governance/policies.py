"""/agent-records/{id}/policies: each as JSON with its fields beside it, tried and compared before it is saved."""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from monoize.base.canonical import canonical_json
from monoize.base.clock import utc_now
from monoize.base.errors import NotFound, Refusal
from monoize.contract.policies.catalogue import NAMES, PolicyName, description_of, empty, schema_of
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.wire import Uuid
from monoize.control.governance.actions import records, replay
from monoize.control.governance.actions.records import Preview
from monoize.control.governance.model.replay import PolicyTest
from monoize.control.governance.services import governance_of
from monoize.control.ledger.services import ledger_of
from monoize.dashboard.forms import Form, invalid, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.governance import words
from monoize.dashboard.pages.governance.changing import body_of, given_of, kept, shown_or_written
from monoize.dashboard.pages.governance.fields import fields_of
from monoize.dashboard.pages.governance.visit import Reader, Writer, tabs_of
from monoize.dashboard.render import render, see_other

router = page_router()

DOCUMENT_CHARS_MOST: Final = 65_536
DAYS: Final = (("1", "day"), ("7", "seven days"), ("31", "31 days"))
_EXPECTED: Final[Mapping[str, str]] = {"reason": "Use 500 characters at most."}


@router.get("/agent-records/{record_id}/policies")
async def show(record_id: Uuid, request: Request, house: HouseHere, person: Reader) -> Response:
    async with house.database.read() as tx:
        record = await records.get_record(tx, record_id)
    return render(
        request,
        "governance/policies.html",
        record=record,
        tabs=tabs_of(record),
        policies=[(name, description_of(name), record.policies[name]) for name in NAMES],
        words=words,
    )


@router.get("/agent-records/{record_id}/policies/{name}")
async def show_one(
    record_id: Uuid, name: PolicyName, request: Request, house: HouseHere, person: Reader
) -> Response:
    return await _editor(request, house, record_id, name, None)


@router.post("/agent-records/{record_id}/policies/{name}")
async def change(record_id: Uuid, name: PolicyName, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        body = body_of(form, _EXPECTED, policies={name: document_of(form, name)})
        if form.text("step") == "try":
            tried = await _tried(request, house, record_id, given_of(body), form)
            async with house.database.read() as tx:
                preview = await records.preview(tx, record_id, given_of(body))
            return await _editor(request, house, record_id, name, form, preview=preview, tried=tried)
        result = await shown_or_written(house, person, form, record_id, body, "policy_saved")
    except NotFound:
        raise
    except Refusal as refusal:
        return await _editor(request, house, record_id, name, form.refused(refusal))
    if isinstance(result, str):
        return see_other(result)
    return await _editor(request, house, record_id, name, form, preview=result)


def document_of(form: Form, name: PolicyName) -> Any:
    """Nothing entered says nothing."""
    written = form.text("document")
    if written is None:
        return empty(name)
    if len(written) > DOCUMENT_CHARS_MOST:
        raise invalid(document=f"Use {DOCUMENT_CHARS_MOST} characters at most.")
    try:
        document = json.loads(written)
        # Python reads more than JSON is: numbers without an end, and those that are none.
        canonical_json(document)
    except json.JSONDecodeError as problem:
        raise invalid(
            document=f"This is no JSON: line {problem.lineno}, column {problem.colno}: {problem.msg}."
        ) from None
    except (ValueError, RecursionError):
        raise invalid(document="This is too deep, or has numbers or characters that JSON has not.") from None
    return document


def problems_of(refusal: Refusal | None, name: PolicyName) -> list[tuple[str, str]]:
    """Where in the document something is wrong, and what."""
    found: list[Mapping[str, str]] = refusal.details.get("errors", []) if refusal else []
    return [(each["pointer"].removeprefix(f"/body/policies/{name}") or "/", each["message"]) for each in found]


async def _tried(
    request: Request, house: House, record_id: str, given: Mapping[str, Any], form: Form
) -> PolicyTest:
    days = form.text("days")
    if days not in dict(DAYS):
        raise invalid(days="Choose one of these.")
    until = utc_now()
    gates, captures = governance_of(request).gates, ledger_of(request).captures
    since = until - dt.timedelta(days=int(days))
    return await replay.try_draft(house.database, gates, captures, record_id, given, since=since, until=until)


async def _editor(
    request: Request,
    house: House,
    record_id: str,
    name: PolicyName,
    form: Form | None,
    *,
    preview: Preview | None = None,
    tried: PolicyTest | None = None,
) -> Response:
    async with house.database.read() as tx:
        record = await records.get_record(tx, record_id)
    form = form or kept(record, {"document": words.json_text(record.policies[name]), "days": DAYS[1][0]})
    return render(
        request,
        "governance/policy.html",
        record=record,
        name=name,
        description=description_of(name),
        fields=fields_of(schema_of(name)),
        in_shadow=name in record.shadow_policies,
        form=form,
        refusal=form.refusal,
        problems=problems_of(form.refusal, name),
        preview=preview,
        lines=words.diff_lines(preview.differences) if preview else [],
        tried=tried,
        days=DAYS,
        chars_most=DOCUMENT_CHARS_MOST,
        words=words,
    )
