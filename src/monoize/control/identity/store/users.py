"""SQL of users."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, and_, delete, exc, func, insert, select, update

from monoize.base.principal import UserRole
from monoize.control.edge.wire import Window
from monoize.control.identity.errors import EmailTaken, NoSuchUser, UsernameTaken
from monoize.control.identity.model import User
from monoize.control.identity.tables import users, versions
from monoize.infra.bulk import is_one_of
from monoize.infra.db import Tx, violated
from monoize.infra.matching import contains

_FIRST_ACCOUNT = "first_account"


def _user(row: Row[Any]) -> User:
    return User(
        id=row.id,
        tenant_id=row.tenant_id,
        username=row.username,
        email=row.email,
        email_verified=row.email_verified,
        name=row.name,
        image=row.image,
        role=row.role,
        enabled=bool(row.enabled),
        has_password=row.password_hash is not None,
        allowed_groups=row.allowed_groups,
        balance_nano_usd=row.balance_nano_usd,
        balance_unlimited=bool(row.balance_unlimited),
        hold_policy=row.hold_policy,
        overdraft_nano_usd=row.overdraft_nano_usd,
        last_login_at=row.last_login_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


async def add(
    tx: Tx,
    *,
    id: str,
    tenant_id: str,
    username: str,
    role: UserRole,
    email: str | None = None,
    email_verified: dt.datetime | None = None,
    name: str | None = None,
    image: str | None = None,
    password_hash: str | None = None,
    allowed_groups: Sequence[str] = (),
) -> User:
    values = {
        "id": id,
        "tenant_id": tenant_id,
        "username": username,
        "role": role,
        "email": email,
        "email_verified": email_verified,
        "name": name,
        "image": image,
        "password_hash": password_hash,
        "allowed_groups": list(allowed_groups),
    }
    try:
        await tx.execute(insert(users).values(values))
    except exc.IntegrityError as problem:
        raise _taken(problem) from problem
    return await get(tx, id)


async def change(tx: Tx, id: str, values: Mapping[str, Any]) -> User:
    try:
        await tx.execute(update(users).where(users.c.id == id).values(**values))
    except exc.IntegrityError as problem:
        raise _taken(problem) from problem
    return await get(tx, id)


def _taken(problem: exc.IntegrityError) -> Exception:
    if violated(problem, "username"):
        return UsernameTaken()
    if violated(problem, "email"):
        return EmailTaken()
    return problem


async def get(tx: Tx, id: str, *, lock: bool = False) -> User:
    query = select(users).where(users.c.id == id)
    row = (await tx.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise NoSuchUser
    return _user(row)


async def many(tx: Tx, ids: Collection[str]) -> Mapping[str, User]:
    query = select(users).where(is_one_of(tx, users.c.id, ids))
    return {row.id: _user(row) for row in await tx.execute(query)}


async def plans_of(tx: Tx, ids: Collection[str]) -> Mapping[str, str]:
    """The ids of their plans; who is on none is left out."""
    query = select(users.c.id, users.c.plan_id).where(is_one_of(tx, users.c.id, ids), users.c.plan_id.is_not(None))
    return {row.id: row.plan_id for row in await tx.execute(query)}


async def set_plan(tx: Tx, id: str, plan_id: str | None) -> None:
    await tx.execute(update(users).where(users.c.id == id).values(plan_id=plan_id))


async def count_with_plan(tx: Tx, plan_id: str) -> int:
    return int(await tx.scalar(select(func.count()).where(users.c.plan_id == plan_id)))


async def with_email(tx: Tx, email: str) -> User | None:
    row = (await tx.execute(select(users).where(users.c.email == email))).one_or_none()
    return _user(row) if row else None


async def password_of(tx: Tx, name_or_email: str) -> tuple[User, str | None] | None:
    """A user found by username or e-mail address, with the password hash. The only way to that hash."""
    column = users.c.email if "@" in name_or_email else users.c.username
    row = (await tx.execute(select(users).where(column == name_or_email))).one_or_none()
    return (_user(row), row.password_hash) if row else None


async def page(tx: Tx, window: Window, *, username: str | None, containing: str | None = None) -> Sequence[User]:
    query = select(users).order_by(users.c.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(users.c.id < window.after)
    if username is not None:
        query = query.where(users.c.username == username)
    if containing is not None:
        query = query.where(contains(users.c.username, containing))
    return [_user(row) for row in await tx.execute(query)]


async def remove(tx: Tx, id: str) -> None:
    await tx.execute(delete(users).where(users.c.id == id))


async def touch_login(tx: Tx, id: str, at: dt.datetime) -> None:
    await tx.execute(update(users).where(users.c.id == id).values(last_login_at=at))


async def first_exists(tx: Tx) -> bool:
    return await tx.scalar(select(versions.c.version).where(versions.c.name == _FIRST_ACCOUNT)) is not None


async def lock_super_admins(tx: Tx) -> Sequence[str]:
    """Ids of the enabled super_admins, locked, so that two of them cannot remove each other at once."""
    query = (
        select(users.c.id)
        .where(and_(users.c.role == "super_admin", users.c.enabled == 1))
        .order_by(users.c.id)
        .with_for_update()
    )
    return list((await tx.execute(query)).scalars())


async def count_admins(tx: Tx) -> int:
    wanted = and_(users.c.role.in_(("super_admin", "admin")), users.c.enabled == 1)
    return int(await tx.scalar(select(func.count()).select_from(users).where(wanted)))


async def claim_first(tx: Tx, user_id: str) -> bool:
    """Whether this transaction is the one that makes the first account: a unique row decides."""
    try:
        await tx.execute(insert(versions).values(name=_FIRST_ACCOUNT, version=user_id))
    except exc.IntegrityError:
        return False
    return True
