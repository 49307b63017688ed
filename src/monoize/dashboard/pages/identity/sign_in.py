"""/login, /register and /logout."""

from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.identity.actions import first_account, sign_in
from monoize.control.identity.actions.sign_in import SignedIn
from monoize.control.identity.api.entrance import (
    Registration,
    bound_attempts,
    forget_cookie,
    new_user,
    open_session,
    open_to_strangers,
    set_cookie,
    signed_in,
    visiting,
)
from monoize.control.identity.api.here import IdentityHere
from monoize.control.identity.api.sign_in import Login
from monoize.control.identity.errors import RegistrationClosed
from monoize.control.identity.services import Identity
from monoize.dashboard.forms import Form, checked, read_form
from monoize.dashboard.notices import refused_sign_in
from monoize.dashboard.page import NEXT_MOST, page_router
from monoize.dashboard.render import our_address, render, see_other
from monoize.dashboard.session import PersonHere, VisitorHere

router = page_router()


@router.get("/login")
async def ask_name(
    request: Request,
    house: HouseHere,
    identity: IdentityHere,
    visitor: VisitorHere,
    next: Annotated[str, Query(max_length=NEXT_MOST)] = "",
    refused: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    if visitor:
        return see_other(our_address(next))
    async with house.database.read() as tx:
        if await first_account.is_awaited(tx):
            return see_other("/setup")
    form = Form({"next": next})
    return _login(request, house, identity, form.refused(refused_sign_in(refused)) if refused else form, status=200)


@router.post("/login")
async def log_in(request: Request, house: HouseHere, identity: IdentityHere) -> Response:
    form = await read_form(request)
    try:
        body = checked(Login, name=form.text("name"), password=form.password("password"))
        session = await signed_in(request, house, identity, body.name, body.password)
    except Refusal as refusal:
        return _login(request, house, identity, form.refused(refusal))
    return entered(request, session, our_address(form.shown("next")))


@router.get("/register")
async def ask_details(request: Request, house: HouseHere, visitor: VisitorHere) -> Response:
    if visitor:
        return see_other("/")
    if not await open_to_strangers(house):
        raise RegistrationClosed
    return render(request, "identity/register.html", form=Form())


@router.post("/register")
async def register(request: Request, house: HouseHere, identity: IdentityHere) -> Response:
    form = await read_form(request)
    if not await open_to_strangers(house):
        raise RegistrationClosed
    try:
        await bound_attempts(request, house)
        body = checked(
            Registration,
            username=form.text("username"),
            email=form.text("email"),
            password=form.password("password"),
        )
        form.check_repeated("password")
        new = await new_user(identity, body)
        async with house.audit_log.change(visiting(request)) as change:
            user = await sign_in.register(change, new)
    except Refusal as refusal:
        return render(request, "identity/register.html", form=form.refused(refusal), refusal=refusal)
    return entered(request, await open_session(request, house, user, "register"))


@router.post("/logout")
async def log_out(request: Request, house: HouseHere, person: PersonHere) -> Response:
    async with house.audit_log.change(person.call) as change:
        await sign_in.close_session(change, person.user_id, person.session_id)
    answer = see_other("/login?done=signed_out")
    forget_cookie(request, answer)
    return answer


def entered(request: Request, session: SignedIn, address: str = "/") -> Response:
    """Lead somebody in who has just signed in."""
    answer = see_other(address)
    set_cookie(request, answer, session)
    return answer


def _login(
    request: Request, house: House, identity: Identity, form: Form, *, status: int | None = None
) -> Response:
    return render(
        request,
        "identity/login.html",
        form=form,
        refusal=form.refusal,
        status=status,
        providers=[(name, provider.title) for name, provider in identity.providers.items()],
        registration_enabled=house.settings.registration_enabled,
    )
