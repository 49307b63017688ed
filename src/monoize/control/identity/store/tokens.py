"""SQL of named tokens."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, and_, bindparam, delete, exc, insert, or_, select, update

from monoize.base.principal import Permission, TokenRole
from monoize.control.edge.wire import Window
from monoize.control.identity.errors import NoSuchToken, TokenExists
from monoize.control.identity.model import Token
from monoize.control.identity.tables import tokens
from monoize.infra.db import Tx


def _token(row: Row[Any]) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        tenant_id=row.tenant_id,
        role=row.role,
        scopes=row.scopes,
        projects=row.projects,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        created_at=row.created_at,
    )


async def add(
    tx: Tx,
    *,
    name: str,
    lookup: str,
    hash: str,
    tenant_id: str,
    role: TokenRole,
    scopes: Sequence[Permission] | None,
    projects: Sequence[int] | None,
    expires_at: dt.datetime | None,
) -> Token:
    values = {
        "name": name,
        "lookup": lookup,
        "hash": hash,
        "tenant_id": tenant_id,
        "role": role,
        "scopes": None if scopes is None else sorted(scopes),
        "projects": None if projects is None else sorted(set(projects)),
        "expires_at": expires_at,
    }
    try:
        await tx.execute(insert(tokens).values(**values))
    except exc.IntegrityError as problem:
        raise TokenExists from problem
    return await get(tx, name)


async def get(tx: Tx, name: str) -> Token:
    row = (await tx.execute(select(tokens).where(tokens.c.name == name))).one_or_none()
    if row is None:
        raise NoSuchToken
    return _token(row)


async def with_lookup(tx: Tx, lookup: str) -> tuple[Token, str] | None:
    """A token found by its id part, with the hash its secret must match. The only way to that hash."""
    row = (await tx.execute(select(tokens).where(tokens.c.lookup == lookup))).one_or_none()
    return (_token(row), row.hash) if row else None


async def page(tx: Tx, window: Window) -> Sequence[Token]:
    query = select(tokens).order_by(tokens.c.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(tokens.c.id < int(window.after))
    return [_token(row) for row in await tx.execute(query)]


async def any_exists(tx: Tx) -> bool:
    return await tx.scalar(select(tokens.c.id).limit(1)) is not None


async def lock_admins(tx: Tx, now: dt.datetime) -> Sequence[str]:
    """Names of the tokens that may everything and still open the door, locked, so that two cannot go at once."""
    living = or_(tokens.c.expires_at.is_(None), tokens.c.expires_at > now)
    unrestricted = and_(tokens.c.role == "admin", tokens.c.scopes.is_(None))
    query = select(tokens.c.name).where(living, unrestricted).order_by(tokens.c.id).with_for_update()
    return list((await tx.execute(query)).scalars())


async def remove(tx: Tx, name: str) -> None:
    if (await tx.execute(delete(tokens).where(tokens.c.name == name))).rowcount == 0:
        raise NoSuchToken


async def touch(tx: Tx, used: Mapping[int, dt.datetime]) -> None:
    statement = update(tokens).where(tokens.c.id == bindparam("token_id")).values(last_used_at=bindparam("at"))
    await tx.execute(statement, [{"token_id": id, "at": at} for id, at in used.items()])
