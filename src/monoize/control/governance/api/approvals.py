"""/api/approvals: what agents have asked people for, and what people have said."""

import json
from typing import Annotated, Final

from fastapi import Depends, Query
from pydantic import AfterValidator, Field
from starlette.responses import Response

from monoize.base.canonical import canonical_json
from monoize.base.principal import Call
from monoize.contract.approvals import Kind
from monoize.contract.policies.words import Severity
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import STORABLE, Page, Uuid, Window, Wire
from monoize.control.governance.actions import approvals
from monoize.control.governance.actions.approvals import Consumed, DeniedMany
from monoize.control.governance.api.here import GovernanceHere
from monoize.control.governance.api.names import AgentId, Amount, OperationName, Reason
from monoize.control.governance.model.approvals import Approval, Outcome, Proposal, Status

router = Router(prefix="/approvals", tags=["approvals"])

ARGUMENTS_CHARS_MOST: Final = 65_536
AFFECTED_MOST: Final = 200
MANY_MOST: Final = 100
TTL_S_LEAST: Final = 60
TTL_S_MOST: Final = 604_800


def _object(text: str) -> str:
    try:
        value = json.loads(text)
        canonical_json(value)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ValueError('must be a JSON object, such as {"a": 1}')  # noqa: TRY004
    return text


Arguments = Annotated[str, Field(min_length=2, max_length=ARGUMENTS_CHARS_MOST), STORABLE, AfterValidator(_object)]
"""A JSON object as text, as tool calls carry it: so no number is changed on its way."""
Subject = Annotated[str, Field(min_length=1, max_length=191, pattern=r"^[^\x00-\x1f\x7f]+$"), STORABLE]
LongText = Annotated[str, Field(min_length=1, max_length=20_000), STORABLE]
Execution = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.:-]+$"), STORABLE]
SecondFactor = Annotated[str, Field(min_length=1, max_length=256), STORABLE]


class Propose(Wire):
    """What is not said of its risk is `high`. `needed` and `ttl_s` can only make it stricter than the rules do."""

    agent_id: AgentId
    kind: Kind
    subject: Subject
    arguments: Arguments
    environment: OperationName | None = None
    risk: Severity | None = None
    is_irreversible: bool = False
    est_cost_nano_usd: Amount | None = None
    rationale: LongText | None = None
    diff: LongText | None = None
    dry_run_ref: Subject | None = None
    affected: Annotated[list[Subject], Field(max_length=AFFECTED_MOST)] = []
    needed: Annotated[int, Field(ge=1, le=5)] = 1
    ttl_s: Annotated[int, Field(ge=TTL_S_LEAST, le=TTL_S_MOST)] | None = None

    def proposal(self) -> Proposal:
        values = self.model_dump()
        return Proposal(**{**values, "arguments": json.loads(self.arguments)})


class Approve(Wire):
    """`second_factor` is your password once more, where the rules ask for a second factor."""

    comment: Reason | None = None
    second_factor: SecondFactor | None = None


class Deny(Wire):
    comment: Reason | None = None


class DenyMany(Deny):
    approval_ids: Annotated[list[Uuid], Field(min_length=1, max_length=MANY_MOST)]


class Consume(Wire):
    """`arguments` and `environment` are those with which it is about to be done."""

    arguments: Arguments
    environment: OperationName | None = None
    execution_id: Execution | None = None


class Finish(Wire):
    outcome: Outcome


@router.get("")
async def list_approvals(
    house: HouseHere,
    window: Annotated[Window, Depends(uuid_window)],
    call: Annotated[Call, requires("approvals.read")],
    status: Annotated[Status | None, Query(description="Only those in this state.")] = None,
    agent_id: Annotated[AgentId | None, Query(description="Only those of this agent.")] = None,
) -> Page[Approval]:
    """What you asked for, may decide, or administer, in your tenant."""
    async with house.database.read() as tx:
        return await approvals.list_approvals(tx, window, call.principal, status=status, agent_id=agent_id)


@router.post("", status_code=201, response_model=Approval)
async def propose(body: Propose, mutation: Annotated[Mutation, mutates("approvals.propose")]) -> Response:
    seal, proposal = mutation.house.seal, body.proposal()
    return await mutation.run(lambda change: approvals.propose(change, seal, proposal), status=201)


@router.post("/deny", response_model=DeniedMany)
async def deny_many(body: DenyMany, mutation: Annotated[Mutation, mutates("approvals.decide")]) -> Response:
    return await mutation.run(lambda change: approvals.deny_many(change, body.approval_ids, body.comment))


@router.get("/{approval_id}")
async def get_approval(
    approval_id: Uuid, house: HouseHere, call: Annotated[Call, requires("approvals.read")]
) -> Approval:
    async with house.database.read() as tx:
        return await approvals.get_approval(tx, approval_id, call.principal)


@router.post("/{approval_id}/approve", response_model=Approval)
async def approve(
    approval_id: Uuid,
    body: Approve,
    governance: GovernanceHere,
    mutation: Annotated[Mutation, mutates("approvals.decide")],
) -> Response:
    sent = body.second_factor
    # Before the transaction, since it takes long.
    has_it = sent is not None and await governance.second_factor.confirms(mutation.call, sent)
    return await mutation.run(
        lambda change: approvals.decide(change, approval_id, "approve", body.comment, has_second_factor=has_it)
    )


@router.post("/{approval_id}/deny", response_model=Approval)
async def deny(
    approval_id: Uuid, body: Deny, mutation: Annotated[Mutation, mutates("approvals.decide")]
) -> Response:
    return await mutation.run(lambda change: approvals.decide(change, approval_id, "deny", body.comment))


@router.post("/{approval_id}/withdraw", response_model=Approval)
async def withdraw(approval_id: Uuid, mutation: Annotated[Mutation, mutates("approvals.propose")]) -> Response:
    return await mutation.run(lambda change: approvals.withdraw(change, approval_id))


@router.post("/{approval_id}/consume", response_model=Consumed)
async def consume(
    approval_id: Uuid, body: Consume, mutation: Annotated[Mutation, mutates("approvals.propose")]
) -> Response:
    """Use it, once. What is to be executed are the `arguments` of the answer."""
    seal, arguments = mutation.house.seal, json.loads(body.arguments)
    return await mutation.run(
        lambda change: approvals.consume(
            change,
            seal,
            approval_id,
            arguments,
            environment=body.environment,
            execution_id=body.execution_id,
        )
    )


@router.post("/{approval_id}/outcome", response_model=Approval)
async def finish(
    approval_id: Uuid, body: Finish, mutation: Annotated[Mutation, mutates("approvals.propose")]
) -> Response:
    return await mutation.run(lambda change: approvals.finish(change, approval_id, body.outcome))
