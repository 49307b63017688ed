"""How a new house gets its first account, which becomes super_admin, and its first token.

Whoever holds the printed link, or can run `monoize init` on the machine, makes it. One row in `versions`
decides between two that try at the same moment.
"""

import dataclasses

from monoize.base.clock import utc_now
from monoize.base.errors import StartupProblem
from monoize.base.ids import new_id, new_secret
from monoize.base.principal import SYSTEM, Call
from monoize.control.identity import model
from monoize.control.identity.actions.users import NewUser
from monoize.control.identity.errors import FirstAccountExists, LinkSpent, TokenExists
from monoize.control.identity.model import User
from monoize.control.identity.passwords import Passwords
from monoize.control.identity.store import links, tokens, users
from monoize.infra.audit_log import AuditLog, Change
from monoize.infra.db import Database, Tx

ADMIN_TOKEN_NAME = "admin"
ADMIN_TOKEN_CHARS = (20, 72)
# What begins like these is looked up as an API key or a session.
_OTHER_CREDENTIALS = (model.API_KEY_PREFIX, model.SESSION_PREFIX)


def system_call() -> Call:
    return Call(SYSTEM, new_id())


async def offer_link(database: Database) -> str | None:
    """The secret of a link that makes the first account; None once there is one."""
    async with database.write() as tx:
        if await users.first_exists(tx):
            return None
        secret = new_secret()
        await links.add(tx, links.FIRST_ACCOUNT, secret, utc_now() + model.LINK_TTL)
        return secret


async def is_awaited(tx: Tx) -> bool:
    """Whether nobody has made the first account yet. Until then strangers cannot register."""
    return not await users.first_exists(tx)


async def check_link(tx: Tx, link: str) -> None:
    """Refuse a link that could not make the first account, without spending one that could."""
    if not await is_awaited(tx):
        raise FirstAccountExists
    if await links.purpose_of(tx, link, utc_now()) != links.FIRST_ACCOUNT:
        raise LinkSpent


async def create_first_account(change: Change, new: NewUser, *, link: str | None) -> User:
    """Make the super_admin. `link` is None only for somebody who already commands the machine."""
    tx, id = change.tx, new_id()
    # Claimed before a link is touched: of two who hold two links, each would wait for the other's.
    if not await users.claim_first(tx, id):
        raise FirstAccountExists
    if link is not None:
        await links.spend(tx, links.FIRST_ACCOUNT, link, utc_now())
    await links.withdraw(tx, links.FIRST_ACCOUNT)
    first = dataclasses.asdict(dataclasses.replace(new, role="super_admin"))
    user = await users.add(tx, id=id, **first)
    change.record("user.create_first", "user", user.id, username=user.username)
    return user


async def adopt_admin_token(database: Database, audit_log: AuditLog, passwords: Passwords, secret: str) -> bool:
    """Make the operator's own secret the token `admin`, if there is no token at all yet."""
    least, most = ADMIN_TOKEN_CHARS
    printable = secret.isascii() and secret.isprintable() and secret == secret.strip()
    if not (least <= len(secret) <= most and printable) or secret.startswith(_OTHER_CREDENTIALS):
        raise StartupProblem(
            f"MONOIZE_ADMIN_TOKEN needs {least} to {most} printable ASCII characters, no blank at either end, "
            f"and may not begin with {' or '.join(_OTHER_CREDENTIALS)}; `openssl rand -hex 32` makes a good one"
        )
    async with database.read() as tx:
        if await tokens.any_exists(tx):
            return False
    lookup, part = model.split_token(secret)
    hashed = await passwords.hash_token(part)
    try:
        async with audit_log.change(system_call()) as change:
            token = await tokens.add(
                change.tx,
                name=ADMIN_TOKEN_NAME,
                lookup=lookup,
                hash=hashed,
                tenant_id=model.DEFAULT_TENANT_ID,
                role="admin",
                scopes=None,
                projects=None,
                expires_at=None,
            )
            change.record("token.create", "token", token.name, role=token.role, origin="environment")
    except TokenExists:
        return False
    return True
