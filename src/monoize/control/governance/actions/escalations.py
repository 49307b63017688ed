"""Calling people to an agent, and hearing that somebody looks after it."""

import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.control.edge.wire import Page, Window
from monoize.control.governance.actions.contacts import whom
from monoize.control.governance.errors import AlreadyAcknowledged
from monoize.control.governance.model.escalations import (
    WITHIN,
    Escalation,
    Event,
    Failures,
    Reason,
    reason_of,
    subject_of,
    too_many,
)
from monoize.control.governance.model.ladder import moments, next_rung_at, recipients
from monoize.control.governance.store import escalations, notices, records
from monoize.control.ledger.actions import logs
from monoize.infra.audit_log import Change
from monoize.infra.db import Database, Tx

FAILURES_MOST: Final = 1_000
"""Different ones that are looked at in one go."""

FailureSource = Callable[[Tx, dt.datetime], Awaitable[Sequence[Failures]]]
"""Failures since a moment, as far as it knows of any."""


async def of_requests(tx: Tx, since: dt.datetime) -> Sequence[Failures]:
    """Requests to models that failed, by what was wrong and by model. What a gate refused has not failed."""
    found = await logs.errors_of_agents(tx, since, FAILURES_MOST)
    by_error = [Failures(each.agent_record_id, "error", each.error_code or "unknown", each.count) for each in found]
    by_model = [Failures(each.agent_record_id, "model", each.model, each.count) for each in found]
    return [*by_error, *by_model]


async def of_tools(tx: Tx, since: dt.datetime) -> Sequence[Failures]:
    return await escalations.failed_tools(tx, since, FAILURES_MOST)


SOURCES: Final[Sequence[FailureSource]] = (of_requests, of_tools)


async def look_for_failures(database: Database, sources: Sequence[FailureSource], now: dt.datetime) -> None:
    """Several processes may look at the same time: each escalation is made once."""
    async with database.read() as tx:
        found = [failures for source in sources for failures in await source(tx, now - WITHIN)]
    for failures in too_many(found):
        detail = f"{failures.count} failures within an hour that have this in common."
        async with database.write() as tx:
            await escalate(
                tx,
                failures.agent_id,
                "run_failed",
                reason_of(failures),
                subject=subject_of(failures),
                detail=detail,
                now=now,
            )


async def escalate(
    tx: Tx, agent_id: str, event: Event, reason: Reason, *, subject: str, detail: str, now: dt.datetime
) -> None:
    """Unless people were told the same lately, or the agent is gone."""
    # The lock makes looking and adding one step.
    record = await records.find(tx, agent_id, lock=True)
    if record is None:
        return
    policy, contacts = await whom(tx, agent_id, record.tenant_id)
    since = now - dt.timedelta(seconds=policy.dedupe)
    if await escalations.is_known(tx, agent_id, event, subject, since=since):
        return
    made = Escalation(
        id=new_id(),
        tenant_id=record.tenant_id,
        agent_id=agent_id,
        event=event,
        reason=reason,
        subject=subject,
        detail=detail,
        acknowledged_at=None,
        acknowledged_by=None,
        created_at=now,
    )
    await escalations.add(tx, made, escalates_at=next_rung_at(now, policy, 0))
    told, at = recipients(policy, contacts, event, 0), moments(policy, event, now)
    await notices.of_escalations.add(tx, made.id, event, told, now, at=at)


async def list_escalations(
    tx: Tx, window: Window, *, agent_id: str | None = None, is_open: bool | None = None
) -> Page[Escalation]:
    found = await escalations.page(tx, window, agent_id=agent_id, is_open=is_open)
    return window.page(found, lambda escalation: escalation.id)


async def acknowledge(change: Change, escalation_id: str, *, now: dt.datetime | None = None) -> Escalation:
    """Somebody looks after it: nobody else is told."""
    tx, caller = change.tx, change.call.principal
    found = await escalations.get(tx, escalation_id, lock=True)
    if found.acknowledged_at is not None:
        raise AlreadyAcknowledged(by=found.acknowledged_by)
    await escalations.acknowledge(tx, found.id, caller.label, now or utc_now())
    change.record("escalation.acknowledge", "escalation", found.id, agent_id=found.agent_id, subject=found.subject)
    return await escalations.get(tx, found.id)
