"""What becomes of a change of an agent record: tightening holds at once, and what loosens anything waits.

It waits for the yes of another administrator, which is bound to the very document and to the version it changes.
Failure is closed: where nobody can say what was in force before, a change counts as loosening.
"""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

from monoize.base.canonical import canonical_json
from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.base.principal import Principal
from monoize.contract.approvals import Terms
from monoize.control.governance import errors
from monoize.control.governance.actions import alerts
from monoize.control.governance.actions import approvals as approving
from monoize.control.governance.actions.contacts import whom
from monoize.control.governance.actions.effective import check_whole
from monoize.control.governance.model.alerts import News
from monoize.control.governance.model.approvals import Approval, Proposal, arguments_place, is_in_person, redacted
from monoize.control.governance.model.difference import changed_names, differences
from monoize.control.governance.model.ladder import moments, next_rung_at, recipients
from monoize.control.governance.model.records import (
    AgentRecord,
    Governed,
    Revision,
    document,
    governed_of,
    hash_of,
    is_whole,
    of_document,
)
from monoize.control.governance.model.strictness import loosened
from monoize.control.governance.store import approvals, notices, records, revisions
from monoize.control.identity.actions.users import count_administrators
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal

DECIDED_WITHIN_S: Final = 86_400
DIFFERENCES_TOLD_MOST: Final = 100
UNKNOWN: Final = ("/",)
"""Where a change loosens when nobody knows what was in force."""


@dataclasses.dataclass(frozen=True, slots=True)
class ConfigChange:
    """`rest` is what no version holds, such as the status. `to`: the version whose words are said again."""

    after: Governed
    rest: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    reason: str | None = None
    to: int | None = None

    @property
    def action(self) -> str:
        return "agent_record.update" if self.to is None else "agent_record.rollback"


async def settle(
    change: Change, seal: Seal, before: AgentRecord, wanted: ConfigChange, *, sole_admin: bool
) -> AgentRecord | Approval:
    """The record as it is now, or what another administrator has to approve first."""
    where = loosened_by(before, await revisions.newest(change.tx, before.id), wanted)
    if not where:
        return await write(change, before, wanted)
    if sole_admin:
        await _check_sole(change.tx, change.call.principal)
        return await write(change, before, wanted, sole_admin=True)
    return await _propose(change, seal, before, wanted, where, now=utc_now())


def loosened_by(before: AgentRecord, newest: Revision | None, wanted: ConfigChange) -> Sequence[str]:
    """A baseline that goes out of force loosens whatever it bound."""
    if newest is None or not newest.intact:
        return UNKNOWN
    ends = ["/status"] if ends_baseline(before, wanted.rest) else []
    return [*loosened(of_document(newest.config), wanted.after), *ends]


def ends_baseline(before: AgentRecord, rest: Mapping[str, Any]) -> bool:
    return before.baseline is not None and before.status == "active" != rest.get("status", "active")


async def check_changeable(tx: Tx, record: AgentRecord) -> None:
    await check_whole(tx, record)
    if record.status == "archived":
        raise errors.AgentRecordArchived


async def write(change: Change, before: AgentRecord, wanted: ConfigChange, **facts: Any) -> AgentRecord:
    """A version that says what the present one says is none."""
    tx, after = change.tx, wanted.after
    newest = await revisions.newest(tx, before.id)
    standing = of_document(newest.config) if newest and newest.intact else None
    if hash_of(after) != before.config_hash or not is_whole(before, newest):
        # Somebody may have changed the number of the present one, too.
        version = max(newest.version if newest else 0, before.config_version) + 1
        await records.write_version(tx, before, after, version)
        author = change.call.principal.label
        await revisions.add(tx, before.id, version, after, author=author, reason=wanted.reason)
        detail = f"{author} has changed the record {before.name}: it is version {version} now."
        await alerts.tell(tx, before.id, "config_changed", News(f"version {version}", detail), utc_now())
    if wanted.rest:
        await records.annotate(tx, before.id, wanted.rest)
    record = await records.get(tx, before.id)
    if standing:
        facts["changed"] = changed_names(document(standing), document(after)) + sorted(wanted.rest)
        facts["loosened"] = loosened(standing, after)
    if wanted.to is not None:
        facts["to"] = wanted.to
    facts |= {"version": record.config_version, "digest": record.config_hash, "status": record.status}
    change.record(wanted.action, "agent_record", before.id, name=before.name, reason=wanted.reason, **facts)
    return record


