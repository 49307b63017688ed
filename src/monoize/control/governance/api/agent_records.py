"""/api/agent-records: what governs agents, version by version."""

from typing import Annotated, Any

import msgspec
from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.principal import Call
from monoize.contract.policies.catalogue import NAMES, description_of, schema_of
from monoize.contract.policies.effective import EffectivePolicy
from monoize.contract.policies.scope import Admission, Status, admission
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import number_window, uuid_window
from monoize.control.edge.wire import Page, Uuid, Window
from monoize.control.governance.actions import config_changes, records, replay
from monoize.control.governance.actions.effective import effective
from monoize.control.governance.api.agent_records_wire import (
    CLEARABLE,
    Apply,
    Draft,
    IfMatch,
    InForce,
    PolicyShown,
    RecordCreate,
    RecordUpdate,
    Rollback,
    Version,
)
from monoize.control.governance.api.here import GovernanceHere
from monoize.control.governance.model.approvals import Approval
from monoize.control.governance.model.difference import Difference
from monoize.control.governance.model.records import AgentRecord, RecordFilter, Revision
from monoize.control.governance.model.replay import PolicyTest
from monoize.control.governance.model.templates import Template, templates
from monoize.control.identity.actions.tenants import get_tenant
from monoize.control.identity.model import DEFAULT_TENANT_ID, Tenant
from monoize.control.ledger.services import ledger_of

router = Router(prefix="/agent-records", tags=["agent records"])

_NOT_OF_THE_RECORD = ("template", "tenant_id", "version", "reason", "sole_admin", "since", "until")
_WAITS: dict[int | str, dict[str, Any]] = {202: {"model": Approval, "description": "It waits for another's yes."}}


@router.get("")
async def list_records(
    house: HouseHere,
    window: Annotated[Window, Depends(uuid_window)],
    call: Annotated[Call, requires("governance.read")],
    name: Annotated[str | None, Query(max_length=191, description="Only records of this name.")] = None,
    tenant_id: Annotated[Uuid | None, Query(description="Only those of this tenant.")] = None,
    status: Annotated[Status | None, Query(description="Only these; without it, all but archived ones.")] = None,
) -> Page[AgentRecord]:
    async with house.database.read() as tx:
        return await records.list_records(tx, window, RecordFilter(name, tenant_id, status))


@router.post("", status_code=201, response_model=AgentRecord)
async def create_record(body: RecordCreate, mutation: Annotated[Mutation, mutates("governance.write")]) -> Response:
    tenant_id = body.tenant_id or mutation.call.principal.tenant_id or DEFAULT_TENANT_ID
    # At its birth, null is the same as not to be said.
    given = _of_the_record(body.model_dump(exclude_unset=True, exclude_none=True))
    return await mutation.run(
        lambda change: records.create_record(change, tenant_id, given, template_id=body.template), status=201
    )


@router.get("/templates")
async def list_templates(call: Annotated[Call, requires("governance.read")]) -> Page[Template]:
    """To begin with, one for each kind and mode."""
    return Page(templates(), None)


@router.get("/policies")
async def list_policies(call: Annotated[Call, requires("governance.read")]) -> Page[PolicyShown]:
    """All policies that there are, each with its JSON Schema."""
    return Page([PolicyShown(name, description_of(name), schema_of(name)) for name in NAMES], None)


@router.get("/{record_id}")
async def get_record(
    record_id: Uuid, house: HouseHere, answer: Response, call: Annotated[Call, requires("governance.read")]
) -> AgentRecord:
    """Its ETag is what an If-Match takes."""
    async with house.database.read() as tx:
        record = await records.get_record(tx, record_id)
    answer.headers["etag"] = f'"{record.config_version}"'
    return record


@router.patch("/{record_id}", response_model=AgentRecord, responses=_WAITS)
async def update_record(
    record_id: Uuid,
    body: RecordUpdate,
    if_match: IfMatch,
    mutation: Annotated[Mutation, mutates("governance.write")],
) -> Response:
    """What is said otherwise than before is a new version; with nothing said otherwise the version stays.

    What loosens anything waits for the yes of another administrator: then the answer is 202 and the approval.
    """
    version, given = body.version or if_match, _of_the_record(body.sent(clearable=CLEARABLE))
    seal = mutation.house.seal
    return await mutation.run(
        lambda change: records.update_record(
            change, seal, record_id, given, version=version, reason=body.reason, sole_admin=body.sole_admin
        ),
        status=_waits_or_done,
    )


