"""/api/auth/providers: signing in with a foreign account.

A browser walks this way, not a program: what is refused leads back to the sign-in page, which knows the code.
"""

import dataclasses
import datetime as dt
import json
import secrets
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final

from fastapi import Path, Query, Request
from fastapi.routing import APIRoute
from starlette.responses import RedirectResponse, Response

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.base.principal import Call
from monoize.control.edge.caller import by_cookie
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.routers import Router
from monoize.control.identity.actions import foreign_accounts, foreign_sign_in
from monoize.control.identity.api.entrance import (
    bound_attempts,
    open_session,
    open_to_strangers,
    set_cookie,
    visiting,
)
from monoize.control.identity.api.here import IdentityHere
from monoize.control.identity.drivers.sign_in_provider import Handshake, SignInProvider
from monoize.control.identity.errors import NoSuchProvider, SignInFailed
from monoize.control.identity.services import Identity, public_address
from monoize.infra.sealed import SealBroken


class _Walk(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def step(request: Request) -> Response:
            try:
                return await answer(request)
            except Refusal as refusal:
                return RedirectResponse(f"/login?refused={refusal.code}", 303)

        return step


router = Router(prefix="/auth/providers", tags=["auth"], route_class=_Walk)

HANDSHAKE_COOKIE: Final = "monoize_handshake"
HANDSHAKE_TTL: Final = dt.timedelta(minutes=10)

ProviderName = Annotated[str, Path(max_length=64)]


@dataclasses.dataclass(frozen=True, slots=True)
class ProviderSummary:
    name: str
    title: str
    start: str


@router.get("")
async def list_providers(identity: IdentityHere) -> list[ProviderSummary]:
    return [
        ProviderSummary(name, provider.title, f"/api/auth/providers/{name}/start")
        for name, provider in identity.providers.items()
    ]


@router.get("/{name}/start", status_code=303, response_class=RedirectResponse)
async def start(name: ProviderName, request: Request, house: HouseHere, identity: IdentityHere) -> Response:
    provider = _provider(identity, name)
    await bound_attempts(request, house)
    handshake = _handshake(request, house, name)
    answer = RedirectResponse(await provider.authorization_url(handshake), 303)
    keep_handshake(request, house, answer, name, handshake)
    return answer


@router.get("/{name}/callback", status_code=303, response_class=RedirectResponse)
async def finish(
    name: ProviderName,
    request: Request,
    house: HouseHere,
    identity: IdentityHere,
    state: Annotated[str, Query(max_length=256)] = "",
    code: Annotated[str, Query(max_length=4096)] = "",
) -> Response:
    provider = _provider(identity, name)
    handshake = _opened(house, name, request.cookies.get(HANDSHAKE_COOKIE, ""))
    if not code or not secrets.compare_digest(state.encode(), handshake.state.encode()):
        if handshake.session_id is not None:
            return RedirectResponse(f"/account?refused={SignInFailed.code}", 303)
        raise SignInFailed
    if handshake.session_id is not None:
        answer = await _linked(request, house, provider, name, handshake, code)
        _forget_handshake(answer, name)
        return answer
    who = await provider.identity(handshake, code)
    async with house.database.read() as tx:
        user = await foreign_sign_in.user_of(tx, name, who)
    if user is None:
        may_create = await open_to_strangers(house)
        async with house.audit_log.change(visiting(request)) as change:
            user = await foreign_sign_in.link_or_create(change, name, who, may_create=may_create)
    async with house.database.write() as tx:
        await foreign_sign_in.keep_credentials(tx, house.seal, name, who)
    answer = RedirectResponse("/", 303)
    set_cookie(request, answer, await open_session(request, house, user, name))
    _forget_handshake(answer, name)
    return answer


async def set_out_to_link(
    request: Request, house: House, identity: Identity, session_id: str, name: str
) -> tuple[str, Handshake]:
    """Where somebody who is signed in goes to show that an account is theirs; good once, for one session."""
    provider = _provider(identity, name)
    await bound_attempts(request, house)
    handshake = _handshake(request, house, name, session_id)
    address = await provider.authorization_url(handshake)
    await foreign_accounts.offer_state(house.database, session_id, name, handshake.state, HANDSHAKE_TTL)
    return address, handshake


def keep_handshake(request: Request, house: House, answer: Response, name: str, handshake: Handshake) -> None:
    answer.set_cookie(
        HANDSHAKE_COOKIE,
        _sealed(house, name, handshake),
        max_age=int(HANDSHAKE_TTL.total_seconds()),
        path=f"/api/auth/providers/{name}",
        httponly=True,
        secure=request.state.https,
        samesite="lax",
    )


async def _linked(
    request: Request, house: House, provider: SignInProvider, name: str, handshake: Handshake, code: str
) -> Response:
    """Only in the session that set out, which must still be open."""
    try:
        principal = await house.authenticator.authenticate(by_cookie(request))
        if principal.session_id is None or principal.session_id != handshake.session_id:
            raise SignInFailed
        assert principal.user_id is not None
        await foreign_accounts.spend_state(house.database, principal.session_id, name, handshake.state)
        who = await provider.identity(handshake, code)
        async with house.database.read() as tx:
            is_theirs = await foreign_accounts.is_theirs(tx, principal.user_id, name, who)
        if not is_theirs:
            call = Call(principal, request.state.request_id, request.state.ip)
            async with house.audit_log.change(call) as change:
                await foreign_accounts.link(change, principal.user_id, name, who)
        async with house.database.write() as tx:
            await foreign_sign_in.keep_credentials(tx, house.seal, name, who)
    except Refusal as refusal:
        return RedirectResponse(f"/account?refused={refusal.code}", 303)
    return RedirectResponse("/account?done=account_linked", 303)


def _handshake(request: Request, house: House, name: str, session_id: str | None = None) -> Handshake:
    return Handshake(
        state=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(64),
        nonce=secrets.token_urlsafe(32),
        redirect_uri=f"{public_address(request, house)}/api/auth/providers/{name}/callback",
        session_id=session_id,
    )


def _forget_handshake(answer: Response, name: str) -> None:
    answer.delete_cookie(HANDSHAKE_COOKIE, path=f"/api/auth/providers/{name}")


def _provider(identity: Identity, name: str) -> SignInProvider:
    if name not in identity.providers:
        raise NoSuchProvider
    return identity.providers[name]


def _sealed(house: House, name: str, handshake: Handshake) -> str:
    content = {**dataclasses.asdict(handshake), "until": (utc_now() + HANDSHAKE_TTL).timestamp()}
    return house.seal.seal(json.dumps(content), "handshake", name)


def _opened(house: House, name: str, cookie: str) -> Handshake:
    try:
        content = json.loads(house.seal.open(cookie, "handshake", name))
    except SealBroken:
        raise SignInFailed from None
    if content.pop("until") < utc_now().timestamp():
        raise SignInFailed
    return Handshake(**content)
