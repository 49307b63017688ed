"""/keys/…: one key: what it may do, what was done with it, and the purse that it may have of its own.

Modules are read by name, so that these addresses stand behind /keys/new, which would pass for one of them.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Final

from starlette.requests import Request
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.base.money import nano_of_usd
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.wire import Uuid
from monoize.control.governance.actions import governed_keys
from monoize.control.governance.api.governed_keys import GovernedBy
from monoize.control.identity.actions import keys, names
from monoize.control.identity.model import ApiKey, SubAccount
from monoize.control.ledger.actions import statements, sub_accounts
from monoize.control.ledger.api.sub_accounts import Transfer
from monoize.control.ledger.model.entries import DaySum
from monoize.dashboard import key_forms
from monoize.dashboard.agent_records import agent_records
from monoize.dashboard.charts import Chart, Series, share, stacked
from monoize.dashboard.format import day_of_month, short_usd, usd
from monoize.dashboard.forms import Form, checked, invalid, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.render import render, see_other
from monoize.dashboard.session import Person, PersonHere, permitted
from monoize.infra.db import Tx

router = page_router()

CHART_DAYS: Final = 30


@router.get("/keys/{key_id}")
async def show(key_id: Uuid, request: Request, house: HouseHere, person: PersonHere) -> Response:
    return await _page(request, house, person, key_id, Form())


@router.get("/keys/{key_id}/edit")
async def ask_changes(key_id: Uuid, request: Request, house: HouseHere, person: PersonHere) -> Response:
    key = await _key(house, person, key_id)
    return _edit(request, key, key_forms.of_key(key))


@router.post("/keys/{key_id}/edit")
async def update(key_id: Uuid, request: Request, house: HouseHere, person: PersonHere) -> Response:
    form = await read_form(request)
    key = await _key(house, person, key_id)
    try:
        values = key_forms.changes(form, key)
        async with house.audit_log.change(person.call) as change:
            await keys.update_key(change, key_id, values)
    except Refusal as refusal:
        return _edit(request, key, form.refused(refusal))
    return see_other(f"/keys/{key_id}?done=key_saved")


@router.post("/keys/{key_id}/sub-account")
async def switch_sub_account(key_id: Uuid, request: Request, house: HouseHere, person: PersonHere) -> Response:
    form = await read_form(request)
    enabled = form.shown("enabled") == key_forms.YES
    try:
        async with house.audit_log.change(person.call) as change:
            await sub_accounts.set_enabled(change, house.seal, key_id, enabled=enabled)
    except Refusal as refusal:
        return await _page(request, house, person, key_id, form.refused(refusal))
    return see_other(f"/keys/{key_id}?done={'sub_account_on' if enabled else 'sub_account_off'}")


@router.post("/keys/{key_id}/transfer")
async def transfer(key_id: Uuid, request: Request, house: HouseHere, person: PersonHere) -> Response:
    form = await read_form(request)
    try:
        body = checked(
            Transfer,
            {"amount_nano_usd": "Use an amount above 0."},
            key_id=key_id,
            amount_nano_usd=_nano(form),
        )
        async with house.audit_log.change(person.call) as change:
            await sub_accounts.transfer(change, house.seal, key_id, body.amount_nano_usd)
    except Refusal as refusal:
        return await _page(request, house, person, key_id, form.refused(refusal))
    return see_other(f"/keys/{key_id}?done=transferred")


@router.post("/keys/{key_id}/agent-record")
async def govern(
    key_id: Uuid, request: Request, house: HouseHere, person: Annotated[Person, permitted("governance.write")]
) -> Response:
    """The record whose policies hold for the key from the next request on; none lets it go."""
    form = await read_form(request)
    try:
        async with house.audit_log.change(person.call) as change:
            if record_id := form.text("record_id"):
                body = checked(GovernedBy, {"record_id": "Choose one of these."}, record_id=record_id)
                await governed_keys.govern(change, key_id, body.record_id)
            else:
                await governed_keys.let_go(change, key_id)
    except Refusal as refusal:
        return await _page(request, house, person, key_id, form.refused(refusal))
    return see_other(f"/keys/{key_id}?done=key_governed")


async def _key(house: House, person: Person, key_id: str) -> ApiKey:
    async with house.database.read() as tx:
        return await keys.get_key(tx, person.call.principal, key_id)


async def _page(request: Request, house: House, person: Person, key_id: str, form: Form) -> Response:
    today = utc_now().date()
    tomorrow, month = today + dt.timedelta(days=1), today.replace(day=1)
    first = tomorrow - dt.timedelta(days=CHART_DAYS)
    async with house.database.read() as tx:
        key = await keys.get_key(tx, person.call.principal, key_id)
        owners = await names.of_users(tx, {key.user_id})
        spent_today = await statements.spent_with_key(tx, key_id, since=today, until=tomorrow)
        spent_month = await statements.spent_with_key(tx, key_id, since=month, until=tomorrow)
        sums = await statements.sums_by_day(tx, key.user_id, since=first, until=tomorrow, api_key_id=key_id)
        purse = await _sub_account(person, tx, key)
        governing = await agent_records(tx, person)
    return render(
        request,
        "identity/key.html",
        refusal=form.refusal,
        form=form,
        key=key,
        owner=owners.get(key.user_id),
        may_change=key.user_id == person.user_id or person.may("keys.write"),
        may_pay=key.user_id == person.user_id or person.may("ledger.write"),
        now=utc_now(),
        spent_today=spent_today,
        spent_month=spent_month,
        requests=sum(one.entries for one in sums.items if one.kind in statements.CHARGED_WITH_KEY),
        chart=_chart(sums.items, first),
        budgets=[
            _budget("Today", spent_today, key.daily_budget_nano_usd),
            _budget("This month", spent_month, key.monthly_budget_nano_usd),
        ],
        governing=governing,
        governed=Form({"record_id": key.agent_record_id or ""}),
        limits=key_forms.LIMITS,
        purse=purse,
    )


async def _sub_account(person: Person, tx: Tx, key: ApiKey) -> SubAccount | None:
    if key.user_id != person.user_id and not person.may("ledger.read"):
        return None
    return await sub_accounts.get(tx, person.call.principal, key.id)


def _budget(name: str, spent: int, budget: int | None) -> tuple[str, float, str] | None:
    return None if budget is None else (name, share(spent, budget), f"{usd(spent)} of {usd(budget)}")


def _chart(sums: Sequence[DaySum], first: dt.date) -> Chart:
    by_day: dict[dt.date, int] = {}
    for one in sums:
        if one.kind in statements.CHARGED_WITH_KEY:
            by_day[one.day] = by_day.get(one.day, 0) - one.total_nano_usd
    days = [first + dt.timedelta(days=number) for number in range(CHART_DAYS)]
    values = [by_day.get(day, 0) for day in days]
    labels = [day_of_month(day) for day in days]
    return stacked("Charges, 30 days", labels, [Series("Charges", values)], lambda nano: short_usd(int(nano)))


def _edit(request: Request, key: ApiKey, form: Form) -> Response:
    return render(
        request,
        "identity/key_edit.html",
        key=key,
        form=form,
        refusal=form.refusal,
        limits=key_forms.LIMITS,
        budgets=key_forms.BUDGETS,
    )


def _nano(form: Form) -> str:
    try:
        return str(nano_of_usd(form.shown("amount").strip()))
    except ValueError:
        raise invalid(amount="Use an amount such as 25 or 0.50.") from None