async def apply(
    change: Change, seal: Seal, record_id: str, approval_id: str, *, now: dt.datetime | None = None
) -> AgentRecord:
    """Write what was approved, once, over the version that people saw. Any administrator may, since two agreed."""
    tx, now = change.tx, now or utc_now()
    before = await records.get(tx, record_id, lock=True)
    found = await approvals.get(tx, approval_id, lock=True)
    if found.applies_to != record_id:
        raise errors.NoSuchApproval
    approving.check_state(found, "approved", now)
    kept = approving.opened(seal, found, await approvals.sealed_arguments(tx, found.id))
    if (kept["version"], kept["digest"]) != (before.config_version, before.config_hash):
        raise errors.ApprovedUnderOtherRules
    wanted = ConfigChange(of_document(kept["document"]), kept["rest"], kept["reason"], kept["to"])
    if wanted.to is None:
        await check_changeable(tx, before)
    await approving.move(tx, found, "consumed", now, consumed_at=now)
    if not await approvals.move(tx, found.id, "consumed", "executed"):
        raise errors.ApprovalState(state=found.status)
    approved_by = [vote.user_id for vote in found.votes if vote.decision == "approve"]
    return await write(
        change, before, wanted, approval_id=found.id, requester=found.requester, approved_by=approved_by
    )


async def _propose(
    change: Change, seal: Seal, before: AgentRecord, wanted: ConfigChange, where: Sequence[str], *, now: dt.datetime
) -> Approval:
    tx, caller, id = change.tx, change.call.principal, new_id()
    proposal = Proposal(
        agent_id=before.id,
        kind="config",
        subject=f"agent record {before.name}"[:191],
        arguments={
            "version": before.config_version,
            "digest": before.config_hash,
            "document": document(wanted.after),
            "rest": dict(wanted.rest),
            "reason": wanted.reason,
            "to": wanted.to,
        },
        rationale=wanted.reason,
        diff=_differences(before, wanted),
        affected=where,
        applies_to=before.id,
    )
    policy, contacts = await whom(tx, before.id, before.tenant_id)
    made = await approvals.add(
        tx,
        id,
        proposal,
        _terms(caller),
        requester=caller,
        config_version=before.config_version,
        sealed=seal.seal(canonical_json(proposal.arguments), *arguments_place(id)),
        now=now,
        escalates_at=next_rung_at(now, policy, 0),
    )
    told, at = recipients(policy, contacts, "approval_requested", 0), moments(policy, "approval_requested", now)
    await notices.of_approvals.add(tx, id, "approval_requested", told, now, at=at)
    change.record(
        "approval.propose",
        "approval",
        id,
        agent_id=before.id,
        kind=proposal.kind,
        subject=proposal.subject,
        arguments_digest=made.arguments_hash,
        loosened=list(where),
        needed=made.needed,
    )
    return made


def _terms(caller: Principal) -> Terms:
    """A program may be in the hands of whoever would approve what it asks for: then two have to."""
    return Terms(
        risk="high",
        needed=1 if is_in_person(caller) else 2,
        approvers=(),
        ttl_s=DECIDED_WITHIN_S,
        needs_second_factor=False,
    )


def _differences(before: AgentRecord, wanted: ConfigChange) -> str:
    """For people to look at."""
    found = list(differences(document(governed_of(before)), document(wanted.after)))
    lines = [
        f"{each.pointer}: {canonical_json(redacted(each.before))} -> {canonical_json(redacted(each.after))}"
        for each in found[:DIFFERENCES_TOLD_MOST]
    ]
    if len(found) > DIFFERENCES_TOLD_MOST:
        lines.append(f"… and {len(found) - DIFFERENCES_TOLD_MOST} more")
    lines += [f"/{name}: {canonical_json(value)}" for name, value in wanted.rest.items()]
    return "\n".join(lines)


async def _check_sole(tx: Tx, caller: Principal) -> None:
    is_sole = await count_administrators(tx) == 1
    if not (is_sole and caller.role == "super_admin" and is_in_person(caller)):
        raise errors.NotTheSoleAdmin
