"""SQL of foreign accounts: who a user is at GitHub, Google or another provider."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, exc, func, insert, select, update

from monoize.base.ids import new_id
from monoize.control.edge.wire import Window
from monoize.control.identity.errors import NoSuchAccount
from monoize.control.identity.model import ForeignAccount
from monoize.control.identity.tables import accounts
from monoize.infra.db import Tx


async def owner(tx: Tx, provider: str, subject: str) -> str | None:
    mine = (accounts.c.provider == provider, accounts.c.provider_account_id == subject)
    user_id: str | None = await tx.scalar(select(accounts.c.user_id).where(*mine))
    return user_id


async def page(tx: Tx, user_id: str, window: Window) -> Sequence[ForeignAccount]:
    query = (
        select(accounts).where(accounts.c.user_id == user_id).order_by(accounts.c.id.desc()).limit(window.limit + 1)
    )
    if window.after:
        query = query.where(accounts.c.id < window.after)
    return [ForeignAccount(row.id, row.provider, row.created_at) for row in await tx.execute(query)]


async def get(tx: Tx, user_id: str, account_id: str) -> ForeignAccount:
    mine = (accounts.c.id == account_id, accounts.c.user_id == user_id)
    row = (await tx.execute(select(accounts).where(*mine))).one_or_none()
    if row is None:
        raise NoSuchAccount
    return ForeignAccount(row.id, row.provider, row.created_at)


async def count(tx: Tx, user_id: str, providers: Collection[str]) -> int:
    mine = (accounts.c.user_id == user_id, accounts.c.provider.in_(providers))
    return int(await tx.scalar(select(func.count()).select_from(accounts).where(*mine)))


async def remove(tx: Tx, account_id: str) -> None:
    await tx.execute(delete(accounts).where(accounts.c.id == account_id))


async def link(tx: Tx, user_id: str, provider: str, subject: str, kind: str) -> bool:
    """Whether the foreign account is now this user's; False when it became somebody else's first."""
    try:
        await tx.execute(
            insert(accounts).values(
                id=new_id(),
                user_id=user_id,
                type=kind,
                provider=provider,
                provider_account_id=subject,
            )
        )
    except exc.IntegrityError:
        return False
    return True


async def keep_credentials(
    tx: Tx, provider: str, subject: str, sealed: Mapping[str, Any], expires_at: dt.datetime | None
) -> None:
    mine = (accounts.c.provider == provider, accounts.c.provider_account_id == subject)
    stamp = int(expires_at.timestamp()) if expires_at else None
    await tx.execute(update(accounts).where(*mine).values(**sealed, expires_at=stamp))
