"""/api/auth: signing in and out, registering, the first account, verifying an address."""

from typing import Annotated

from fastapi import Request
from starlette.responses import Response

from monoize.control.edge.caller import Mutation, NotPermitted, mutates
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.wire import Wire
from monoize.control.identity.actions import first_account, sign_in
from monoize.control.identity.actions.sign_in import SignedIn
from monoize.control.identity.api.entrance import (
    Registration,
    bound_attempts,
    forget_cookie,
    new_user,
    open_session,
    open_to_strangers,
    signed_in,
    visiting,
    with_cookie,
)
from monoize.control.identity.api.here import IdentityHere
from monoize.control.identity.api.wire import LoginName, Password, Secret
from monoize.control.identity.errors import RegistrationClosed
from monoize.control.identity.model import User

router = Router(prefix="/auth", tags=["auth"])


class Login(Wire):
    name: LoginName
    password: Password


class FirstAccount(Registration):
    link: Secret


class EmailLink(Wire):
    link: Secret


@router.post("/login", response_model=SignedIn)
async def log_in(request: Request, body: Login, house: HouseHere, identity: IdentityHere) -> Response:
    """Open a session: its token in the body for programs, and as a cookie for browsers."""
    return with_cookie(request, await signed_in(request, house, identity, body.name, body.password))


@router.post("/register", status_code=201, response_model=SignedIn)
async def register(request: Request, body: Registration, house: HouseHere, identity: IdentityHere) -> Response:
    await bound_attempts(request, house)
    if not await open_to_strangers(house):
        raise RegistrationClosed
    new = await new_user(identity, body)
    async with house.audit_log.change(visiting(request)) as change:
        user = await sign_in.register(change, new)
    return with_cookie(request, await open_session(request, house, user, "register"), status=201)


@router.post("/first-account", status_code=201, response_model=SignedIn)
async def make_first_account(
    request: Request, body: FirstAccount, house: HouseHere, identity: IdentityHere
) -> Response:
    """Make the super_admin of a new house, with the link that was printed at its first start."""
    await bound_attempts(request, house)
    new = await new_user(identity, body)
    async with house.audit_log.change(visiting(request)) as change:
        user = await first_account.create_first_account(change, new, link=body.link)
    return with_cookie(request, await open_session(request, house, user, "first-account"), status=201)


@router.post("/logout", status_code=204)
async def log_out(request: Request, mutation: Annotated[Mutation, mutates("self")]) -> Response:
    principal = mutation.call.principal
    if principal.session_id is None or principal.user_id is None:
        raise NotPermitted("Only a session can be signed out; delete a token instead.")
    user_id, session_id = principal.user_id, principal.session_id
    answer = await mutation.run(lambda change: sign_in.close_session(change, user_id, session_id))
    forget_cookie(request, answer)
    return answer


@router.post("/verify-email")
async def verify_email(request: Request, body: EmailLink, house: HouseHere) -> User:
    await bound_attempts(request, house)
    async with house.audit_log.change(visiting(request)) as change:
        return await sign_in.verify_email(change, body.link)