@router.delete("/{record_id}", status_code=204)
async def archive_record(record_id: Uuid, mutation: Annotated[Mutation, mutates("governance.write")]) -> Response:
    """It is archived, not destroyed: what it said is evidence of what its agents were allowed."""
    return await mutation.run(lambda change: records.archive_record(change, record_id))


@router.get("/{record_id}/revisions")
async def list_revisions(
    record_id: Uuid,
    house: HouseHere,
    window: Annotated[Window, Depends(number_window)],
    call: Annotated[Call, requires("governance.read")],
) -> Page[Revision]:
    async with house.database.read() as tx:
        return await records.list_revisions(tx, record_id, window)


@router.get("/{record_id}/diff")
async def compare(
    record_id: Uuid,
    house: HouseHere,
    call: Annotated[Call, requires("governance.read")],
    earlier: Annotated[Version, Query(alias="from")],
    later: Annotated[Version, Query(alias="to")],
) -> Page[Difference]:
    """What differs between two versions, value by value."""
    async with house.database.read() as tx:
        return Page(await records.compare(tx, record_id, earlier, later), None)


@router.post("/{record_id}/rollback", response_model=AgentRecord, responses=_WAITS)
async def roll_back(
    record_id: Uuid,
    body: Rollback,
    if_match: IfMatch,
    mutation: Annotated[Mutation, mutates("governance.write")],
) -> Response:
    """A new version that says what an old one said; where that is looser, after another's yes."""
    version, seal = body.version or if_match, mutation.house.seal
    return await mutation.run(
        lambda change: records.roll_back(
            change, seal, record_id, body.to, version=version, reason=body.reason, sole_admin=body.sole_admin
        ),
        status=_waits_or_done,
    )


@router.post("/{record_id}/apply", response_model=AgentRecord)
async def apply_change(
    record_id: Uuid, body: Apply, mutation: Annotated[Mutation, mutates("governance.write")]
) -> Response:
    """Write a change that another administrator has approved."""
    seal = mutation.house.seal
    return await mutation.run(lambda change: config_changes.apply(change, seal, record_id, body.approval_id))


@router.post("/{record_id}/test")
async def try_draft(
    record_id: Uuid,
    body: Draft,
    house: HouseHere,
    governance: GovernanceHere,
    request: Request,
    call: Annotated[Call, requires("governance.read")],
) -> PolicyTest:
    """What a draft would have done with requests of the last days: nothing is written."""
    given = _of_the_record(body.sent(clearable=CLEARABLE | {"since", "until"}))
    return await replay.try_draft(
        *(house.database, governance.gates, ledger_of(request).captures, record_id, given),
        since=body.since,
        until=body.until,
    )


@router.get("/{record_id}/effective")
async def show_effective(
    record_id: Uuid,
    house: HouseHere,
    call: Annotated[Call, requires("governance.read")],
    tenant_id: Annotated[Uuid | None, Query(description="As agents of this tenant find it.")] = None,
) -> InForce:
    """What is in force for agents with this record, baselines and defaults included."""
    async with house.database.read() as tx:
        policy = await effective(tx, record_id, for_tenant=tenant_id)
        tenant = await get_tenant(tx, tenant_id) if tenant_id else None
    return InForce(msgspec.to_builtins(policy), _admission(policy, tenant) if tenant else None)


def _waits_or_done(result: AgentRecord | Approval) -> int:
    return 202 if isinstance(result, Approval) else 200


def _admission(policy: EffectivePolicy, tenant: Tenant) -> Admission:
    is_active = tenant.status == "active"
    return admission(policy.scope, policy.status, tenant.id, tenant_is_active=is_active, has_platform_role=False)


def _of_the_record(sent: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in sent.items() if name not in _NOT_OF_THE_RECORD}
