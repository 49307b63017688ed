"""What every way in shares, for the API and the pages: bounds on trying, new accounts, a session and its cookie."""

import datetime as dt
from typing import Final

from fastapi import Request
from pydantic import TypeAdapter
from starlette.responses import Response

from monoize.base.errors import TooMany
from monoize.base.principal import VISITOR, Call
from monoize.control.edge.caller import AUTHJS_COOKIES, SECURE_SESSION_COOKIE, SESSION_COOKIE, SESSION_COOKIES
from monoize.control.edge.house import House, house_of
from monoize.control.edge.wire import Wire
from monoize.control.identity import model
from monoize.control.identity.actions import first_account, sign_in
from monoize.control.identity.actions.sign_in import SignedIn
from monoize.control.identity.actions.users import NewUser
from monoize.control.identity.api.wire import Email, Password, PersonName, Username
from monoize.control.identity.errors import WrongPassword
from monoize.control.identity.model import User
from monoize.control.identity.services import Identity

ATTEMPTS: Final = 10
ATTEMPTS_WINDOW_S: Final = 60
_signed_in: Final = TypeAdapter(SignedIn)


class TooManyAttempts(TooMany):
    """Too many attempts to sign in or register from your address."""

    code = "too_many_attempts"


class Registration(Wire):
    username: Username
    password: Password
    email: Email | None = None
    name: PersonName | None = None


async def open_to_strangers(house: House) -> bool:
    """Whether anybody may make an account: where the operator allows it, once the first one has been made."""
    if not house.settings.registration_enabled:
        return False
    async with house.database.read() as tx:
        return not await first_account.is_awaited(tx)


def visiting(request: Request) -> Call:
    return Call(VISITOR, request.state.request_id, request.state.ip)


async def bound_attempts(request: Request, house: House) -> None:
    key = f"attempts:{request.state.ip or 'unknown'}"
    if await house.counters.add(key, ATTEMPTS_WINDOW_S) > ATTEMPTS:
        _, left_s = await house.counters.peek(key)
        raise TooManyAttempts(retry_after_s=max(left_s, 1))


async def new_user(identity: Identity, body: Registration) -> NewUser:
    model.check_password_strength(body.password)
    hashed = await identity.passwords.hash(body.password)
    return NewUser(username=body.username, email=body.email, name=body.name, password_hash=hashed)


async def signed_in(request: Request, house: House, identity: Identity, name: str, password: str) -> SignedIn:
    """Check name and password within the limits on guessing, and open a session."""
    await bound_attempts(request, house)
    ip, name = request.state.ip, name.lower() if "@" in name else name
    await identity.limiter.check(ip, name)
    try:
        user = await sign_in.check_password(house.database, identity.passwords, name, password)
    except WrongPassword:
        await identity.limiter.failed(ip, name)
        raise
    await identity.limiter.succeeded(name)
    return await open_session(request, house, user, "password")


async def open_session(request: Request, house: House, user: User, how: str) -> SignedIn:
    call = Call(model.user_principal(user), request.state.request_id, request.state.ip)
    ttl = dt.timedelta(days=house.settings.session_ttl_days)
    agent = request.headers.get("user-agent")
    async with house.audit_log.change(call) as change:
        return await sign_in.open_session(change, user, ttl=ttl, user_agent=agent, how=how)


def with_cookie(request: Request, session: SignedIn, *, status: int = 200) -> Response:
    answer = Response(_signed_in.dump_json(session), status, media_type="application/json")
    set_cookie(request, answer, session)
    return answer


def set_cookie(request: Request, answer: Response, session: SignedIn) -> None:
    secure: bool = request.state.https
    answer.set_cookie(
        SECURE_SESSION_COOKIE if secure else SESSION_COOKIE,
        session.token,
        expires=session.expires,
        path="/",
        httponly=True,
        secure=secure,
        # Lax, not Strict: the redirect back from a sign-in provider must find the visitor signed in.
        samesite="lax",
    )


def forget_cookie(request: Request, answer: Response) -> None:
    believed = SESSION_COOKIES + (AUTHJS_COOKIES if house_of(request).settings.authjs_sessions else ())
    for name in believed:
        if name in request.cookies:
            answer.delete_cookie(name, path="/", secure=request.state.https, httponly=True)
