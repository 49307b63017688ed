"""/account: one's own name, address, password and sessions."""

from typing import Annotated, Final

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Uuid, Window
from monoize.control.identity.actions import foreign_accounts, sign_in, users
from monoize.control.identity.api import foreign_sign_in
from monoize.control.identity.api.foreign_sign_in import ProviderName
from monoize.control.identity.api.here import IdentityHere
from monoize.control.identity.api.me import MeUpdate, PasswordChange, mail_own_link, new_password_hash
from monoize.control.identity.errors import LastWayIn, WrongPassword
from monoize.control.identity.services import Identity
from monoize.dashboard.forms import Form, checked, invalid, read_form
from monoize.dashboard.notices import refused_sign_in
from monoize.dashboard.page import page_router
from monoize.dashboard.render import next_address, render, see_other
from monoize.dashboard.session import Person, PersonHere

router = page_router()

_FIRST_SESSIONS: Final = Window(50, None)
_LINKED: Final = Window(200, None)


@router.get("/account")
async def show(
    request: Request,
    house: HouseHere,
    identity: IdentityHere,
    person: PersonHere,
    window: Annotated[Window, Depends(uuid_window)],
    refused: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    linking = refused_sign_in(refused) if refused else None
    return await _page(request, house, identity, person, linking=linking, window=window)


@router.post("/account")
async def save(request: Request, house: HouseHere, identity: IdentityHere, person: PersonHere) -> Response:
    form = await read_form(request)
    try:
        body = checked(MeUpdate, name=form.text("name"), email=form.text("email"))
        async with house.audit_log.change(person.call) as change:
            await users.update_user(change, person.user_id, body.sent(clearable=("name", "email")))
    except Refusal as refusal:
        return await _page(request, house, identity, person, profile=form.refused(refusal))
    return see_other("/account?done=account_saved")


@router.post("/account/password")
async def change_password(
    request: Request, house: HouseHere, identity: IdentityHere, person: PersonHere
) -> Response:
    form = await read_form(request)
    async with house.database.read() as tx:
        user = await users.get_user(tx, person.user_id)
    try:
        body = checked(
            PasswordChange,
            current_password=form.password("current_password"),
            new_password=form.password("new_password"),
        )
        if user.has_password and body.current_password is None:
            raise invalid(current_password="Fill this in.")
        form.check_repeated("new_password")
        hashed = await new_password_hash(house, identity, user, body, person.call)
        async with house.audit_log.change(person.call) as change:
            await sign_in.change_password(change, user, hashed)
    except WrongPassword:
        wrong = invalid(current_password="This is not your present password.")
        return await _page(request, house, identity, person, password=form.refused(wrong))
    except Refusal as refusal:
        return await _page(request, house, identity, person, password=form.refused(refusal))
    return see_other("/account?done=password_changed")


@router.post("/account/email-verification")
async def send_link(request: Request, house: HouseHere, identity: IdentityHere, person: PersonHere) -> Response:
    await mail_own_link(request, house, identity, person.call)
    return see_other("/account?done=email_sent")


@router.post("/account/sessions/{session_id}/end")
async def end_session(session_id: Uuid, house: HouseHere, person: PersonHere) -> Response:
    async with house.audit_log.change(person.call) as change:
        await users.end_session(change, person.user_id, session_id)
    return see_other("/account?done=session_ended")


@router.post("/account/sign-ins/{name}")
async def set_out_to_link(
    name: ProviderName, request: Request, house: HouseHere, identity: IdentityHere, person: PersonHere
) -> Response:
    """No redirect: what a form is posted to may not lead to another host."""
    address, handshake = await foreign_sign_in.set_out_to_link(request, house, identity, person.session_id, name)
    answer = render(request, "identity/account_link.html", address=address, title=identity.providers[name].title)
    foreign_sign_in.keep_handshake(request, house, answer, name, handshake)
    return answer


@router.post("/account/sign-ins/{account_id}/unlink")
async def unlink(
    account_id: Uuid, request: Request, house: HouseHere, identity: IdentityHere, person: PersonHere
) -> Response:
    try:
        async with house.audit_log.change(person.call) as change:
            await foreign_accounts.unlink(change, person.user_id, account_id, providers=identity.providers.keys())
    except LastWayIn as refusal:
        return await _page(request, house, identity, person, linking=refusal)
    return see_other("/account?done=account_unlinked")


async def _page(
    request: Request,
    house: House,
    identity: Identity,
    person: Person,
    *,
    profile: Form | None = None,
    password: Form | None = None,
    linking: Refusal | None = None,
    window: Window = _FIRST_SESSIONS,
) -> Response:
    async with house.database.read() as tx:
        user = await users.get_user(tx, person.user_id)
        sessions = await users.list_sessions(tx, person.user_id, window)
        linked = (await foreign_accounts.list_accounts(tx, person.user_id, _LINKED)).items
    now = utc_now()
    refused = profile or password
    return render(
        request,
        "identity/account.html",
        refusal=refused.refusal if refused else linking if isinstance(linking, LastWayIn) else None,
        linking=linking,
        linked=linked,
        providers={name: provider.title for name, provider in identity.providers.items()},
        user=user,
        profile=profile or Form({"name": user.name or "", "email": user.email or ""}),
        password=password or Form(),
        mail_configured=identity.mailer.configured,
        sessions=[session for session in sessions.items if session.expires > now],
        next_address=next_address(request, "/account", sessions),
    )
