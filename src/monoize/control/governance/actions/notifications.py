"""Telling people of approvals: what became due, and what was written down to be told, until it is."""

import dataclasses
import datetime as dt
from typing import Any, Final, Protocol

import structlog

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.base.ids import new_id
from monoize.base.principal import SYSTEM, Call
from monoize.contract.policies.notification import NotificationPolicy
from monoize.control.governance.actions import approvals as verbs
from monoize.control.governance.actions.contacts import contacts_of
from monoize.control.governance.actions.effective import effective
from monoize.control.governance.drivers import webhooks as driver
from monoize.control.governance.drivers.webhooks import NotDelivered, Webhooks
from monoize.control.governance.model import ladder
from monoize.control.governance.model.approvals import Approval
from monoize.control.governance.model.ladder import Contacts, Notice
from monoize.control.governance.store import approvals, notices
from monoize.infra.audit_log import AuditLog
from monoize.infra.db import Database, Tx
from monoize.infra.sealed import Seal

log = structlog.get_logger(__name__)

AT_ONCE_MOST: Final = 50


class Mail(Protocol):
    async def send(self, recipient: str, subject: str, text: str) -> None: ...


@dataclasses.dataclass(frozen=True, slots=True)
class Notifier:
    """Everything by which people are reached. `public_url` is empty where nobody has configured it."""

    database: Database
    audit_log: AuditLog
    seal: Seal
    mail: Mail
    webhooks: Webhooks
    public_url: str


def webhook_key(seal: Seal, agent_id: str) -> str:
    """Made of the master key, so that there is nothing to keep and nothing to lose."""
    return seal.mac("webhook", agent_id.encode())


async def expire_due(to: Notifier, now: dt.datetime) -> None:
    """End what nobody decided or used in time, each by itself, and tell that it has ended."""
    async with to.database.read() as tx:
        over = await approvals.over(tx, now, AT_ONCE_MOST)
    for approval_id in over:
        try:
            async with to.audit_log.change(Call(SYSTEM, new_id())) as change:
                found = await approvals.get(change.tx, approval_id)
                await verbs.expire(change, approval_id, now=now)
                if found.status == "pending":
                    policy, contacts = await _whom(change.tx, found)
                    told = ladder.recipients(policy, contacts, "approval_expired", 0)
                    await notices.add(change.tx, approval_id, "approval_expired", told, now)
        except Refusal as refusal:
            # Somebody decided it at the last moment, or another process was faster.
            log.info("approval_not_expired", approval_id=approval_id, code=refusal.code)


async def climb_due(to: Notifier, now: dt.datetime) -> None:
    """Tell the next rung of what nobody has voted on."""
    async with to.database.write() as tx:
        for approval, rung in await approvals.unheard(tx, now, AT_ONCE_MOST):
            policy, contacts = await _whom(tx, approval)
            later = ladder.next_rung_at(approval.created_at, policy, rung + 1)
            if await approvals.climb(tx, approval.id, rung, escalates_at=later):
                told = ladder.recipients(policy, contacts, "approval_requested", rung + 1)
                await notices.add(tx, approval.id, "approval_requested", told, now)


async def deliver_due(to: Notifier, now: dt.datetime) -> None:
    async with to.database.read() as tx:
        due = await notices.due(tx, now, AT_ONCE_MOST)
    for notice in due:
        async with to.database.write() as tx:
            is_ours = await notices.claim(tx, notice, until=now + ladder.FORGOTTEN_IN)
        if is_ours:
            await _deliver(to, notice, now)


async def _deliver(to: Notifier, notice: Notice, now: dt.datetime) -> None:
    async with to.database.read() as tx:
        approval = await approvals.get(tx, notice.approval_id)
    try:
        await _send(to, notice, approval)
    except (Refusal, NotDelivered, ValueError) as problem:
        log.warning(
            "notification_failed",
            approval_id=approval.id,
            channel=notice.channel,
            attempt=notice.attempts + 1,
            problem=type(problem).__name__,
        )
        await _failed(to, notice, approval, now)
    else:
        async with to.database.write() as tx:
            await notices.finish(tx, notice.id, sent=True)


async def _send(to: Notifier, notice: Notice, approval: Approval) -> None:
    if notice.channel == "email":
        subject, text = _mail(to, notice, approval)
        await to.mail.send(notice.recipient, subject, text)
        return
    if approval.agent_id is None:
        raise NotDelivered("the agent is gone, and its key with it")
    await driver.tell(
        to.webhooks,
        notice.recipient,
        _event(notice, approval),
        key=webhook_key(to.seal, approval.agent_id),
        delivery_id=notice.id,
        now_s=int(utc_now().timestamp()),
    )


async def _failed(to: Notifier, notice: Notice, approval: Approval, now: dt.datetime) -> None:
    """Once more later; and in the end those are told to whom things are escalated."""
    pause = ladder.pause_after(notice.attempts + 1)
    async with to.database.write() as tx:
        if pause is not None:
            await notices.put_off(tx, notice.id, now + pause)
            return
        await notices.finish(tx, notice.id, sent=False)
        _, contacts = await _whom(tx, approval)
        if contacts.escalation:
            await notices.add(tx, approval.id, notice.event, [("email", contacts.escalation)], now)


async def _whom(tx: Tx, approval: Approval) -> tuple[NotificationPolicy, Contacts]:
    """Where the record cannot be read any more, nobody is known who could be told."""
    if approval.agent_id is None:
        return NotificationPolicy(), Contacts()
    try:
        policy = await effective(tx, approval.agent_id, for_tenant=approval.tenant_id)
        return policy.policies.notification_policy_json, await contacts_of(tx, approval.agent_id)
    except Refusal as refusal:
        log.warning("contacts_unknown", agent_id=approval.agent_id, code=refusal.code)
        return NotificationPolicy(), Contacts()


def _mail(to: Notifier, notice: Notice, approval: Approval) -> tuple[str, str]:
    is_over = notice.event == "approval_expired"
    subject = f"{'Expired' if is_over else 'Approval needed'}: {approval.subject}"
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
    if to.public_url:
        lines.append(f"This is about {to.public_url.rstrip('/')}.")
    return subject, "\n".join(lines) + "\n"


def _event(notice: Notice, approval: Approval) -> dict[str, Any]:
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
