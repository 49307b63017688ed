"""Telling people how much of their plan and budget is used up: in the audit log, by mail, and by webhook.

What is to be told is written down where it is counted; the clock calls `deliver_due`. A notice goes to the log
first, and from there to whoever it concerns, so that nobody hears of what is not written down.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

import structlog

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.base.ids import new_id
from monoize.base.principal import SYSTEM, Call
from monoize.contract.policies.notification import Event
from monoize.control.compute.actions.standings import standings_of
from monoize.control.compute.model.notices import FORGOTTEN_IN, Channel, Notice, pause_after
from monoize.control.compute.model.overage import Standing
from monoize.control.compute.store import agents, notices
from monoize.control.governance.actions.contacts import contacts_of
from monoize.control.governance.actions.effective import effective
from monoize.control.governance.actions.notifications import Notifier, webhook_key
from monoize.control.governance.drivers import webhooks
from monoize.control.governance.drivers.webhooks import NotDelivered
from monoize.control.governance.model import ladder
from monoize.control.identity.actions import users
from monoize.infra.db import Tx

log = structlog.get_logger(__name__)

AT_ONCE_MOST: Final = 50


async def deliver_due(to: Notifier, now: dt.datetime) -> None:
    async with to.database.read() as tx:
        due = await notices.due(tx, now, AT_ONCE_MOST)
    for notice in due:
        if notice.channel == "log":
            await _write_down(to, notice, now)
            continue
        async with to.database.write() as tx:
            is_ours = await notices.claim(tx, notice, until=now + FORGOTTEN_IN)
        if is_ours:
            await _deliver(to, notice, now)


async def _write_down(to: Notifier, notice: Notice, now: dt.datetime) -> None:
    """One row in the audit log, and with it the notices to people: all or none of it."""
    try:
        async with to.audit_log.change(Call(SYSTEM, new_id())) as change:
            if not await notices.finish(change.tx, notice.id, sent=True):
                raise _AlreadyWritten
            await notices.derive(change.tx, notice, await _whom(change.tx, notice), now)
            change.record(
                "usage.notice",
                "user",
                notice.user_id,
                month=f"{notice.month:%Y-%m}",
                subject=notice.subject,
                percent=notice.percent,
            )
    except _AlreadyWritten:
        log.debug("usage_notice_taken", notice_id=notice.id)


class _AlreadyWritten(Exception):
    """Another process was faster."""


async def _whom(tx: Tx, notice: Notice) -> Sequence[tuple[Channel, str]]:
    """The user, and whom the records of their agents name for such an event."""
    found: list[tuple[Channel, str]] = []
    owner = await users.get_user(tx, notice.user_id)
    if owner.email:
        found.append(("email", owner.email))
    for record_id in dict.fromkeys(each.config_id for each in await agents.of_user(tx, owner.id)):
        if record_id is None:
            continue
        try:
            policy = (await effective(tx, record_id)).policies.notification_policy_json
            named = ladder.recipients(policy, await contacts_of(tx, record_id), _event_of(notice), 0)
        except Refusal as refusal:
            log.warning("contacts_unknown", record_id=record_id, code=refusal.code)
            continue
        # A webhook is signed with the key of the record that names it.
        found += [(way, f"{record_id} {whom}" if way == "webhook" else whom) for way, whom in named]
    return list(dict.fromkeys(found))


def _event_of(notice: Notice) -> Event:
    if notice.percent < 100:
        return "budget_soft"
    return "budget_block" if notice.subject == "budget" else "limit_hit"


async def _deliver(to: Notifier, notice: Notice, now: dt.datetime) -> None:
    try:
        async with to.database.read() as tx:
            standing = (await standings_of(tx, [notice.user_id], notice.month)).get(notice.user_id)
        if standing is not None:
            await _send(to, notice, standing)
    except (Refusal, NotDelivered, ValueError) as problem:
        log.warning(
            "usage_notice_failed",
            user_id=notice.user_id,
            channel=notice.channel,
            attempt=notice.attempts + 1,
            problem=type(problem).__name__,
        )
        pause = pause_after(notice.attempts + 1)
        async with to.database.write() as tx:
            if pause is None:
                await notices.finish(tx, notice.id, sent=False)
            else:
                await notices.put_off(tx, notice.id, now + pause)
    else:
        async with to.database.write() as tx:
            await notices.finish(tx, notice.id, sent=True)


async def _send(to: Notifier, notice: Notice, standing: Standing) -> None:
    if notice.channel == "email":
        await to.mail.send(notice.recipient, *_mail(to, notice, standing))
        return
    record_id, _, url = notice.recipient.partition(" ")
    await webhooks.tell(
        to.webhooks,
        url,
        _said(notice, standing),
        key=webhook_key(to.seal, record_id),
        delivery_id=notice.id,
        now_s=int(utc_now().timestamp()),
    )


def _mail(to: Notifier, notice: Notice, standing: Standing) -> tuple[str, str]:
    what = "budget for overage" if notice.subject == "budget" else f"plan's {notice.subject}"
    subject = f"{notice.percent} % of your {what} is used"
    lines = [
        f"In {notice.month:%B %Y} your machines have used {notice.percent} % or more of your {what}.",
        "",
        f"  overage so far   {standing.overage_cents / 100:.2f} USD",
        f"  budget for it    {standing.budget_cents / 100:.2f} USD",
        "",
        "When the plan is used up and the budget too, your machines are stopped.",
        "Look at it with `monoize overage show`; raise the budget with `monoize overage set`.",
    ]
    if to.public_url:
        lines.append(f"This is about {to.public_url.rstrip('/')}.")
    return subject, "\n".join(lines) + "\n"


def _said(notice: Notice, standing: Standing) -> dict[str, Any]:
    return {
        "event": _event_of(notice),
        "user_id": notice.user_id,
        "month": f"{notice.month:%Y-%m}",
        "subject": notice.subject,
        "percent": notice.percent,
        "overage_cents": standing.overage_cents,
        "budget_cents": standing.budget_cents,
        "allowed": standing.allowed,
    }
