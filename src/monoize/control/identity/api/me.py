"""/api/me: who am I, and what I may change about myself."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from monoize.base.principal import Call, Permission, PrincipalKind, Role
from monoize.control.edge.caller import Mutation, NotPermitted, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Page, Uuid, Window, Wire
from monoize.control.identity import model
from monoize.control.identity.actions import foreign_accounts, keys, sign_in, users
from monoize.control.identity.api.entrance import bound_attempts
from monoize.control.identity.api.here import IdentityHere
from monoize.control.identity.api.wire import Email, Password, PersonName
from monoize.control.identity.errors import MailUnavailable, WrongPassword
from monoize.control.identity.model import ApiKey, ForeignAccount, Session, User
from monoize.control.identity.services import Identity, public_address

router = Router(prefix="/me", tags=["me"])


@dataclasses.dataclass(frozen=True, slots=True)
class Me:
    """The caller as Monoize sees it; `user` is null for a token, `key` for all but an API key."""

    kind: PrincipalKind
    name: str
    role: Role
    tenant_id: str | None
    permissions: Sequence[Permission]
    via: str | None
    user: User | None
    key: ApiKey | None


class MeUpdate(Wire):
    email: Email | None = None
    name: PersonName | None = None


class PasswordChange(Wire):
    """An account that has no password yet, because its owner came by way of a provider, gets its first one."""

    current_password: Password | None = None
    new_password: Password


_CLEARABLE = frozenset({"email", "name"})


def _own_user_id(call: Call) -> str:
    if call.principal.user_id is None:
        raise NotPermitted("A token has no account.")
    return call.principal.user_id


@router.get("")
async def who_am_i(house: HouseHere, call: Annotated[Call, requires(None)]) -> Me:
    principal = call.principal
    user, key = None, None
    if principal.user_id:
        async with house.database.read() as tx:
            user = await users.get_user(tx, principal.user_id)
            if principal.kind == "api_key":
                key = await keys.get_key(tx, principal, principal.id)
    return Me(
        kind=principal.kind,
        name=principal.name,
        role=principal.role,
        tenant_id=principal.tenant_id,
        permissions=sorted(principal.permissions),
        via=principal.via,
        user=user,
        key=key,
    )


@router.patch("", response_model=User)
async def update_me(body: MeUpdate, mutation: Annotated[Mutation, mutates("self")]) -> Response:
    user_id, values = _own_user_id(mutation.call), body.sent(clearable=_CLEARABLE)
    return await mutation.run(lambda change: users.update_user(change, user_id, values))


@router.post("/password", status_code=204)
async def change_password(
    body: PasswordChange, identity: IdentityHere, mutation: Annotated[Mutation, mutates("self")]
) -> Response:
    """Ends every other session of the account."""
    user_id, house = _own_user_id(mutation.call), mutation.house
    async with house.database.read() as tx:
        user = await users.get_user(tx, user_id)
    hashed = await new_password_hash(house, identity, user, body, mutation.call)
    return await mutation.run(lambda change: sign_in.change_password(change, user, hashed))


@router.get("/sessions")
async def list_sessions(
    house: HouseHere,
    window: Annotated[Window, Depends(uuid_window)],
    call: Annotated[Call, requires("self")],
) -> Page[Session]:
    user_id = _own_user_id(call)
    async with house.database.read() as tx:
        return await users.list_sessions(tx, user_id, window)


@router.delete("/sessions/{session_id}", status_code=204)
async def end_session(session_id: Uuid, mutation: Annotated[Mutation, mutates("self")]) -> Response:
    user_id = _own_user_id(mutation.call)
    return await mutation.run(lambda change: users.end_session(change, user_id, session_id))


@router.get("/accounts")
async def list_accounts(
    house: HouseHere,
    window: Annotated[Window, Depends(uuid_window)],
    call: Annotated[Call, requires("self")],
) -> Page[ForeignAccount]:
    """The accounts at sign-in providers by which one signs in."""
    user_id = _own_user_id(call)
    async with house.database.read() as tx:
        return await foreign_accounts.list_accounts(tx, user_id, window)


@router.delete("/accounts/{account_id}", status_code=204)
async def unlink_account(
    account_id: Uuid, identity: IdentityHere, mutation: Annotated[Mutation, mutates("self")]
) -> Response:
    """Not the last way to sign in."""
    user_id = _own_user_id(mutation.call)
    return await mutation.run(
        lambda change: foreign_accounts.unlink(change, user_id, account_id, providers=identity.providers.keys())
    )


@router.post("/email-verification", status_code=204)
async def send_email_link(
    request: Request, house: HouseHere, identity: IdentityHere, call: Annotated[Call, requires("self")]
) -> Response:
    """Mail a link to the account's address; following it proves that the address is theirs."""
    await mail_own_link(request, house, identity, call)
    return Response(status_code=204)


async def new_password_hash(house: House, identity: Identity, user: User, body: PasswordChange, call: Call) -> str:
    """The hash of a good new password, for somebody who knows the present one, within the limits on guessing.

    Where there is none yet, being signed in oneself is enough; a token that acts for a user may not give them one.
    """
    ip = call.ip
    if not user.has_password and call.principal.session_id is None:
        raise NotPermitted("Only the owner of this account can give it its first password.")
    if user.has_password:
        await identity.limiter.check(ip, user.username)
        try:
            await sign_in.check_password(
                house.database, identity.passwords, user.username, body.current_password or ""
            )
        except WrongPassword:
            await identity.limiter.failed(ip, user.username)
            raise
    model.check_password_strength(body.new_password)
    return await identity.passwords.hash(body.new_password)


async def mail_own_link(request: Request, house: House, identity: Identity, call: Call) -> None:
    if not identity.mailer.configured:
        raise MailUnavailable
    await bound_attempts(request, house)
    async with house.audit_log.change(call) as change:
        user, secret = await sign_in.offer_email_link(change, _own_user_id(call))
    await identity.mailer.send(
        str(user.email),
        "Confirm your e-mail address",
        f"Open this link within 24 hours to confirm {user.email} for Monoize:\n\n"
        f"{public_address(request, house)}/verify-email?link={secret}\n",
    )
