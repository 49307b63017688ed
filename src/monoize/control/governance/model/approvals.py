"""Approvals as they are kept: who may see and decide them, and what may follow what.

pending ──> approved ──> consumed ──> executed
   │           │             └──────> failed
   │           └──────> expired
   └──> denied, withdrawn, expired
"""

import dataclasses
import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from monoize.base.canonical import canonical_hash
from monoize.base.principal import Principal
from monoize.contract.approvals import Action, Kind, Terms
from monoize.contract.policies.globs import matches
from monoize.contract.policies.words import Severity
from monoize.control.edge.wire import NanoUsd

Status = Literal["pending", "approved", "denied", "expired", "withdrawn", "consumed", "executed", "failed"]
Decision = Literal["approve", "deny"]
Outcome = Literal["executed", "failed"]

TRANSITIONS: Final[Mapping[Status, frozenset[Status]]] = {
    "pending": frozenset({"approved", "denied", "expired", "withdrawn"}),
    "approved": frozenset({"consumed", "expired"}),
    "consumed": frozenset({"executed", "failed"}),
}
OPEN: Final[Sequence[Status]] = ("pending", "approved")
"""These end when their time is over."""

ADMINISTRATORS: Final = ("admin", "super_admin")
REDACTED: Final = "[redacted]"
_SECRET_NAME: Final = re.compile(r"(?i)(password|passwd|secret|token|credential|cookie|authorization|api_?key)")
_SECRET_TEXT: Final = re.compile(
    r"(?i)\b(sk-[a-z0-9_-]{8,}|mz[st]_[a-z0-9_]{8,}|bearer\s+\S+|ghp_\w+|AKIA[A-Z0-9]{12,})|-----BEGIN [A-Z ]+-----"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Proposal:
    """What an agent wants to be allowed to do, once, with exactly these arguments."""

    agent_id: str
    kind: Kind
    subject: str
    arguments: Mapping[str, Any]
    environment: str | None = None
    risk: Severity | None = None
    is_irreversible: bool = False
    est_cost_nano_usd: int | None = None
    rationale: str | None = None
    diff: str | None = None
    dry_run_ref: str | None = None
    affected: Sequence[str] = ()
    needed: int = 1
    ttl_s: int | None = None
    applies_to: str | None = None
    """The agent record that it changes. Only we say so, never whoever asks for an approval."""

    @property
    def action(self) -> Action:
        return Action(
            kind=self.kind,
            subject=self.subject,
            environment=self.environment,
            risk=self.risk,
            is_irreversible=self.is_irreversible,
            est_cost_nano=self.est_cost_nano_usd,
            affected_count=len(self.affected),
        )

    @property
    def arguments_hash(self) -> str:
        return canonical_hash(self.arguments)


@dataclasses.dataclass(frozen=True, slots=True)
class ApproverGroup:
    """Whoever has one of the roles or is one of the users."""

    roles: tuple[str, ...] = ()
    users: tuple[str, ...] = ()

    def includes(self, person: Principal) -> bool:
        return matches(self.roles, person.role) or person.user_id in self.users


@dataclasses.dataclass(frozen=True, slots=True)
class Vote:
    user_id: str
    decision: Decision
    comment: str | None
    created_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Approval:
    """`arguments` are shown without secrets; `arguments_hash` is of those that count. Whoever decides has to be in
    each of the groups of `approvers`; without any, administrators decide. With `applies_to` it is a change of that
    agent record, which concerns all administrators of the house. Lists leave `votes` away.
    """

    id: str
    tenant_id: str
    agent_id: str | None
    config_version: int | None
    requester: str
    kind: Kind
    subject: str
    arguments: Mapping[str, Any]
    arguments_hash: str
    environment: str | None
    risk: Severity
    est_cost_nano_usd: NanoUsd | None
    rationale: str | None
    diff: str | None
    dry_run_ref: str | None
    affected: Sequence[str]
    needed: int
    approvers: Sequence[ApproverGroup]
    needs_second_factor: bool
    ttl_s: int
    expires_at: dt.datetime
    status: Status
    decided_at: dt.datetime | None
    decided_by: str | None
    decided_reason: str | None
    consumed_at: dt.datetime | None
    execution_id: str | None
    created_at: dt.datetime
    updated_at: dt.datetime
    applies_to: str | None = None
    votes: Sequence[Vote] = ()


def requester_of(principal: Principal) -> str:
    """By id, since people can change their names."""
    return f"{principal.kind}:{principal.id}"


def groups_of(terms: Terms) -> tuple[ApproverGroup, ...]:
    return tuple(ApproverGroup(group.roles, group.users) for group in terms.approvers)


def action_of(approval: Approval) -> Action:
    return Action(
        kind=approval.kind,
        subject=approval.subject,
        environment=approval.environment,
        est_cost_nano=approval.est_cost_nano_usd,
    )


def is_within(now: Terms, granted: Approval) -> bool:
    """Whether what was granted is still enough by what is in force now."""
    return (
        now.needed <= granted.needed
        and (granted.needs_second_factor or not now.needs_second_factor)
        and set(groups_of(now)) <= set(granted.approvers)
    )


def may_decide(approval: Approval, person: Principal) -> bool:
    if not approval.approvers:
        return person.role in ADMINISTRATORS
    return all(group.includes(person) for group in approval.approvers)


def may_see(approval: Approval, caller: Principal) -> bool:
    """Those who administer, those who are named, and whoever asked; of other tenants nobody."""
    if approval.applies_to is not None and caller.role in ADMINISTRATORS:
        return True
    if approval.tenant_id != caller.tenant_id:
        return False
    is_named = any(group.includes(caller) for group in approval.approvers)
    return caller.role in ADMINISTRATORS or is_named or approval.requester == requester_of(caller)


def is_in_person(caller: Principal) -> bool:
    """Signed in themselves: neither a program nor one that acts in somebody's name."""
    return caller.kind == "user" and caller.session_id is not None and caller.via is None


def redacted(value: Any) -> Any:
    """For people to look at: what is called like a secret or looks like one is not shown."""
    match value:
        case dict():
            return {
                name: REDACTED if _SECRET_NAME.search(name) else redacted(inner) for name, inner in value.items()
            }
        case list():
            return [redacted(inner) for inner in value]
        case str():
            return _SECRET_TEXT.sub(REDACTED, value)
    return value


def arguments_place(approval_id: str) -> tuple[str, str, str]:
    """What the sealed arguments of an approval are bound to."""
    return "approvals", "args_sealed", approval_id
