"""Signing in and out, registering, changing one's password, verifying one's address."""

import dataclasses
import datetime as dt

from monoize.base.clock import utc_now
from monoize.base.ids import new_id, new_secret
from monoize.control.identity import model
from monoize.control.identity.actions.users import NewUser
from monoize.control.identity.errors import (
    AccountDisabled,
    LinkSpent,
    NoEmailAddress,
    NoSuchUser,
    TenantSuspended,
    WrongPassword,
)
from monoize.control.identity.model import Tenant, User
from monoize.control.identity.passwords import Passwords
from monoize.control.identity.store import links, sessions, tenants, users
from monoize.infra.audit_log import Change
from monoize.infra.db import Database, Tx

_USER_AGENT_CHARS = 255


@dataclasses.dataclass(frozen=True, slots=True)
class SignedIn:
    """A fresh session; `token` is shown this once."""

    token: str
    expires: dt.datetime
    user: User


async def check_password(database: Database, passwords: Passwords, name: str, password: str) -> User:
    """The user with this name (or e-mail address) and password; one refusal for every other case."""
    async with database.read() as tx:
        found = await users.password_of(tx, name)
    user, stored = found or (None, None)
    if not await passwords.matches(password, stored) or user is None:
        raise WrongPassword
    return user


async def check_may_enter(tx: Tx, user: User) -> None:
    """Only after the password was right: a stranger does not learn which accounts are disabled."""
    if not user.enabled:
        raise AccountDisabled
    check_active(await tenants.get(tx, user.tenant_id))


def check_active(tenant: Tenant) -> None:
    if tenant.status != "active":
        raise TenantSuspended


async def open_session(
    change: Change, user: User, *, ttl: dt.timedelta, user_agent: str | None, how: str
) -> SignedIn:
    await check_may_enter(change.tx, user)
    now = utc_now()
    secret, session_id = model.new_session_token(), new_id()
    await sessions.add(
        change.tx,
        id=session_id,
        user_id=user.id,
        stored=secret.secret,
        expires=now + ttl,
        ip=change.call.ip,
        user_agent=user_agent[:_USER_AGENT_CHARS] if user_agent else None,
    )
    await users.touch_login(change.tx, user.id, now)
    change.record("session.open", "session", session_id, user_id=user.id, how=how)
    return SignedIn(secret.shown, now + ttl, user)


async def close_session(change: Change, user_id: str, session_id: str) -> None:
    await sessions.remove(change.tx, user_id, session_id)
    change.record("session.close", "session", session_id, user_id=user_id)


async def register(change: Change, new: NewUser) -> User:
    """A stranger makes an account of the lowest role; the caller has checked that this is allowed."""
    plain = dataclasses.replace(new, role="user", tenant_id=model.DEFAULT_TENANT_ID)
    user = await users.add(change.tx, id=new_id(), **dataclasses.asdict(plain))
    change.record("user.register", "user", user.id, username=user.username)
    return user


async def change_password(change: Change, user: User, password_hash: str) -> None:
    """One's own new password ends every other session of the account."""
    await users.change(change.tx, user.id, {"password_hash": password_hash})
    ended = await sessions.remove_all(change.tx, user.id, but=change.call.principal.session_id)
    change.record("user.change_password", "user", user.id, sessions_ended=ended)


async def offer_email_link(change: Change, user_id: str) -> tuple[User, str]:
    """The user, and the secret of a link that whoever reads mail at their address can follow."""
    user = await users.get(change.tx, user_id, lock=True)
    if user.email is None:
        raise NoEmailAddress
    secret = new_secret()
    await links.add(change.tx, links.email_purpose(user.id, user.email), secret, utc_now() + model.LINK_TTL)
    change.record("user.offer_email_link", "user", user.id)
    return user, secret


async def verify_email(change: Change, secret: str) -> User:
    """Whoever holds the mailed link owns the address it was mailed to, whether signed in or not."""
    tx, now = change.tx, utc_now()
    purpose = await links.purpose_of(tx, secret, now)
    if purpose is None or not purpose.startswith("email:"):
        raise LinkSpent
    try:
        user = await users.get(tx, purpose.split(":")[1], lock=True)
    except NoSuchUser:
        raise LinkSpent from None
    if user.email is None or purpose != links.email_purpose(user.id, user.email):
        raise LinkSpent
    await links.spend(tx, purpose, secret, now)
    verified = await users.change(tx, user.id, {"email_verified": now})
    change.record("user.verify_email", "user", user.id)
    return verified
