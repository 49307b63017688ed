"""/approvals: what agents want to do and may not by themselves, for people to look at and to decide."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.errors import NotFound, Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Uuid, Window
from monoize.control.governance.actions import approvals, config_changes, records
from monoize.control.governance.api.approvals import Approve, Deny, DenyMany
from monoize.control.governance.api.here import GovernanceHere
from monoize.control.governance.model.approvals import (
    Approval,
    Decision,
    Status,
    is_in_person,
    may_decide,
    requester_of,
)
from monoize.control.identity.actions import names
from monoize.dashboard.forms import Form, checked, read_form
from monoize.dashboard.live import live_part
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.governance import words
from monoize.dashboard.pages.governance.visit import APPROVALS, Writer, at
from monoize.dashboard.render import next_address, part, render, see_other
from monoize.dashboard.session import Person, permitted
from monoize.infra.db import Tx

router = page_router()

Reader = Annotated[Person, permitted("approvals.read")]
Decider = Annotated[Person, permitted("approvals.decide")]
Proposer = Annotated[Person, permitted("approvals.propose")]

_WAITING: Final = Window(50, None)
_USER: Final = "user:"
_TICK: Final = "deny:"
_EMPTY: Final = Form()
_EXPECTED: Final[Mapping[str, str]] = {
    "comment": "Use 500 characters at most.",
    "second_factor": "This is too long.",
}


@router.get(APPROVALS)
async def show(
    request: Request,
    house: HouseHere,
    person: Reader,
) -> Response:
    return render(request, "governance/approvals.html", **await _waiting(house, person))


@router.get("/approvals/live")
async def follow(request: Request, house: HouseHere, person: Reader) -> Response:
    async def shown() -> str:
        return part("governance/approvals_waiting.html", **await _waiting(house, person))

    return live_part(request, person, shown, permission="approvals.read")


@router.get("/approvals/history")
async def show_history(
    request: Request,
    house: HouseHere,
    person: Reader,
    window: Annotated[Window, Depends(uuid_window)],
    status: Annotated[Status | None, Query()] = None,
) -> Response:
    async with house.database.read() as tx:
        page = await approvals.list_approvals(tx, window, person.call.principal, status=status)
        named = await _requesters(tx, page.items)
    return render(
        request,
        "governance/approvals_history.html",
        approvals=page.items,
        named=named,
        words=words,
        states=[(name, said.text.capitalize()) for name, said in words.APPROVALS.items()],
        filter=Form({"status": status or ""}),
        next_address=next_address(request, "/approvals/history", page),
    )


@router.get("/approvals/deny")
async def ask_which(request: Request, house: HouseHere, person: Decider) -> Response:
    return await _ask_which(request, house, person, _EMPTY)


@router.post("/approvals/deny")
async def deny_several(request: Request, house: HouseHere, person: Decider) -> Response:
    """All that are ticked, or none. There is no such thing for a yes: each is looked at by itself."""
    form = await read_form(request)
    ticked = [name.removeprefix(_TICK) for name in form.values if name.startswith(_TICK)]
    try:
        if not ticked:
            raise Refusal("Nothing is ticked.", hint="Tick those that you say no to.")
        body = checked(DenyMany, _EXPECTED, approval_ids=ticked, comment=form.text("comment"))
        async with house.audit_log.change(person.call) as change:
            await approvals.deny_many(change, body.approval_ids, body.comment)
    except Refusal as refusal:
        return await _ask_which(request, house, person, form.refused(refusal))
    return see_other(f"{APPROVALS}?done=many_denied")


@router.get("/approvals/{approval_id}")
async def show_one(approval_id: Uuid, request: Request, house: HouseHere, person: Reader) -> Response:
    return await _show(request, house, person, approval_id)


@router.post("/approvals/{approval_id}/approve")
async def approve(
    approval_id: Uuid, request: Request, house: HouseHere, governance: GovernanceHere, person: Decider
) -> Response:
    form = await read_form(request)
    try:
        sent = form.password("second_factor")
        body = checked(Approve, _EXPECTED, comment=form.text("comment"), second_factor=sent)
        # Before the transaction, since it takes long.
        has_it = sent is not None and await governance.second_factor.confirms(person.call, sent)
        await _decide(house, person, approval_id, "approve", body.comment, has_second_factor=has_it)
    except NotFound:
        raise
    except Refusal as refusal:
        return await _show(request, house, person, approval_id, form.refused(refusal))
    return see_other(f"{APPROVALS}/{approval_id}?done=approved")


@router.post("/approvals/{approval_id}/deny")
async def deny(approval_id: Uuid, request: Request, house: HouseHere, person: Decider) -> Response:
    form = await read_form(request)
    try:
        body = checked(Deny, _EXPECTED, comment=form.text("comment"))
        await _decide(house, person, approval_id, "deny", body.comment)
    except NotFound:
        raise
    except Refusal as refusal:
        return await _show(request, house, person, approval_id, form.refused(refusal))
    return see_other(f"{APPROVALS}/{approval_id}?done=denied")


@router.post("/approvals/{approval_id}/withdraw")
async def withdraw(approval_id: Uuid, house: HouseHere, person: Proposer) -> Response:
    async with house.audit_log.change(person.call) as change:
        await approvals.withdraw(change, approval_id)
    return see_other(f"{APPROVALS}/{approval_id}?done=withdrawn")


@router.post("/approvals/{approval_id}/apply")
async def apply(approval_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    """Write the change of a record that another administrator has approved."""
    async with house.database.read() as tx:
        found = await approvals.get_approval(tx, approval_id, person.call.principal)
    try:
        async with house.audit_log.change(person.call) as change:
            record = await config_changes.apply(change, house.seal, found.applies_to or "", approval_id)
    except NotFound:
        raise
    except Refusal as refusal:
        return await _show(request, house, person, approval_id, _EMPTY.refused(refusal))
    return see_other(f"{at(record.id)}?done=change_applied")


async def _decide(
    house: House,
    person: Person,
    approval_id: str,
    decision: Decision,
    comment: str | None,
    *,
    has_second_factor: bool = False,
) -> None:
    async with house.audit_log.change(person.call) as change:
        await approvals.decide(change, approval_id, decision, comment, has_second_factor=has_second_factor)


async def _ask_which(request: Request, house: House, person: Person, form: Form) -> Response:
    async with house.database.read() as tx:
        page = await approvals.list_approvals(tx, _WAITING, person.call.principal, status="pending")
        named = await _requesters(tx, page.items)
    now = utc_now()
    return render(
        request,
        "governance/approvals_deny.html",
        approvals=[each for each in page.items if each.expires_at > now and _decides(person, each)],
        named=named,
        tick=_TICK,
        form=form,
        refusal=form.refusal,
        words=words,
    )


async def _waiting(house: House, person: Person) -> dict[str, Any]:
    async with house.database.read() as tx:
        page = await approvals.list_approvals(tx, _WAITING, person.call.principal, status="pending")
        named = await _requesters(tx, page.items)
    open_now = [each for each in page.items if each.expires_at > utc_now()]
    return {
        "approvals": sorted(open_now, key=lambda each: each.expires_at),
        "named": named,
        "more": page.next_cursor is not None,
        "mine": {each.id for each in open_now if each.requester == requester_of(person.call.principal)},
        "words": words,
    }


async def _show(request: Request, house: House, person: Person, approval_id: str, form: Form = _EMPTY) -> Response:
    async with house.database.read() as tx:
        found = await approvals.get_approval(tx, approval_id, person.call.principal)
        voters = await names.of_users(tx, {vote.user_id for vote in found.votes})
        requesters = await _requesters(tx, [found])
        agent = await _agent(tx, person, found)
    is_open = found.status == "pending" and found.expires_at > utc_now()
    return render(
        request,
        "governance/approval.html",
        approval=found,
        agent=agent,
        named=requesters,
        voters=voters,
        is_open=is_open,
        decides=is_open and _decides(person, found),
        withdraws=is_open and found.requester == requester_of(person.call.principal),
        applies=found.status == "approved" and found.applies_to and person.may("governance.write"),
        form=form,
        refusal=form.refusal,
        words=words,
    )


def _decides(person: Person, found: Approval) -> bool:
    """Whether a vote of theirs would count; whoever votes is judged once more."""
    caller = person.call.principal
    has_voted = any(vote.user_id == caller.id for vote in found.votes)
    return (
        person.may("approvals.decide")
        and is_in_person(caller)
        and found.requester != requester_of(caller)
        and may_decide(found, caller)
        and not has_voted
    )


async def _requesters(tx: Tx, found: Sequence[Approval]) -> Mapping[str, str]:
    """What people are called of whom only the id is kept; programs are kept by their names."""
    ids = {each.requester.removeprefix(_USER) for each in found if each.requester.startswith(_USER)}
    return {_USER + id: name for id, name in (await names.of_users(tx, ids)).items()}


async def _agent(tx: Tx, person: Person, found: Approval) -> str | None:
    """What the agent is called, for those who may look at records."""
    if found.agent_id is None or not person.may("governance.read"):
        return None
    try:
        return (await records.get_record(tx, found.agent_id)).name
    except NotFound:
        return None
