"""What is done with approvals: proposing, deciding, using once. Whoever is not of the tenant finds nothing."""

import dataclasses
import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

from monoize.base.canonical import canonical_hash, canonical_json
from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.base.principal import Principal
from monoize.contract.approvals import terms_of
from monoize.contract.policies.notification import Event
from monoize.control.edge.wire import Page, Window
from monoize.control.governance import errors
from monoize.control.governance.actions.admission import admitted
from monoize.control.governance.actions.contacts import whom
from monoize.control.governance.model import approvals as model
from monoize.control.governance.model.approvals import Approval, Decision, Outcome, Proposal, Status
from monoize.control.governance.model.ladder import moments, next_rung_at, recipients
from monoize.control.governance.store import approvals, notices
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal, SealBroken


@dataclasses.dataclass(frozen=True, slots=True)
class Consumed:
    """The one use of an approval: what is executed are these arguments, whoever sent which."""

    approval: Approval
    arguments: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class DeniedMany:
    denied: Sequence[Approval]


async def list_approvals(
    tx: Tx, window: Window, viewer: Principal, *, status: Status | None = None, agent_id: str | None = None
) -> Page[Approval]:
    found = await approvals.page(tx, window, viewer, status=status, agent_id=agent_id)
    return window.page(found, lambda approval: approval.id)


async def get_approval(tx: Tx, approval_id: str, viewer: Principal) -> Approval:
    return _visible(await approvals.get(tx, approval_id), viewer)


async def newest_for(
    tx: Tx, requester: Principal, agent_id: str, subject: str, arguments: Mapping[str, Any]
) -> Approval | None:
    """What this requester asked for last with exactly these arguments."""
    return await approvals.newest_for(tx, requester, agent_id, subject, canonical_hash(arguments))


async def propose(change: Change, seal: Seal, proposal: Proposal, *, now: dt.datetime | None = None) -> Approval:
    tx, caller, now = change.tx, change.call.principal, now or utc_now()
    agent = await admitted(tx, proposal.agent_id, caller)
    ttls_s = () if proposal.ttl_s is None else (proposal.ttl_s,)
    terms = terms_of(proposal.action, agent.policy, needed=proposal.needed, ttls_s=ttls_s)
    (policy, contacts), id = await whom(tx, proposal.agent_id, agent.tenant_id), new_id()
    made = await approvals.add(
        tx,
        id,
        proposal,
        terms,
        requester=caller,
        config_version=agent.policy.config_version,
        sealed=seal.seal(canonical_json(proposal.arguments), *model.arguments_place(id)),
        now=now,
        escalates_at=next_rung_at(now, policy, 0),
    )
    event: Event = "approval_requested"
    told = recipients(policy, contacts, event, 0)
    at = moments(policy, event, now, severity=made.risk)
    await notices.of_approvals.add(tx, id, event, told, now, at=at)
    change.record(
        "approval.propose",
        "approval",
        id,
        agent_id=proposal.agent_id,
        kind=proposal.kind,
        subject=proposal.subject,
        arguments_digest=made.arguments_hash,
        risk=terms.risk,
        needed=terms.needed,
    )
    return made


async def decide(
    change: Change,
    approval_id: str,
    decision: Decision,
    comment: str | None = None,
    *,
    has_second_factor: bool = False,
    now: dt.datetime | None = None,
) -> Approval:
    """One person's vote. The first no ends it; the last yes that is needed grants it."""
    tx, caller, now = change.tx, change.call.principal, now or utc_now()
    found = _visible(await approvals.get(tx, approval_id, lock=True), caller)
    _check_may_vote(found, caller, decision, has_second_factor)
    check_state(found, "pending", now)
    votes = await approvals.vote(tx, found.id, caller.id, decision, comment, now)
    after: Status = "denied" if decision == "deny" else "approved"
    if decision == "deny" or len(votes) >= found.needed:
        values = {"decided_at": now, "decided_by": caller.label, "decided_reason": comment}
        await move(tx, found, after, now, **values)
    decided = await approvals.get(tx, found.id)
    change.record(f"approval.{decision}", "approval", found.id, subject=found.subject, status=decided.status)
    return decided


async def deny_many(
    change: Change, approval_ids: Sequence[str], comment: str | None = None, *, now: dt.datetime | None = None
) -> DeniedMany:
    """All of them or none. There is no such thing for a yes: each is looked at by itself."""
    tx, caller, now = change.tx, change.call.principal, now or utc_now()
    found = await approvals.some(tx, approval_ids, lock=True)
    if len(found) != len(set(approval_ids)):
        raise errors.NoSuchApproval
    for approval in found:
        _check_may_vote(_visible(approval, caller), caller, "deny", has_second_factor=False)
        check_state(approval, "pending", now)
        await approvals.vote(tx, approval.id, caller.id, "deny", comment, now)
        values = {"decided_at": now, "decided_by": caller.label, "decided_reason": comment}
        await move(tx, approval, "denied", now, **values)
    change.record("approval.deny_many", "approval", found[0].id, denied=[approval.id for approval in found])
    return DeniedMany(await approvals.some(tx, approval_ids, lock=False))


