"""One call of a tool: judged, approved, written down, and written down once more when it has ended.

Failure is closed: what changes the world is in the audit log before it is sent, and what was approved is used up
before it is sent. A call whose end nobody saw stays `started`.
"""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

from monoize.base.canonical import canonical_hash
from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.base.ids import new_id
from monoize.base.principal import Call
from monoize.control.edge.house import House
from monoize.control.edge.wire import Page, Window
from monoize.control.governance.actions import approvals
from monoize.control.governance.model.approvals import Approval, Outcome, Proposal
from monoize.control.mcp import errors
from monoize.control.mcp.actions.callers import Caller, count
from monoize.control.mcp.actions.sales import sale_of
from monoize.control.mcp.model import calls as model
from monoize.control.mcp.model.calls import Decision, Ended, McpCall, UseOfTool
from monoize.control.mcp.model.decisions import (
    action_of,
    check_drift,
    check_reach,
    check_tool,
    is_audited,
    verdict,
)
from monoize.control.mcp.model.sales import Sale, Till, is_charged
from monoize.control.mcp.model.services import McpService, McpTool, hash_of_all, tool_subject
from monoize.control.mcp.store import calls
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx
from monoize.infra.quotas import Quotas

KEPT_FOR: Final = dt.timedelta(days=90)
USE_ROWS_MOST: Final = 1_000


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """What a caller wants of a service, with all of the service's tools."""

    call: Call
    caller: Caller
    service: McpService
    tools: Sequence[McpTool]
    name: str
    arguments: Mapping[str, Any]

    @property
    def tool(self) -> McpTool | None:
        return next((tool for tool in self.tools if tool.name == self.name), None)

    @property
    def subject(self) -> str:
        return tool_subject(self.service.name, self.name)


@dataclasses.dataclass(frozen=True, slots=True)
class Begun:
    """What is to be sent: of an approved call the arguments that people saw."""

    call_id: str
    arguments: Mapping[str, Any]
    approval_id: str | None = None
    # None: it costs nothing.
    sale: Sale | None = None


async def begin(house: House, quotas: Quotas, till: Till, asked: Asked) -> Begun:
    """The call may be made, is paid for and written down; or a Refusal, written down as well."""
    id = new_id()
    try:
        await count(quotas, asked.caller, asked.subject)
        tool = _judged(asked)
        sale = await _sold(house, till, asked, tool, id)
    except Refusal as refusal:
        await _write_down_refusal(house, asked, refusal)
        raise
    try:
        return await _written_down(house, asked, tool, id, sale)
    except BaseException:
        if sale is not None:
            await till.release(sale)
        raise


async def _sold(house: House, till: Till, asked: Asked, tool: McpTool, id: str) -> Sale | None:
    if not tool.price_nano_usd:
        return None
    async with house.database.read() as tx:
        sale = await sale_of(
            tx, asked.call, asked.caller, call_id=id, subject=asked.subject, nano_usd=tool.price_nano_usd
        )
    await till.hold(sale)
    return sale


async def _written_down(house: House, asked: Asked, tool: McpTool, id: str, sale: Sale | None) -> Begun:
    """Once people have said yes, where they are asked: money that is held can be given back, a yes cannot."""
    try:
        used = await _approved(house, asked, tool)
    except Refusal as refusal:
        await _write_down_refusal(house, asked, refusal)
        raise
    decision: Decision = "approved" if used else "allowed"
    approval_id = used.approval.id if used else None
    written = _written(asked, id, decision, "started", approval_id=approval_id)
    if is_audited(asked.caller.policy, tool):
        async with house.audit_log.change(asked.call) as change:
            await calls.add(change.tx, written)
            _record(change, asked, written)
    else:
        async with house.database.write() as tx:
            await calls.add(tx, written)
    return Begun(id, used.arguments if used else asked.arguments, approval_id, sale)


async def end(house: House, till: Till, call: Call, begun: Begun, ended: Ended) -> None:
    """What it costs is on disk before anybody is told how it ended."""
    if begun.sale is not None and is_charged(ended.status):
        await till.charge(begun.sale, ended.status, ended.latency_ms)
        ended = dataclasses.replace(ended, charge_nano_usd=begun.sale.nano_usd)
    elif begun.sale is not None:
        await till.release(begun.sale)
    async with house.database.write() as tx:
        await calls.end(tx, begun.call_id, ended)
    if begun.approval_id is not None:
        async with house.audit_log.change(call) as change:
            outcome: Outcome = "executed" if ended.status == "ok" else "failed"
            await approvals.finish(change, begun.approval_id, outcome)


