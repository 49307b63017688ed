"""What people are told: the text of a mail and the event of a webhook, for each kind of thing."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

from monoize.contract.policies.notification import NotificationPolicy
from monoize.control.governance.actions.contacts import whom
from monoize.control.governance.errors import NoSuchAgentRecord
from monoize.control.governance.model.alerts import Event
from monoize.control.governance.model.approvals import Approval
from monoize.control.governance.model.escalations import Escalation
from monoize.control.governance.model.ladder import Contacts, Notice
from monoize.control.governance.store import alerts, approvals, escalations
from monoize.infra.db import Tx

_ALERTS: Final[Mapping[Event, str]] = {
    "budget_soft": "An agent spends",
    "budget_block": "Out of budget",
    "limit_hit": "At a limit",
    "config_changed": "Record changed",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Letter:
    """`agent_id` is whose record says who is told; None where it is gone, and its key with it."""

    agent_id: str | None
    tenant_id: str
    subject: str
    text: str
    event: Mapping[str, Any]


async def of_approval(tx: Tx, notice: Notice) -> Letter:
    approval = await approvals.get(tx, notice.about_id)
    is_over = notice.event == "approval_expired"
    return Letter(
        approval.agent_id,
        approval.tenant_id,
        f"{'Expired' if is_over else 'Approval needed'}: {approval.subject}",
        _of_approval(approval, is_over=is_over),
        _approval_event(notice, approval),
    )


async def of_escalation(tx: Tx, notice: Notice) -> Letter:
    escalation = await escalations.get(tx, notice.about_id)
    has_broken_down = escalation.event == "health_failed"
    return Letter(
        escalation.agent_id,
        escalation.tenant_id,
        f"{'Agent unhealthy' if has_broken_down else 'Failing again and again'}: {escalation.subject}",
        _of_escalation(escalation),
        _escalation_event(escalation),
    )


async def of_alert(tx: Tx, notice: Notice) -> Letter:
    alert = await alerts.find(tx, notice.about_id)
    if alert is None:
        raise NoSuchAgentRecord
    lines = [alert.detail, "", f"  agent         {alert.agent_id}", f"  since         {_shown(alert.created_at)}"]
    event = {
        "event": alert.event,
        "alert_id": alert.id,
        "tenant_id": alert.tenant_id,
        "agent_id": alert.agent_id,
        "subject": alert.subject,
        "detail": alert.detail,
        "created_at": alert.created_at,
    }
    subject = f"{_ALERTS[alert.event]}: {alert.subject}"
    return Letter(alert.agent_id, alert.tenant_id, subject, "\n".join(lines), event)


def together(letters: Sequence[Letter]) -> Letter:
    """Those that one person is to be told of one agent at the same moment."""
    if len(letters) == 1:
        return letters[0]
    text = "\n\n".join(f"{letter.subject}\n{letter.text}" for letter in letters)
    return dataclasses.replace(letters[0], subject=f"{len(letters)} messages about an agent", text=text)


async def whom_of(tx: Tx, letter: Letter) -> tuple[NotificationPolicy, Contacts]:
    if letter.agent_id is None:
        return NotificationPolicy(), Contacts()
    return await whom(tx, letter.agent_id, letter.tenant_id)


def _of_approval(approval: Approval, *, is_over: bool) -> str:
    lines = [
        "Nobody has decided this in time, so it was not done:"
        if is_over
        else "An agent waits for a decision; it is not done before somebody has looked at it:",
        "",
        f"  what          {approval.kind} {approval.subject}",
        f"  environment   {approval.environment or '-'}",
        f"  risk          {approval.risk}",
        f"  people needed {approval.needed}",
        f"  until         {approval.expires_at:%Y-%m-%d %H:%M:%S} UTC",
        "",
        f"Look at all of it with `monoize approvals show {approval.id}`,",
        f"then `monoize approvals approve {approval.id}` or `monoize approvals deny {approval.id}`.",
    ]
    return "\n".join(lines)


def _of_escalation(escalation: Escalation) -> str:
    lines = [
        "Somebody has to look after an agent:",
        "",
        f"  agent         {escalation.agent_id}",
        f"  what          {escalation.subject}",
        f"  why           {escalation.detail}",
        f"  since         {escalation.created_at:%Y-%m-%d %H:%M:%S} UTC",
        "",
        f"See how it is with `monoize agent-records health {escalation.agent_id}`, and say that you do with",
        f"`monoize escalations acknowledge {escalation.id}`: otherwise others are told.",
    ]
    return "\n".join(lines)


def _approval_event(notice: Notice, approval: Approval) -> Mapping[str, Any]:
    """Without arguments, which may hold what is nobody else's business."""
    return {
        "event": notice.event,
        "approval_id": approval.id,
        "tenant_id": approval.tenant_id,
        "agent_id": approval.agent_id,
        "kind": approval.kind,
        "subject": approval.subject,
        "environment": approval.environment,
        "risk": approval.risk,
        "needed": approval.needed,
        "status": approval.status,
        "expires_at": approval.expires_at,
    }


def _escalation_event(escalation: Escalation) -> Mapping[str, Any]:
    return {
        "event": escalation.event,
        "escalation_id": escalation.id,
        "tenant_id": escalation.tenant_id,
        "agent_id": escalation.agent_id,
        "reason": escalation.reason,
        "subject": escalation.subject,
        "detail": escalation.detail,
        "created_at": escalation.created_at,
    }


def _shown(at: dt.datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
