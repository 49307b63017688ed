"""Looking after agents: each active one every five minutes, by one process of however many there are.

An agent that cannot be examined at all has failed: whatever is wrong with it, nobody knows that it is well.
"""

import dataclasses
import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal, Unavailable
from monoize.base.ids import new_id
from monoize.base.principal import SYSTEM, Call
from monoize.control.edge.wire import Page, Window
from monoize.control.governance.actions import health_checks
from monoize.control.governance.actions.alerts import tell_of_budgets
from monoize.control.governance.actions.effective import effective
from monoize.control.governance.actions.escalations import escalate
from monoize.control.governance.actions.health_checks import Check, Examined, Offered
from monoize.control.governance.model.health import (
    EVERY,
    AgentHealth,
    Finding,
    as_seen,
    examined,
    has_broken_down,
)
from monoize.control.governance.model.records import AgentRecord
from monoize.control.governance.store import health, records
from monoize.infra.audit_log import AuditLog, Change
from monoize.infra.db import Database, Tx
from monoize.infra.sealed import Seal

log = structlog.get_logger(__name__)

AT_ONCE_MOST: Final = 50

Tell = Callable[[Tx, AgentRecord, AgentHealth], Awaitable[None]]
"""Writes down for telemetry how an agent was."""


@dataclasses.dataclass(frozen=True, slots=True)
class Examiner:
    database: Database
    audit_log: AuditLog
    seal: Seal
    checks: Sequence[Check]
    tell: Tell
    pauses: bool


async def list_health(tx: Tx, window: Window, *, now: dt.datetime | None = None) -> Page[AgentHealth]:
    now = now or utc_now()
    found = [as_seen(each, now) for each in await health.page(tx, window)]
    return window.page(found, lambda each: each.agent_id)


async def get_health(tx: Tx, agent_id: str, *, now: dt.datetime | None = None) -> AgentHealth:
    """`unknown` also before the first check."""
    now = now or utc_now()
    await records.get(tx, agent_id)
    found = await health.find(tx, agent_id)
    return as_seen(found, now) if found else AgentHealth(agent_id, "unknown", 0, (), None, now)


async def examine_due(by: Examiner, now: dt.datetime) -> None:
    async with by.database.read() as tx:
        due = await health.due(tx, now, AT_ONCE_MOST)
    offered: Offered | None = None
    for found in due:
        async with by.database.write() as tx:
            is_ours = await health.claim(tx, found, now, until=now + EVERY)
        if not is_ours:
            continue
        async with by.database.read() as tx:
            offered = offered or await health_checks.offered(tx, by.seal, now)
            findings = await _findings(tx, by.checks, found.agent_id, offered, now)
        await _conclude(by, found.agent_id, findings, now)


async def _findings(
    tx: Tx, checks: Sequence[Check], agent_id: str, offered: Offered, now: dt.datetime
) -> Sequence[Finding]:
    try:
        policy = await effective(tx, agent_id)
    except Unavailable:
        raise
    except Refusal as refusal:
        return [Finding("record", "failed", refusal.message)]
    looked_at = Examined(agent_id, policy.scope.owner, policy, offered, now)
    return [Finding("record"), *[await _looked(tx, check, looked_at) for check in checks]]


async def _looked(tx: Tx, check: Check, looked_at: Examined) -> Finding:
    try:
        return await check(tx, looked_at)
    except Unavailable:
        raise
    except Refusal as refusal:
        return Finding(check.__name__.removeprefix("of_"), "failed", refusal.message)


async def _conclude(by: Examiner, agent_id: str, findings: Sequence[Finding], now: dt.datetime) -> None:
    async with by.database.write() as tx:
        # Records are locked before what hangs on them, as a first check does by its reference.
        record = await records.find(tx, agent_id, lock=True)
        if record is None:
            return
        after = examined(await health.find(tx, agent_id), agent_id, findings, now)
        await health.keep(tx, after)
        await by.tell(tx, record, after)
        if findings[0].verdict == "ok":
            await tell_of_budgets(tx, record, now)
        if has_broken_down(after):
            detail = after.last_error or ""
            await escalate(
                tx, agent_id, "health_failed", "execution_failure", subject="health", detail=detail, now=now
            )
    if by.pauses and after.state == "unhealthy":
        async with by.audit_log.change(Call(SYSTEM, new_id())) as change:
            await _pause(change, agent_id, after)


async def _pause(change: Change, agent_id: str, after: AgentHealth) -> None:
    """Whatever was done to it meanwhile, it ends up not running."""
    record = await records.get(change.tx, agent_id, lock=True)
    if record.status == "active":
        await records.annotate(change.tx, agent_id, {"status": "paused"})
    change.record("agent_record.pause", "agent_record", agent_id, name=record.name, because=after.last_error)
    log.warning("agent_paused", agent_id=agent_id, because=after.last_error)