async def list_calls(
    tx: Tx, window: Window, *, service_id: str | None, agent_id: str | None, tenant_id: str | None
) -> Page[McpCall]:
    found = await calls.page(tx, window, service_id=service_id, agent_id=agent_id, tenant_id=tenant_id)
    return window.page(found, lambda call: call.id)


async def list_use(tx: Tx, *, days: int, service_id: str | None) -> Sequence[UseOfTool]:
    since = (utc_now().date() - dt.timedelta(days=days - 1)).isoformat()
    return await calls.use(tx, since=since, service_id=service_id, most=USE_ROWS_MOST)


async def forget(tx: Tx, now: dt.datetime) -> None:
    await calls.forget(tx, (now - KEPT_FOR).date().isoformat())


def _judged(asked: Asked) -> McpTool:
    check_reach(asked.service, asked.caller.policy, asked.caller.principal)
    pinned = hash_of_all(asked.tools)
    check_tool(asked.service, asked.caller.policy, asked.tool, asked.arguments, pinned=pinned)
    assert asked.tool is not None
    check_drift(asked.tool)
    return asked.tool


async def _approved(house: House, asked: Asked, tool: McpTool) -> approvals.Consumed | None:
    """The use of an approval where one is needed: ApprovalRequired until there is one."""
    policy, now = asked.caller.policy, utc_now()
    if verdict(asked.service, policy, tool, asked.arguments, now_s=int(now.timestamp())) == "allowed":
        return None
    agent_id = asked.caller.agent_id
    if agent_id is None:
        raise errors.ApprovalNeedsAgent
    async with house.database.read() as tx:
        found = await approvals.newest_for(tx, asked.call.principal, agent_id, asked.subject, asked.arguments)
    alive = found is not None and found.expires_at > now
    if found is not None and alive and found.status == "approved":
        async with house.audit_log.change(asked.call) as change:
            return await approvals.consume(change, house.seal, found.id, asked.arguments)
    if found is not None and alive and found.status == "denied":
        raise errors.ApprovalDenied(approval_id=found.id, reason=found.decided_reason)
    if found is None or not alive or found.status != "pending":
        found = await _propose(house, asked, tool, agent_id)
    raise errors.ApprovalRequired(approval_id=found.id, expires_at=found.expires_at.isoformat())


async def _propose(house: House, asked: Asked, tool: McpTool, agent_id: str) -> Approval:
    action = action_of(asked.service, tool)
    proposal = Proposal(agent_id, action.kind, action.subject, asked.arguments, risk=action.risk)
    async with house.audit_log.change(asked.call) as change:
        return await approvals.propose(change, house.seal, proposal)


async def _write_down_refusal(house: House, asked: Asked, refusal: Refusal) -> None:
    decision: Decision = "approval_required" if isinstance(refusal, errors.ApprovalRequired) else "denied"
    written = _written(
        asked,
        new_id(),
        decision,
        "blocked",
        denial_code=refusal.code,
        approval_id=refusal.details.get("approval_id"),
    )
    async with house.database.write() as tx:
        await calls.add(tx, written)


def _written(
    asked: Asked,
    id: str,
    decision: Decision,
    status: model.Status,
    *,
    denial_code: str | None = None,
    approval_id: str | None = None,
) -> McpCall:
    principal = asked.call.principal
    return McpCall(
        id=id,
        service_id=asked.service.id,
        service_name=asked.service.name,
        tool=asked.name,
        tenant_id=principal.tenant_id,
        agent_id=asked.caller.agent_id,
        user_id=principal.user_id,
        caller=principal.label,
        arguments_hash=canonical_hash(asked.arguments),
        arguments_shown=model.shown(asked.arguments),
        decision=decision,
        denial_code=denial_code,
        approval_id=approval_id,
        status=status,
        response_bytes=None,
        latency_ms=None,
        charge_nano_usd=None,
        trace_id=asked.call.request_id,
        created_at=utc_now(),
    )


def _record(change: Change, asked: Asked, written: McpCall) -> None:
    change.record(
        "mcp.call",
        "mcp_tool",
        asked.subject,
        call_id=written.id,
        agent_id=written.agent_id,
        arguments_digest=written.arguments_hash,
        approval_id=written.approval_id,
    )
