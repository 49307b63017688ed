"""SQL of sessions."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, delete, insert, select

from monoize.control.edge.wire import Window
from monoize.control.identity.errors import NoSuchSession
from monoize.control.identity.model import Session
from monoize.control.identity.tables import sessions, verification_tokens
from monoize.infra.db import Tx


def _session(row: Row[Any]) -> Session:
    return Session(
        id=row.id,
        user_id=row.user_id,
        expires=row.expires,
        ip=row.ip,
        user_agent=row.user_agent,
        created_at=row.created_at,
    )


async def add(
    tx: Tx,
    *,
    id: str,
    user_id: str,
    stored: str,
    expires: dt.datetime,
    ip: str | None,
    user_agent: str | None,
) -> None:
    await tx.execute(
        insert(sessions).values(
            id=id,
            user_id=user_id,
            session_token=stored,
            expires=expires,
            ip=ip,
            user_agent=user_agent,
        )
    )


async def with_token(tx: Tx, stored: str) -> Session | None:
    row = (await tx.execute(select(sessions).where(sessions.c.session_token == stored))).one_or_none()
    return _session(row) if row else None


async def page(tx: Tx, user_id: str, window: Window) -> Sequence[Session]:
    query = (
        select(sessions).where(sessions.c.user_id == user_id).order_by(sessions.c.id.desc()).limit(window.limit + 1)
    )
    if window.after:
        query = query.where(sessions.c.id < window.after)
    return [_session(row) for row in await tx.execute(query)]


async def remove(tx: Tx, user_id: str, session_id: str) -> None:
    mine = (sessions.c.id == session_id, sessions.c.user_id == user_id)
    if (await tx.execute(delete(sessions).where(*mine))).rowcount == 0:
        raise NoSuchSession


async def remove_all(tx: Tx, user_id: str, *, but: str | None = None) -> int:
    statement = delete(sessions).where(sessions.c.user_id == user_id)
    if but:
        statement = statement.where(sessions.c.id != but)
    return (await tx.execute(statement)).rowcount


async def purge(tx: Tx, now: dt.datetime) -> None:
    """Forget what has expired: sessions and links."""
    await tx.execute(delete(sessions).where(sessions.c.expires <= now))
    await tx.execute(delete(verification_tokens).where(verification_tokens.c.expires <= now))
