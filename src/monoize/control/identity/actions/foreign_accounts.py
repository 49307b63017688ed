"""The accounts elsewhere by which somebody signs in: listed, linked by themselves, and taken away.

Whoever links one has set out from a session of ours and shown at the provider that the account is theirs; no e-mail
address plays a part in it.
"""

import datetime as dt
from collections.abc import Collection

from monoize.base.clock import utc_now
from monoize.control.edge.wire import Page, Window
from monoize.control.identity.drivers.sign_in_provider import ForeignIdentity
from monoize.control.identity.errors import AccountTaken, LastWayIn, LinkSpent, SignInFailed
from monoize.control.identity.model import ForeignAccount
from monoize.control.identity.store import accounts, links, users
from monoize.infra.audit_log import Change
from monoize.infra.db import Database, Tx


async def list_accounts(tx: Tx, user_id: str, window: Window) -> Page[ForeignAccount]:
    return window.page(await accounts.page(tx, user_id, window), lambda account: account.id)


async def offer_state(database: Database, session_id: str, provider: str, state: str, lasts: dt.timedelta) -> None:
    """Whoever sets out anew gives up what they had set out with before."""
    async with database.write() as tx:
        purpose = links.account_purpose(session_id, provider)
        await links.withdraw(tx, purpose)
        await links.add(tx, purpose, state, utc_now() + lasts)


async def spend_state(database: Database, session_id: str, provider: str, state: str) -> None:
    """A state leads back once, whichever process somebody comes back to."""
    try:
        async with database.write() as tx:
            await links.spend(tx, links.account_purpose(session_id, provider), state, utc_now())
    except LinkSpent:
        raise SignInFailed from None


async def is_theirs(tx: Tx, user_id: str, provider: str, who: ForeignIdentity) -> bool:
    """Whether it is linked already. AccountTaken where it is somebody else's."""
    owner = await accounts.owner(tx, provider, who.subject)
    if owner not in (None, user_id):
        raise AccountTaken
    return owner == user_id


async def link(change: Change, user_id: str, provider: str, who: ForeignIdentity) -> None:
    await users.get(change.tx, user_id, lock=True)
    if not await accounts.link(change.tx, user_id, provider, who.subject, who.kind):
        raise AccountTaken
    change.record("user.link_account", "user", user_id, provider=provider, created=False)


async def unlink(change: Change, user_id: str, account_id: str, *, providers: Collection[str]) -> None:
    """`providers` are those that are set up: an account at another one lets nobody in."""
    user = await users.get(change.tx, user_id, lock=True)
    account = await accounts.get(change.tx, user_id, account_id)
    left = await accounts.count(change.tx, user_id, providers) - (account.provider in providers)
    if not user.has_password and left == 0:
        raise LastWayIn
    await accounts.remove(change.tx, account.id)
    change.record("user.unlink_account", "user", user_id, provider=account.provider)
