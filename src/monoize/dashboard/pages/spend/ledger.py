"""/ledger: what was charged and paid, row by row; administrators book payments, adjustments and refunds."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, get_args
from urllib.parse import urlencode

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.errors import NotFound, Refusal
from monoize.base.money import nano_of_usd, usd_of_nano
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import STORABLE, Uuid, Window
from monoize.control.identity.actions import balances, names, users
from monoize.control.ledger.actions import corrections, statements
from monoize.control.ledger.api.corrections import Adjustment, BalanceLimit, Refund, TopUp
from monoize.control.ledger.model.entries import DaySums, Entry, EntryFilter
from monoize.control.ledger.model.kinds import KINDS, KindName
from monoize.dashboard import charts
from monoize.dashboard.format import short_usd
from monoize.dashboard.forms import Form, checked, invalid, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.people import named_user
from monoize.dashboard.render import next_address, render, see_other
from monoize.dashboard.session import Person, PersonHere, permitted
from monoize.infra.db import Tx

router = page_router()

CHART_DAYS: Final = 30
_OWN: Final = "own"
_KIND_NAMES: Final[Mapping[KindName, str]] = {
    "request_charge": "Request",
    "api_key_charge": "Request, from a sub-account",
    "compute_overage": "Machine beyond its plan",
    "top_up": "Payment",
    "admin_adjustment": "Adjustment",
    "refund": "Refund",
    "sub_account_transfer_out": "To a sub-account",
    "sub_account_transfer_in": "From its user",
    "sub_account_refund": "Back from a sub-account",
    "sub_account_debt_transfer": "Debt of a sub-account",
    "sub_account_delete_settlement": "End of a sub-account",
    "admin_sub_account_adjustment": "Adjustment of a sub-account",
}
_UNLIMITED: Final = "unlimited"
_POLICIES: Final = (
    ("reject", "Refuse it", "Only an answer of which nobody said how long it may be is cut to what can be paid."),
    ("clamp", "Cut the answer", "To what can be paid, but to no less than 1,000 tokens."),
    ("overdraft", "Let it into debt", "As far below zero as the amount says."),
    (_UNLIMITED, "Refuse nothing", "The account may owe without end."),
)
Text = Annotated[str, Query(max_length=191), STORABLE]
Writer = Annotated[Person, permitted("ledger.write")]


def _asked(kind: Text = "", whose: Text = "", user: Text = "", agent: Text = "", record: Text = "") -> Form:
    """`agent` and `record` are ids: one comes here from the pages of agents and of their records."""
    return Form({"kind": kind, "whose": whose, "user": user.strip(), "agent": agent, "record": record})


@router.get("/ledger")
async def show(
    request: Request,
    house: HouseHere,
    person: PersonHere,
    window: Annotated[Window, Depends(uuid_window)],
    asked: Annotated[Form, Depends(_asked)],
) -> Response:
    now = utc_now()
    async with house.database.read() as tx:
        whose = await _whose(tx, person, asked)
        kind: Any = asked.shown("kind")
        wanted = EntryFilter(
            user_id=whose,
            kind=kind if kind in get_args(KindName) else None,
            agent_id=asked.text("agent"),
            agent_record_id=asked.text("record"),
        )
        page = await statements.list_entries(tx, window, wanted)
        usernames = await names.of_users(tx, {entry.user_id for entry in page.items} if whose is None else ())
        keynames = await names.of_keys(tx, {entry.api_key_id for entry in page.items if entry.api_key_id})
        account = whose or person.user_id
        balance = await balances.get_user_balance(tx, account)
        tomorrow = now.date() + dt.timedelta(days=1)
        first = tomorrow - dt.timedelta(days=CHART_DAYS)
        sums = await statements.sums_by_day(tx, account, since=first, until=tomorrow)
    return render(
        request,
        "spend/ledger.html",
        entries=page.items,
        usernames=usernames,
        keynames=keynames,
        kinds=_KIND_NAMES,
        balance=balance,
        is_own=account == person.user_id,
        today=_spent(sums, now.date(), now.date()),
        month=_spent(sums, now.date().replace(day=1), now.date()),
        chart=_chart(sums, first),
        filter=asked,
        filtered=any(asked.values.values()),
        csv=_csv_address(wanted),
        next_address=next_address(request, "/ledger", page),
    )


@router.get("/ledger/top-up")
async def ask_top_up(request: Request, person: Writer, user: Text = "") -> Response:
    return render(request, "spend/top_up.html", form=Form({"user": user}))


@router.post("/ledger/top-up")
async def top_up(request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        async with house.database.read() as tx:
            user_id = (await named_user(tx, form, "user")).id
        amount, reference, note = _nano(form), form.text("reference"), form.text("note")
        body = checked(TopUp, user_id=user_id, amount_nano_usd=amount, reference=reference, note=note)
        async with house.audit_log.change(person.call) as change:
            booked = await corrections.top_up(
                change, house.seal, body.user_id, body.amount_nano_usd, reference=body.reference, note=body.note
            )
    except Refusal as refusal:
        return render(request, "spend/top_up.html", form=form.refused(refusal), refusal=refusal)
    return see_other(f"/ledger/{booked.id}?done=paid_in")


@router.get("/ledger/adjust")
async def ask_adjustment(request: Request, person: Writer, user: Text = "") -> Response:
    return render(request, "spend/adjust.html", form=Form({"user": user}))


@router.post("/ledger/adjust")
async def adjust(request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        async with house.database.read() as tx:
            user_id = (await named_user(tx, form, "user")).id
        body = checked(Adjustment, user_id=user_id, delta_nano_usd=_nano(form), reason=form.text("reason"))
        async with house.audit_log.change(person.call) as change:
            booked = await corrections.adjust(
                change, house.seal, body.user_id, body.delta_nano_usd, reason=body.reason
            )
    except Refusal as refusal:
        return render(request, "spend/adjust.html", form=form.refused(refusal), refusal=refusal)
    return see_other(f"/ledger/{booked.id}?done=adjusted")


@router.get("/ledger/limit")
async def ask_limit(request: Request, house: HouseHere, person: Writer, user: Text = "") -> Response:
    form = Form({"user": user, "policy": "reject"})
    if user:
        async with house.database.read() as tx:
            found = await users.named(tx, user)
        overdraft = usd_of_nano(found.overdraft_nano_usd) if found.hold_policy == "overdraft" else ""
        policy = _UNLIMITED if found.balance_unlimited else found.hold_policy
        form = Form({"user": user, "policy": policy, "amount": overdraft})
    return render(request, "spend/limit.html", form=form, policies=_POLICIES)


@router.post("/ledger/limit")
async def set_limit(request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        async with house.database.read() as tx:
            user = await named_user(tx, form, "user")
        policy, overdraft = form.text("policy"), None
        if policy == "overdraft":
            overdraft = _nano(form) or ""
        unlimited = policy == _UNLIMITED
        body = checked(
            BalanceLimit,
            unlimited=unlimited,
            hold_policy=None if unlimited else policy,
            overdraft_nano_usd=overdraft,
        )
        async with house.audit_log.change(person.call) as change:
            await corrections.set_limit(
                change,
                user.id,
                unlimited=body.unlimited,
                hold_policy=body.hold_policy,
                overdraft=body.overdraft_nano_usd or 0,
            )
    except Refusal as refusal:
        return render(request, "spend/limit.html", form=form.refused(refusal), refusal=refusal, policies=_POLICIES)
    return see_other(f"/ledger?{urlencode({'user': user.username, 'done': 'limit_set'})}")


@router.get("/ledger/{entry_id}")
async def show_entry(entry_id: Uuid, request: Request, house: HouseHere, person: PersonHere) -> Response:
    return await _show_entry(request, house, person, entry_id, Form())


@router.post("/ledger/{entry_id}/refund")
async def refund(entry_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        amount = _nano(form) if form.text("amount") else None
        body = checked(Refund, entry_id=entry_id, amount_nano_usd=amount, reason=form.text("reason"))
        async with house.audit_log.change(person.call) as change:
            booked = await corrections.refund(
                change, house.seal, body.entry_id, amount=body.amount_nano_usd, reason=body.reason
            )
    except Refusal as refusal:
        return await _show_entry(request, house, person, entry_id, form.refused(refusal))
    return see_other(f"/ledger/{booked.id}?done=refunded")


async def _show_entry(request: Request, house: House, person: Person, entry_id: str, form: Form) -> Response:
    async with house.database.read() as tx:
        entry = await statements.find_entry(tx, entry_id)
        if entry is None or (entry.user_id != person.user_id and not person.may("ledger.read")):
            raise NotFound
        usernames = await names.of_users(tx, [entry.user_id])
        keynames = await names.of_keys(tx, [entry.api_key_id] if entry.api_key_id else ())
    return render(
        request,
        "spend/entry.html",
        entry=entry,
        kinds=_KIND_NAMES,
        username=usernames.get(entry.user_id),
        key_name=keynames.get(entry.api_key_id or ""),
        is_refundable=_is_refundable(entry),
        form=form,
        refusal=form.refusal,
    )


def _is_refundable(entry: Entry) -> bool:
    kind: Any = entry.kind
    return kind in KINDS and KINDS[kind].refundable


async def _whose(tx: Tx, person: Person, asked: Form) -> str | None:
    """None is everybody; one's own for whoever may see no others."""
    username = asked.text("user")
    own = person.whose(only_own=asked.shown("whose") == _OWN)
    return own if own is not None or username is None else (await users.named(tx, username)).id


