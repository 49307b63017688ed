"""/keys: one's own API keys; one's limits, its use and its purse. Administrators look at everybody's.

A new key's secret is on the answer that made it, and nowhere else.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Uuid, Window
from monoize.control.identity.actions import keys, names
from monoize.control.identity.api.keys import KeyCreate
from monoize.control.identity.errors import NoSuchKey
from monoize.control.identity.model import ApiKey
from monoize.control.identity.services import public_address
from monoize.control.ledger.actions import sub_accounts
from monoize.dashboard.forms import Form, checked, invalid, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.render import next_address, render, see_other
from monoize.dashboard.session import Person, PersonHere

router = page_router()

_NEVER: Final = "never"
_LIFETIMES: Final[Mapping[str, str]] = {_NEVER: "Never", "30": "In 30 days", "90": "In 90 days", "365": "In a year"}


@router.get("/keys")
async def show(
    request: Request,
    house: HouseHere,
    person: PersonHere,
    window: Annotated[Window, Depends(uuid_window)],
    everybody: bool = False,
) -> Response:
    sees_all = everybody and person.may("keys.read")
    async with house.database.read() as tx:
        page = await keys.list_keys(tx, window, user_id=None if sees_all else person.user_id)
        owners = await names.of_users(tx, {key.user_id for key in page.items}) if sees_all else {}
    return render(
        request,
        "identity/keys.html",
        keys=page.items,
        owners=owners,
        sees_all=sees_all,
        now=utc_now(),
        next_address=next_address(request, "/keys", page),
    )


@router.get("/keys/new")
async def ask(request: Request, person: PersonHere) -> Response:
    return render(request, "identity/key_new.html", form=Form({"expires_at": _NEVER}), lifetimes=_LIFETIMES)


@router.post("/keys")
async def create(request: Request, house: HouseHere, person: PersonHere) -> Response:
    form = await read_form(request)
    try:
        body = checked(
            KeyCreate,
            name=form.text("name"),
            expires_at=_expires_at(form.shown("expires_at")),
            ip_whitelist=form.lines("ip_whitelist"),
        )
        async with house.audit_log.change(person.call) as change:
            created = await keys.create_key(change, person.user_id, body.model_dump(exclude={"user_id"}))
    except Refusal as refusal:
        return render(
            request, "identity/key_new.html", form=form.refused(refusal), refusal=refusal, lifetimes=_LIFETIMES
        )
    address = public_address(request, house)
    return render(request, "identity/key_created.html", status=201, created=created, address=address)


@router.get("/keys/{key_id}/delete")
async def ask_delete(key_id: Uuid, request: Request, house: HouseHere, person: PersonHere) -> Response:
    return render(request, "identity/key_delete.html", key=await _own(house, person, key_id), form=Form())


@router.post("/keys/{key_id}/delete")
async def delete(key_id: Uuid, request: Request, house: HouseHere, person: PersonHere) -> Response:
    form = await read_form(request)
    key = await _own(house, person, key_id)
    try:
        if form.text("name") != key.name:
            raise invalid(name="This is not the name of the key.")
        async with house.audit_log.change(person.call) as change:
            await sub_accounts.delete_key(change, house.seal, key_id)
    except Refusal as refusal:
        return render(request, "identity/key_delete.html", key=key, form=form.refused(refusal), refusal=refusal)
    return see_other("/keys?done=key_deleted")


async def _own(house: House, person: Person, key_id: str) -> ApiKey:
    """These pages are about one's own keys, also for somebody who may see everybody's."""
    async with house.database.read() as tx:
        key = await keys.get_key(tx, person.call.principal, key_id)
    if key.user_id != person.user_id:
        raise NoSuchKey
    return key


def _expires_at(lifetime: str) -> str | None:
    if lifetime not in _LIFETIMES:
        raise invalid(expires_at="Choose one of these.")
    if lifetime == _NEVER:
        return None
    return (utc_now() + dt.timedelta(days=int(lifetime))).isoformat()
