"""What is done with named tokens, the credentials of programs."""

import dataclasses
import datetime as dt
from collections.abc import Sequence

from monoize.base.clock import utc_now
from monoize.base.principal import Permission, TokenRole
from monoize.control.edge.wire import Page, Window
from monoize.control.identity import model
from monoize.control.identity.errors import LastAdmin, NotYourself
from monoize.control.identity.model import NewSecret, Token
from monoize.control.identity.store import tenants, tokens, users
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx


@dataclasses.dataclass(frozen=True, slots=True)
class NewToken:
    name: str
    role: TokenRole
    tenant_id: str
    scopes: Sequence[Permission] | None = None
    projects: Sequence[int] | None = None
    expires_at: dt.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class CreatedToken:
    """A new token; `secret` is never shown again."""

    secret: str
    token: Token


async def list_tokens(tx: Tx, window: Window) -> Page[Token]:
    return window.page(await tokens.page(tx, window), lambda token: token.id)


async def create_token(change: Change, new: NewToken, secret: NewSecret, hash: str) -> CreatedToken:
    """`hash` is bcrypt's of the secret: made before the transaction, since it takes long."""
    model.check_may_grant(change.call.principal, new.role, new.scopes, new.tenant_id)
    await tenants.get(change.tx, new.tenant_id)
    token = await tokens.add(change.tx, lookup=secret.lookup, hash=hash, **dataclasses.asdict(new))
    change.record(
        "token.create", "token", token.name, role=token.role, scopes=token.scopes, projects=token.projects
    )
    return CreatedToken(secret.shown, token)


async def delete_token(change: Change, name: str) -> None:
    tx, caller = change.tx, change.call.principal
    token = await tokens.get(tx, name)
    if caller.kind == "token" and caller.name == name:
        raise NotYourself
    if await tokens.lock_admins(tx, utc_now()) == [name] and await users.count_admins(tx) == 0:
        raise LastAdmin
    await tokens.remove(tx, name)
    change.record("token.delete", "token", name, role=token.role)
