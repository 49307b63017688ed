"""SQL of foreign accounts: who a user is at GitHub, Google or another provider."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy import exc, insert, select, update

from monoize.base.ids import new_id
from monoize.control.identity.tables import accounts
from monoize.infra.db import Tx


async def owner(tx: Tx, provider: str, subject: str) -> str | None:
    mine = (accounts.c.provider == provider, accounts.c.provider_account_id == subject)
    user_id: str | None = await tx.scalar(select(accounts.c.user_id).where(*mine))
    return user_id


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