async def withdraw(change: Change, approval_id: str, *, now: dt.datetime | None = None) -> Approval:
    tx, now = change.tx, now or utc_now()
    found = _requested(await approvals.get(tx, approval_id, lock=True), change.call.principal)
    check_state(found, "pending", now)
    await move(tx, found, "withdrawn", now, decided_at=now, decided_by=change.call.principal.label)
    change.record("approval.withdraw", "approval", found.id, subject=found.subject)
    return await approvals.get(tx, found.id)


async def consume(
    change: Change,
    seal: Seal,
    approval_id: str,
    arguments: Mapping[str, Any],
    *,
    environment: str | None = None,
    execution_id: str | None = None,
    now: dt.datetime | None = None,
) -> Consumed:
    """Use it, once: for the arguments that people saw, where they were told, under the rules they were told."""
    tx, caller, now = change.tx, change.call.principal, now or utc_now()
    found = _requested(await approvals.get(tx, approval_id, lock=True), caller)
    if found.applies_to is not None:
        raise errors.AppliedToRecord
    check_state(found, "approved", now)
    if canonical_hash(arguments) != found.arguments_hash or environment != found.environment:
        raise errors.ArgumentsChanged
    await _check_rules(tx, found, caller)
    kept = opened(seal, found, await approvals.sealed_arguments(tx, found.id))
    await move(tx, found, "consumed", now, consumed_at=now, execution_id=execution_id)
    change.record("approval.consume", "approval", found.id, subject=found.subject, execution_id=execution_id)
    return Consumed(await approvals.get(tx, found.id), kept)


async def finish(change: Change, approval_id: str, outcome: Outcome) -> Approval:
    """How what was approved has ended."""
    tx = change.tx
    found = _requested(await approvals.get(tx, approval_id, lock=True), change.call.principal)
    if found.status != "consumed" or not await approvals.move(tx, found.id, "consumed", outcome):
        raise errors.ApprovalState(state=found.status)
    change.record(f"approval.{outcome}", "approval", found.id, subject=found.subject)
    return await approvals.get(tx, found.id)


async def expire(change: Change, approval_id: str, *, now: dt.datetime) -> None:
    """Where its time is over and nobody has ended it meanwhile."""
    found = await approvals.get(change.tx, approval_id, lock=True)
    if found.status not in model.OPEN or found.expires_at > now:
        raise errors.ApprovalState(state=found.status)
    await approvals.move(change.tx, found.id, found.status, "expired")
    change.record("approval.expire", "approval", found.id, subject=found.subject, was=found.status)


def opened(seal: Seal, found: Approval, sealed: str) -> Mapping[str, Any]:
    """The arguments as they were proposed; what was edited since is not executed."""
    try:
        kept: Mapping[str, Any] = json.loads(seal.open(sealed, *model.arguments_place(found.id)))
    except SealBroken:
        raise errors.ArgumentsChanged from None
    if canonical_hash(kept) != found.arguments_hash:
        raise errors.ArgumentsChanged
    return kept


def check_state(found: Approval, wanted: Status, now: dt.datetime) -> None:
    if found.status == "expired" or (found.status in model.OPEN and found.expires_at <= now):
        raise errors.ApprovalExpired
    if found.status != wanted:
        raise errors.ApprovalState(state=found.status)


async def move(tx: Tx, found: Approval, after: Status, now: dt.datetime, **values: Any) -> None:
    assert after in model.TRANSITIONS[found.status]
    if not await approvals.move(tx, found.id, found.status, after, alive_at=now, **values):
        raise errors.ApprovalState(state=found.status)


def _visible(found: Approval, viewer: Principal) -> Approval:
    if not model.may_see(found, viewer):
        raise errors.NoSuchApproval
    return found


def _requested(found: Approval, caller: Principal) -> Approval:
    """Only whoever asked goes on with it; others who may see it are told that it is not theirs."""
    if _visible(found, caller).requester != model.requester_of(caller):
        raise errors.NotTheRequester
    return found


def _check_may_vote(found: Approval, caller: Principal, decision: Decision, has_second_factor: bool) -> None:
    if not model.is_in_person(caller):
        raise errors.PersonNeeded
    if found.requester == model.requester_of(caller):
        raise errors.SelfApproval
    if not model.may_decide(found, caller):
        raise errors.NotAnApprover
    if decision == "approve" and found.needs_second_factor and not has_second_factor:
        raise errors.SecondFactorNeeded


async def _check_rules(tx: Tx, found: Approval, caller: Principal) -> None:
    """By the version of the record that people saw, and by no stricter rules around it."""
    if found.agent_id is None:
        raise errors.ApprovedUnderOtherRules
    agent = await admitted(tx, found.agent_id, caller)
    if agent.policy.config_version != found.config_version:
        raise errors.ApprovedUnderOtherRules
    if not model.is_within(terms_of(model.action_of(found), agent.policy, risk=found.risk), found):
        raise errors.ApprovedUnderOtherRules
