"""Signing in with a foreign account: find its user, link it safely, or make one.

An existing user is linked by e-mail address only when both the provider and we have verified that address:
anything less lets a stranger take over an account by naming its address elsewhere.
"""

import re
import secrets
from typing import Final

from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.control.identity import model
from monoize.control.identity.drivers.sign_in_provider import ForeignIdentity
from monoize.control.identity.errors import EmailNotLinked, RegistrationClosed, SignInFailed
from monoize.control.identity.model import User
from monoize.control.identity.store import accounts, users
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal

_NAME_MOST: Final = 17


async def user_of(tx: Tx, provider: str, who: ForeignIdentity) -> User | None:
    """The user this foreign account belongs to already."""
    user_id = await accounts.owner(tx, provider, who.subject)
    return await users.get(tx, user_id) if user_id else None


async def link_or_create(change: Change, provider: str, who: ForeignIdentity, *, may_create: bool) -> User:
    """Give a foreign account that nobody has yet to its user."""
    email = model.canonical_email(who.email) if who.email and who.email_verified else None
    known = await users.with_email(change.tx, email) if email else None
    if known is not None:
        if known.email_verified is None:
            raise EmailNotLinked
        user = known
    elif may_create:
        user = await users.add(
            change.tx,
            id=new_id(),
            tenant_id=model.DEFAULT_TENANT_ID,
            username=_username(who),
            role="user",
            email=email,
            email_verified=utc_now() if email else None,
            name=who.name[:200] if who.name else None,
            image=who.image if who.image and len(who.image) <= 2048 else None,
        )
    else:
        raise RegistrationClosed
    if not await accounts.link(change.tx, user.id, provider, who.subject, who.kind):
        raise SignInFailed
    change.record("user.link_account", "user", user.id, provider=provider, created=known is None)
    return user


async def keep_credentials(tx: Tx, seal: Seal, provider: str, who: ForeignIdentity) -> None:
    """Remember what the provider gave us for this user, sealed."""
    sealed: dict[str, str | None] = {"scope": who.scope}
    for name in model.FOREIGN_CREDENTIALS:
        secret: str | None = getattr(who, name)
        sealed[name] = seal.seal(secret, *model.credential_place(provider, who.subject, name)) if secret else None
    await accounts.keep_credentials(tx, provider, who.subject, sealed, who.expires_at)


def _username(who: ForeignIdentity) -> str:
    """A free name that resembles theirs; the random tail makes a collision a matter of luck, not of order."""
    wish = who.username or (who.email or "").partition("@")[0] or "user"
    plain = re.sub(r"[^A-Za-z0-9_]", "_", wish)[:_NAME_MOST].strip("_") or "user"
    return f"{plain}_{secrets.token_hex(2)}"
