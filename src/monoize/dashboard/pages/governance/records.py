"""/agent-records: what governs agents. A record's page says how it stands, and is where it is stopped."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.errors import NotFound, Refusal
from monoize.contract.policies.catalogue import NAMES
from monoize.contract.policies.scope import Status
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import STORABLE, Uuid, Window
from monoize.control.governance.actions import health, records, spending, stops
from monoize.control.governance.api.agent_records_wire import RecordCreate, RecordUpdate
from monoize.control.governance.api.stops import Lift, StopMade
from monoize.control.governance.errors import ConfigTampered
from monoize.control.governance.model.health import AgentHealth
from monoize.control.governance.model.records import AgentRecord, RecordFilter
from monoize.control.governance.model.templates import templates
from monoize.control.governance.model.windows import WindowUse
from monoize.control.identity.actions import names, tenants
from monoize.control.identity.model import DEFAULT_TENANT_ID
from monoize.dashboard.budgets import period_said, window_meter
from monoize.dashboard.destroying import Doomed, ask_name, check_name
from monoize.dashboard.forms import Form, checked, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.governance import words
from monoize.dashboard.pages.governance.visit import RECORDS, Reader, Writer, at, may_stop_record, tabs_of
from monoize.dashboard.render import next_address, render, see_other
from monoize.dashboard.session import Person
from monoize.infra.db import Tx

router = page_router()

_ALL: Final = Window(200, None)
_EMPTY: Final = Form()
_EXPECTED: Final[Mapping[str, str]] = {
    "name": "Use 191 characters at most, without blanks around them.",
    "role_name": "Use letters, digits, dots, dashes and underscores, 64 at most.",
    "template": "Choose one of these.",
    "baseline": "Choose one of these.",
    "tenant_id": "Choose one of these.",
    "status": "Choose one of these.",
    "reason": "Say why in 500 characters at most.",
    "description": "Use 4000 characters at most.",
}
_BASELINES: Final = (
    ("", "One agent, or several with the same rules"),
    ("tenant", "A baseline: all agents of its tenant"),
    ("platform", "A baseline: all agents of the house"),
)
Wanted = Annotated[str, Query(max_length=191), STORABLE]


@router.get(RECORDS)
async def show(
    request: Request,
    house: HouseHere,
    person: Reader,
    window: Annotated[Window, Depends(uuid_window)],
    name: Wanted = "",
    status: Annotated[Status | None, Query()] = None,
) -> Response:
    async with house.database.read() as tx:
        page = await records.list_records(tx, window, RecordFilter(name=name.strip() or None, status=status))
        stopped = await stops.load(tx)
        of_tenant = await _tenant_names(tx)
    return render(
        request,
        "governance/records.html",
        records=page.items,
        stopped={each.id for each in page.items if stopped.of(each.tenant_id, each.id)},
        tenants=of_tenant,
        words=words,
        filter=Form({"name": name, "status": status or ""}),
        filtered=bool(name.strip() or status),
        next_address=next_address(request, RECORDS, page),
    )


@router.get("/agent-records/new")
async def ask(request: Request, house: HouseHere, person: Writer) -> Response:
    return await _new(request, house, Form({"template": "professional-worker"}))


@router.post(RECORDS)
async def create(request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        names = ("template", "baseline", "tenant_id", "description")
        said = {name: form.text(name) for name in names if form.text(name)}
        body = checked(RecordCreate, _EXPECTED, **said, name=form.text("name"), role_name=form.text("role_name"))
        values = body.model_dump(exclude_unset=True, exclude_none=True, exclude={"template", "tenant_id"})
        tenant_id = body.tenant_id or person.call.principal.tenant_id or DEFAULT_TENANT_ID
        async with house.audit_log.change(person.call) as change:
            made = await records.create_record(change, tenant_id, values, template_id=body.template)
    except Refusal as refusal:
        return await _new(request, house, form.refused(refusal))
    return see_other(f"{at(made.id)}?done=agent_record_created")


@router.get("/agent-records/{record_id}")
async def show_one(record_id: Uuid, request: Request, house: HouseHere, person: Reader) -> Response:
    return await _show(request, house, person, record_id)


@router.post("/agent-records/{record_id}/status")
async def set_status(record_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    """No version, since whether agents run is no part of one; but for baselines that end, it holds at once."""
    form = await read_form(request)
    try:
        body = checked(RecordUpdate, _EXPECTED, status=form.text("status"), reason=form.text("reason"))
        given = {"status": body.status}
        async with house.audit_log.change(person.call) as change:
            result = await records.update_record(
                change, house.seal, record_id, given, version=None, reason=body.reason
            )
    except NotFound:
        raise
    except Refusal as refusal:
        return await _show(request, house, person, record_id, status_form=form.refused(refusal))
    return see_other(led_to(record_id, result, "agent_record_status"))


@router.post("/agent-records/{record_id}/stop")
async def stop(record_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        body = checked(StopMade, _EXPECTED, scope="agent", subject=record_id, reason=form.text("reason"))
        async with house.audit_log.change(person.call) as change:
            await stops.stop(change, body.scope, body.subject, body.reason)
    except NotFound:
        raise
    except Refusal as refusal:
        return await _show(request, house, person, record_id, stop_form=form.refused(refusal))
    return see_other(f"{at(record_id)}?done=agent_stopped")


@router.post("/agent-records/{record_id}/lift")
async def lift(record_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    async with house.database.read() as tx:
        standing = await stops.standing(tx, "agent", record_id)
    try:
        body = checked(Lift, _EXPECTED, reason=form.text("reason"))
        if standing:
            async with house.audit_log.change(person.call) as change:
                await stops.lift(change, standing.id, body.reason)
    except NotFound:
        raise
    except Refusal as refusal:
        return await _show(request, house, person, record_id, stop_form=form.refused(refusal))
    return see_other(f"{at(record_id)}?done=stop_lifted")


@router.get("/agent-records/{record_id}/archive")
async def ask_archive(record_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    return ask_name(request, _doomed(await _find(house, record_id)))


@router.post("/agent-records/{record_id}/archive")
async def archive(record_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    doomed = _doomed(await _find(house, record_id))
    try:
        check_name(form, doomed)
        async with house.audit_log.change(person.call) as change:
            await records.archive_record(change, record_id)
    except Refusal as refusal:
        return ask_name(request, doomed, form.refused(refusal))
    return see_other(f"{RECORDS}?done=agent_record_archived")


def led_to(record_id: str, result: object, done: str) -> str:
    """The record that was written, or what another administrator has to approve first."""
    if isinstance(result, AgentRecord):
        return f"{at(record_id)}?done={done}"
    return f"/approvals/{getattr(result, 'id', '')}?done=change_waits"


async def _show(
    request: Request,
    house: House,
    person: Person,
    record_id: str,
    *,
    status_form: Form | None = None,
    stop_form: Form = _EMPTY,
) -> Response:
    async with house.database.read() as tx:
        record = await records.get_record(tx, record_id)
        seen = await _health(tx, record)
        stopped = (await stops.load(tx)).of(record.tenant_id, record.id)
        standing = await stops.standing(tx, "agent", record.id)
        of_tenant = await _tenant_names(tx)
        owners = await names.of_users(tx, [record.owner_user_id] if record.owner_user_id else ())
        spent = await _spent(tx, record)
    form = status_form or Form({"status": record.status})
    return render(
        request,
        "governance/record.html",
        record=record,
        health=seen,
        stopped=stopped,
        standing=standing,
        tenants=of_tenant,
        budgets=[(use, window_meter(use, f"{use.id}, {period_said(use)}")) for use in spent],
        owner=owners.get(record.owner_user_id or ""),
        tabs=tabs_of(record),
        policies_said=[name for name in NAMES if record.policies[name]],
        may_stop=may_stop_record(person, record),
        status_form=form,
        stop_form=stop_form,
        refusal=form.refusal or stop_form.refusal,
        words=words,
    )


async def _spent(tx: Tx, record: AgentRecord) -> Sequence[WindowUse]:
    """Nothing of a baseline, which spends nothing, and of what is not as it was written."""
    try:
        return () if record.baseline else await spending.windows_of(tx, record, utc_now())
    except ConfigTampered:
        return ()


async def _health(tx: Tx, record: AgentRecord) -> AgentHealth | None:
    """None of what nobody has ever looked at."""
    return await health.get_health(tx, record.id) if record.last_health_check else None


async def _new(request: Request, house: House, form: Form) -> Response:
    async with house.database.read() as tx:
        of_tenant = await _tenant_names(tx)
    return render(
        request,
        "governance/record_new.html",
        form=form,
        refusal=form.refusal,
        templates=[("", "None: the strictest there is"), *((each.id, each.title) for each in templates())],
        kinds={each.title.rpartition(" ")[0]: each.description for each in templates()},
        tenants=list(of_tenant.items()),
        baselines=_BASELINES,
    )


def _doomed(record: AgentRecord) -> Doomed:
    gone = (
        "Agents with this record may do nothing any more. What it said stays on record, and its name stays taken."
    )
    here = at(record.id)
    return Doomed("agent record", record.name, gone, f"{here}/archive", here, verb="Archive")


async def _find(house: House, record_id: str) -> AgentRecord:
    async with house.database.read() as tx:
        return await records.get_record(tx, record_id)


async def _tenant_names(tx: Tx) -> Mapping[str, Any]:
    return {tenant.id: tenant.name for tenant in (await tenants.list_tenants(tx, _ALL)).items}
