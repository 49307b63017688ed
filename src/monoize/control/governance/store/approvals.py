"""SQL of approvals and their votes. Every step from one state to the next is a compare-and-set."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, exc, insert, or_, select, update

from monoize.base.principal import Principal
from monoize.contract.approvals import Terms
from monoize.control.edge.wire import Window
from monoize.control.governance.errors import AlreadyVoted, NoSuchApproval
from monoize.control.governance.model.approvals import (
    ADMINISTRATORS,
    OPEN,
    Approval,
    ApproverGroup,
    Decision,
    Proposal,
    Status,
    Vote,
    redacted,
    requester_of,
)
from monoize.control.governance.tables import approval_votes as votes
from monoize.control.governance.tables import approvals
from monoize.infra.db import Tx

_columns = approvals.c
_approvers = msgspec.json.Decoder(tuple[ApproverGroup, ...])


def _approval(row: Row[Any], voted: Sequence[Vote] = ()) -> Approval:
    return Approval(
        id=row.id,
        tenant_id=row.tenant_id,
        agent_id=row.agent_id,
        config_version=row.config_version,
        requester=row.requester,
        kind=row.kind,
        subject=row.subject,
        arguments=msgspec.json.decode(row.args_json),
        arguments_hash=row.args_hash,
        environment=row.environment,
        risk=row.risk,
        est_cost_nano_usd=row.est_cost_nano,
        rationale=row.rationale,
        diff=row.diff,
        dry_run_ref=row.dry_run_ref,
        affected=msgspec.json.decode(row.affected_json),
        needed=row.needed,
        approvers=_approvers.decode(row.approvers_json),
        needs_second_factor=bool(row.second_factor),
        ttl_s=row.ttl,
        expires_at=row.expires_at,
        status=row.status,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        decided_reason=row.decided_reason,
        consumed_at=row.consumed_at,
        execution_id=row.execution_id,
        created_at=row.created_at,
        updated_at=row.updated_at,
        applies_to=row.applies_to,
        votes=voted,
    )


async def add(
    tx: Tx,
    id: str,
    proposal: Proposal,
    terms: Terms,
    *,
    requester: Principal,
    config_version: int,
    sealed: str,
    now: dt.datetime,
    escalates_at: dt.datetime | None,
) -> Approval:
    await tx.execute(
        insert(approvals).values(
            id=id,
            tenant_id=requester.tenant_id,
            agent_id=proposal.agent_id,
            config_version=config_version,
            requester=requester_of(requester),
            kind=proposal.kind,
            subject=proposal.subject,
            args_json=_json(redacted(proposal.arguments)),
            args_sealed=sealed,
            args_hash=proposal.arguments_hash,
            environment=proposal.environment,
            risk=terms.risk,
            est_cost_nano=proposal.est_cost_nano_usd,
            rationale=proposal.rationale,
            diff=proposal.diff,
            dry_run_ref=proposal.dry_run_ref,
            affected_json=_json(proposal.affected),
            needed=terms.needed,
            approvers_json=_json(terms.approvers),
            second_factor=int(terms.needs_second_factor),
            ttl=terms.ttl_s,
            expires_at=now + dt.timedelta(seconds=terms.ttl_s),
            escalates_at=escalates_at,
            applies_to=proposal.applies_to,
            created_at=now,
        )
    )
    return await get(tx, id)


async def get(tx: Tx, id: str, *, lock: bool = False) -> Approval:
    """Locked where somebody decides, so that of two votes at once the second one counts the first."""
    query = select(approvals).where(_columns.id == id)
    row = (await tx.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise NoSuchApproval
    return _approval(row, await _votes(tx, id))


async def sealed_arguments(tx: Tx, id: str) -> str:
    """What is executed, as it was sealed. The only way to it."""
    sealed: str = await tx.scalar(select(_columns.args_sealed).where(_columns.id == id))
    return sealed


async def page(
    tx: Tx, window: Window, viewer: Principal, *, status: Status | None, agent_id: str | None
) -> Sequence[Approval]:
    """What this caller may see, newest first, without votes."""
    query = select(approvals).where(*_seen_by(viewer))
    if window.after:
        query = query.where(_columns.id < window.after)
    if status is not None:
        query = query.where(_columns.status == status)
    if agent_id is not None:
        query = query.where(_columns.agent_id == agent_id)
    return [_approval(row) for row in await tx.execute(query.order_by(_columns.id.desc()).limit(window.limit + 1))]


async def newest_for(
    tx: Tx, requester: Principal, agent_id: str, subject: str, arguments_hash: str
) -> Approval | None:
    """What this requester asked for last with exactly these arguments."""
    alike = (
        _columns.requester == requester_of(requester),
        _columns.agent_id == agent_id,
        _columns.subject == subject,
        _columns.args_hash == arguments_hash,
    )
    wanted = _columns.tenant_id == requester.tenant_id, *alike
    row = (await tx.execute(select(approvals).where(*wanted).order_by(_columns.id.desc()).limit(1))).one_or_none()
    return _approval(row) if row else None


def _seen_by(viewer: Principal) -> Sequence[ColumnElement[bool]]:
    is_theirs = _columns.tenant_id == viewer.tenant_id
    if viewer.role in ADMINISTRATORS:
        return (or_(is_theirs, _columns.applies_to.is_not(None)),)
    # Names of roles and ids hold nothing that LIKE or JSON would read otherwise.
    named = [_columns.approvers_json.like(f'%"{name}"%') for name in (viewer.role, viewer.user_id) if name]
    return is_theirs, or_(_columns.requester == requester_of(viewer), *named)


async def vote(
    tx: Tx, id: str, user_id: str, decision: Decision, comment: str | None, now: dt.datetime
) -> Sequence[Vote]:
    """All votes with this one."""
    values = {"approval_id": id, "user_id": user_id, "decision": decision, "comment": comment, "created_at": now}
    try:
        await tx.execute(insert(votes).values(values))
    except exc.IntegrityError as problem:
        raise AlreadyVoted from problem
    # Whoever votes has taken notice: nobody else has to be woken.
    await tx.execute(update(approvals).where(_columns.id == id).values(escalates_at=None))
    return await _votes(tx, id)


async def move(
    tx: Tx, id: str, before: Status, after: Status, *, alive_at: dt.datetime | None = None, **values: Any
) -> bool:
    """Whether it was in the state `before`, with time left at `alive_at`, and is now in the next one."""
    still = [_columns.id == id, _columns.status == before]
    if alive_at is not None:
        still.append(_columns.expires_at > alive_at)
    moved = await tx.execute(update(approvals).where(*still).values(status=after, **values))
    return moved.rowcount == 1


async def over(tx: Tx, now: dt.datetime, most: int) -> Sequence[str]:
    """Ids of open ones whose time is over."""
    is_over = _columns.status.in_(OPEN), _columns.expires_at <= now
    query = select(_columns.id).where(*is_over).order_by(_columns.expires_at).limit(most)
    return list((await tx.execute(query)).scalars())


async def unheard(tx: Tx, now: dt.datetime, most: int) -> Sequence[tuple[Approval, int]]:
    """Those on which nobody has voted and whose next rung is due, with the rung that was told last."""
    is_due = _columns.status == "pending", _columns.escalates_at <= now, _columns.expires_at > now
    query = select(approvals).where(*is_due).order_by(_columns.escalates_at).limit(most)
    return [(_approval(row), row.ladder_rung) for row in await tx.execute(query)]


async def climb(tx: Tx, id: str, rung: int, *, escalates_at: dt.datetime | None) -> bool:
    """Whether this process is the one that tells the rung after `rung`."""
    still = _columns.id == id, _columns.status == "pending", _columns.ladder_rung == rung
    values: Mapping[str, Any] = {"ladder_rung": rung + 1, "escalates_at": escalates_at}
    return (await tx.execute(update(approvals).where(*still).values(**values))).rowcount == 1


async def some(tx: Tx, ids: Collection[str], *, lock: bool) -> Sequence[Approval]:
    """In the order of their ids, as everybody locks."""
    query = select(approvals).where(_columns.id.in_(sorted(ids))).order_by(_columns.id)
    return [_approval(row) for row in await tx.execute(query.with_for_update() if lock else query)]


async def _votes(tx: Tx, id: str) -> Sequence[Vote]:
    query = select(votes).where(votes.c.approval_id == id).order_by(votes.c.created_at, votes.c.user_id)
    return [Vote(row.user_id, row.decision, row.comment, row.created_at) for row in await tx.execute(query)]


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