def _nano(form: Form) -> str | None:
    """As the API takes it: whole nano-USD as text."""
    text = form.text("amount")
    if text is None:
        return None
    try:
        return str(nano_of_usd(text))
    except ValueError:
        raise invalid(amount="Use an amount in USD with at most nine decimals, such as 25 or 0.50.") from None


def _spent(sums: DaySums, first: dt.date, last: dt.date) -> int:
    """What was charged on these days; what was paid in is not spent less."""
    charges = {kind for kind in KINDS if KINDS[kind].posted_by == "machine"}
    return -sum(each.total_nano_usd for each in sums.items if first <= each.day <= last and each.kind in charges)


def _chart(sums: DaySums, first: dt.date) -> charts.Chart:
    days = [first + dt.timedelta(days=number) for number in range(CHART_DAYS)]
    series = []
    for kind, label in _KIND_NAMES.items():
        found = {each.day: -each.total_nano_usd for each in sums.items if each.kind == kind}
        if KINDS[kind].posted_by == "machine" and any(found.values()):
            series.append(charts.Series(label, [max(0, found.get(day, 0)) for day in days]))
    labels: Sequence[str] = [f"{day.day} {day:%b}" for day in days]
    return charts.stacked(
        "Charged on each day", labels if series else (), series, lambda nano: short_usd(int(nano))
    )


def _csv_address(wanted: EntryFilter) -> str:
    query = {"everybody": "true"} if wanted.user_id is None else {"user_id": wanted.user_id}
    for name in ("kind", "agent_id", "agent_record_id"):
        if value := getattr(wanted, name):
            query[name] = value
    return f"/api/ledger/entries.csv?{urlencode(query)}"
