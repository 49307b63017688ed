"""SQL of one-time links (`verification_tokens`): made once, spent once, only their digest is kept."""

import datetime as dt

from sqlalchemy import delete, insert, select

from monoize.base.ids import fingerprint
from monoize.control.identity.errors import LinkSpent
from monoize.control.identity.tables import verification_tokens
from monoize.infra.db import Tx

FIRST_ACCOUNT = "first-account"


def account_purpose(session_id: str, provider: str) -> str:
    """Of the state with which somebody who is signed in sets out to link an account elsewhere."""
    return f"account:{session_id}:{provider}"


def email_purpose(user_id: str, email: str) -> str:
    """A link verifies one address of one user: changing the address makes it worthless."""
    return f"email:{user_id}:{fingerprint(email)[:32]}"


async def add(tx: Tx, purpose: str, secret: str, expires: dt.datetime) -> None:
    await tx.execute(
        insert(verification_tokens).values(identifier=purpose, token=fingerprint(secret), expires=expires)
    )


async def purpose_of(tx: Tx, secret: str, now: dt.datetime) -> str | None:
    """What a link is for, without spending it. None when it is unknown or too old."""
    mine = (verification_tokens.c.token == fingerprint(secret), verification_tokens.c.expires > now)
    purpose: str | None = await tx.scalar(select(verification_tokens.c.identifier).where(*mine))
    return purpose


async def spend(tx: Tx, purpose: str, secret: str, now: dt.datetime) -> None:
    """Use a link up. Of two that try at once, the database lets one through."""
    mine = (
        verification_tokens.c.identifier == purpose,
        verification_tokens.c.token == fingerprint(secret),
        verification_tokens.c.expires > now,
    )
    if (await tx.execute(delete(verification_tokens).where(*mine))).rowcount == 0:
        raise LinkSpent


async def withdraw(tx: Tx, purpose: str) -> None:
    await tx.execute(delete(verification_tokens).where(verification_tokens.c.identifier == purpose))
