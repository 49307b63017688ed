"""Telling people of approvals and escalations: what became due, and what was written down, until it is told."""

import dataclasses
import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

import structlog

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.base.ids import new_id
from monoize.base.principal import SYSTEM, Call
from monoize.contract.policies.notification import NotificationPolicy
from monoize.control.governance.actions import approvals as verbs
from monoize.control.governance.actions import letters
from monoize.control.governance.actions.contacts import whom
from monoize.control.governance.actions.letters import Letter
from monoize.control.governance.drivers import webhooks as driver
from monoize.control.governance.drivers.webhooks import NotDelivered, Webhooks
from monoize.control.governance.model import ladder
from monoize.control.governance.model.approvals import Approval
from monoize.control.governance.model.ladder import Contacts, Notice
from monoize.control.governance.store import approvals, escalations, notices
from monoize.control.governance.store.notices import Notices
from monoize.infra.audit_log import AuditLog
from monoize.infra.db import Database, Tx
from monoize.infra.sealed import Seal

log = structlog.get_logger(__name__)

AT_ONCE_MOST: Final = 50

Writes = Callable[[Tx, Notice], Awaitable[Letter]]
_KINDS: Final[Sequence[tuple[Notices, Writes]]] = (
    (notices.of_approvals, letters.of_approval),
    (notices.of_escalations, letters.of_escalation),
    (notices.of_alerts, letters.of_alert),
)


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
                    at = ladder.moments(policy, "approval_expired", now, severity=found.risk)
                    await notices.of_approvals.add(change.tx, approval_id, "approval_expired", told, now, at=at)
        except Refusal as refusal:
            # Somebody decided it at the last moment, or another process was faster.
            log.info("approval_not_expired", approval_id=approval_id, code=refusal.code)


async def climb_due(to: Notifier, now: dt.datetime) -> None:
    """Tell the next rung of what nobody has voted on, and of what nobody looks after."""
    async with to.database.write() as tx:
        for approval, rung in await approvals.unheard(tx, now, AT_ONCE_MOST):
            policy, contacts = await _whom(tx, approval)
            later = ladder.next_rung_at(approval.created_at, policy, rung + 1)
            if await approvals.climb(tx, approval.id, rung, escalates_at=later):
                told = ladder.recipients(policy, contacts, "approval_requested", rung + 1)
                at = ladder.moments(policy, "approval_requested", now, severity=approval.risk)
                await notices.of_approvals.add(tx, approval.id, "approval_requested", told, now, at=at)
        for escalation, rung in await escalations.unheard(tx, now, AT_ONCE_MOST):
            policy, contacts = await whom(tx, escalation.agent_id, escalation.tenant_id)
            later = ladder.next_rung_at(escalation.created_at, policy, rung + 1)
            if await escalations.climb(tx, escalation.id, rung, escalates_at=later):
                told = ladder.recipients(policy, contacts, escalation.event, rung + 1)
                at = ladder.moments(policy, escalation.event, now)
                await notices.of_escalations.add(tx, escalation.id, escalation.event, told, now, at=at)


async def deliver_due(to: Notifier, now: dt.datetime) -> None:
    for kept, written in _KINDS:
        async with to.database.read() as tx:
            due = await kept.due(tx, now, AT_ONCE_MOST)
        ours = []
        for notice in due:
            async with to.database.write() as tx:
                if await kept.claim(tx, notice, until=now + ladder.FORGOTTEN_IN):
                    ours.append(notice)
        for bundle in await _bundles(to, kept, written, ours):
            await _deliver(to, kept, bundle, now)


async def _bundles(
    to: Notifier, kept: Notices, written: Writes, ours: Sequence[Notice]
) -> Sequence[Sequence[tuple[Notice, Letter]]]:
    """What one person is told of one agent that can wait is one mail; all else is told by itself."""
    found: dict[tuple[str, ...], list[tuple[Notice, Letter]]] = {}
    async with to.database.read() as tx:
        for notice in ours:
            letter = await written(tx, notice)
            is_mail = kept is notices.of_alerts and notice.channel == "email"
            key = (notice.recipient, letter.agent_id or "") if is_mail else (notice.id,)
            found.setdefault(key, []).append((notice, letter))
    return list(found.values())


async def _deliver(to: Notifier, kept: Notices, bundle: Sequence[tuple[Notice, Letter]], now: dt.datetime) -> None:
    notice = bundle[0][0]
    letter = letters.together([each for _, each in bundle])
    try:
        await _send(to, notice, letter)
    except (Refusal, NotDelivered, ValueError) as problem:
        log.warning(
            "notification_failed",
            about_id=notice.about_id,
            notice_event=notice.event,
            channel=notice.channel,
            attempt=notice.attempts + 1,
            problem=type(problem).__name__,
        )
        for each, about in bundle:
            await _failed(to, kept, each, about, now)
    else:
        async with to.database.write() as tx:
            for each, _ in bundle:
                await kept.finish(tx, each.id, sent=True)


async def _send(to: Notifier, notice: Notice, letter: Letter) -> None:
    if notice.channel == "email":
        about = f"This is about {to.public_url.rstrip('/')}.\n" if to.public_url else ""
        await to.mail.send(notice.recipient, letter.subject, f"{letter.text}\n{about}")
        return
    if letter.agent_id is None:
        raise NotDelivered("the agent is gone, and its key with it")
    await driver.tell(
        to.webhooks,
        notice.recipient,
        letter.event,
        key=webhook_key(to.seal, letter.agent_id),
        delivery_id=notice.id,
        now_s=int(utc_now().timestamp()),
    )


async def _failed(to: Notifier, kept: Notices, notice: Notice, letter: Letter, now: dt.datetime) -> None:
    """Once more later; and in the end those are told to whom things are escalated."""
    pause = ladder.pause_after(notice.attempts + 1)
    async with to.database.write() as tx:
        if pause is not None:
            await kept.put_off(tx, notice.id, now + pause)
            return
        await kept.finish(tx, notice.id, sent=False)
        _, contacts = await letters.whom_of(tx, letter)
        if contacts.escalation:
            await kept.add(tx, notice.about_id, notice.event, [("email", contacts.escalation)], now)


async def _whom(tx: Tx, approval: Approval) -> tuple[NotificationPolicy, Contacts]:
    if approval.agent_id is None:
        return NotificationPolicy(), Contacts()
    return await whom(tx, approval.agent_id, approval.tenant_id)
