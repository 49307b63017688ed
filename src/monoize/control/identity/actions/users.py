"""What is done with users, by administrators and by themselves."""

import dataclasses
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from monoize.base.ids import new_id
from monoize.base.principal import UserRole
from monoize.control.edge.wire import Page, Window
from monoize.control.identity import model
from monoize.control.identity.errors import NoSuchUser
from monoize.control.identity.model import Session, User
from monoize.control.identity.store import sessions, tenants, users
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx


@dataclasses.dataclass(frozen=True, slots=True)
class NewUser:
    username: str
    role: UserRole = "user"
    tenant_id: str = model.DEFAULT_TENANT_ID
    email: str | None = None
    name: str | None = None
    password_hash: str | None = None
    allowed_groups: Sequence[str] = ()


async def list_users(
    tx: Tx, window: Window, *, username: str | None = None, containing: str | None = None
) -> Page[User]:
    found = await users.page(tx, window, username=username, containing=containing)
    return window.page(found, lambda user: user.id)


async def count_administrators(tx: Tx) -> int:
    """People who are enabled and may administer."""
    return await users.count_admins(tx)


async def get_user(tx: Tx, user_id: str) -> User:
    return await users.get(tx, user_id)


async def named(tx: Tx, username: str) -> User:
    found = await users.page(tx, Window(1, None), username=username)
    if not found:
        raise NoSuchUser
    return found[0]


async def get_users(tx: Tx, user_ids: Collection[str]) -> Mapping[str, User]:
    """Those of them that are there."""
    return await users.many(tx, user_ids)


async def create_user(change: Change, new: NewUser) -> User:
    model.check_may_assign(change.call.principal, new.role)
    await tenants.get(change.tx, new.tenant_id)
    user = await users.add(change.tx, id=new_id(), **dataclasses.asdict(new))
    change.record("user.create", "user", user.id, username=user.username, role=user.role)
    return user


async def update_user(
    change: Change, user_id: str, values: Mapping[str, Any], *, password_hash: str | None = None
) -> User:
    """Change what `values` names; a new password or losing access ends all of the user's sessions."""
    tx, actor = change.tx, change.call.principal
    super_admins = await users.lock_super_admins(tx)
    target = await users.get(tx, user_id, lock=True)
    demoted = values.get("role", target.role) != target.role
    disabled = values.get("enabled", True) is False
    if target.id != actor.user_id or demoted:
        model.check_may_manage(actor, target.role)
    if demoted:
        model.check_not_self(actor, target)
        model.check_may_assign(actor, values["role"])
    if disabled:
        model.check_not_self(actor, target)
    if demoted or disabled:
        model.check_last_super_admin(target, len(set(super_admins) - {target.id}))
    if "tenant_id" in values:
        await tenants.get(tx, values["tenant_id"])
    columns = dict(values)
    if "enabled" in columns:
        columns["enabled"] = int(columns["enabled"])
    if "email" in columns and columns["email"] != target.email:
        columns["email_verified"] = None
    if password_hash is not None:
        columns["password_hash"] = password_hash
    user = await users.change(tx, user_id, columns) if columns else target
    if password_hash is not None or disabled:
        await sessions.remove_all(tx, user_id, but=actor.session_id if not disabled else None)
    changed = sorted(values) + (["password"] if password_hash is not None else [])
    change.record("user.update", "user", user.id, username=user.username, changed=changed)
    return user


async def delete_user(
    change: Change, user_id: str, keeps_users: Iterable[Callable[[Tx, str], Awaitable[None]]]
) -> None:
    target = await users.get(change.tx, user_id, lock=True)
    model.check_may_delete(change.call.principal, target)
    for check in keeps_users:
        await check(change.tx, user_id)
    await users.remove(change.tx, user_id)
    change.record("user.delete", "user", user_id, username=target.username)


async def list_sessions(tx: Tx, user_id: str, window: Window) -> Page[Session]:
    return window.page(await sessions.page(tx, user_id, window), lambda session: session.id)


async def end_session(change: Change, user_id: str, session_id: str) -> None:
    await sessions.remove(change.tx, user_id, session_id)
    change.record("session.end", "session", session_id, user_id=user_id)
