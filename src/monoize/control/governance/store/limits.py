"""SQL of executable limits. Where a database holds -1 for "no limit", the rest of the house says None."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Row, delete, exc, insert, select, update

from monoize.control.edge.wire import Window
from monoize.control.governance.errors import LimitsChanged, LimitsExist, NoSuchLimits, NoSuchOverride
from monoize.control.governance.model.limits import LIMIT_NAMES, LIST_NAMES, AgentLimits, LimitOverride
from monoize.control.governance.tables import agent_ai_executable_limits as limits
from monoize.control.governance.tables import agent_ai_limit_overrides as overrides
from monoize.infra.db import Tx

_NO_LIMIT: Final = -1
_names: Final = msgspec.json.Decoder(tuple[str, ...])


def _limits(row: Row[Any]) -> AgentLimits:
    lists, is_corrupt = _lists(row)
    numbers: dict[str, Any] = {name: _limit(row._mapping[name]) for name in LIMIT_NAMES}
    return AgentLimits(
        id=row.id,
        tenant_id=row.tenant_id,
        agent_role_id=row.agent_role_id,
        cost_tier=row.cost_tier,
        **numbers,
        **lists,
        is_corrupt=is_corrupt,
        notes=row.notes,
        version=row.version,
        created_at=_moment(row.created_at),
        updated_at=_moment(row.updated_at),
    )


def _lists(row: Row[Any]) -> tuple[dict[str, Any], bool]:
    """The three lists, and whether one of them cannot be read: then they all say that nothing is allowed."""
    texts = {name: row._mapping[name] for name in LIST_NAMES}
    try:
        return {name: None if text is None else _names.decode(text) for name, text in texts.items()}, False
    except msgspec.MsgspecError:
        return dict.fromkeys(LIST_NAMES, ()), True


def _limit(stored: int) -> int | None:
    return None if stored == _NO_LIMIT else stored


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def _stored(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _stored_value(name, value) for name, value in values.items()}


def _stored_value(name: str, value: Any) -> Any:
    if name in LIMIT_NAMES:
        return _NO_LIMIT if value is None else value
    if name in LIST_NAMES and value is not None:
        return msgspec.json.encode(value).decode()
    return value


def _override(row: Row[Any]) -> LimitOverride:
    return LimitOverride(
        id=row.id,
        limits_id=row.limits_id,
        limit_name=row.limit_name,
        value=_limit(row.value),
        reason=row.reason,
        granted_by=row.granted_by,
        until=row.until,
        created_at=row.created_at,
    )


async def add(tx: Tx, id: str, values: Mapping[str, Any]) -> AgentLimits:
    try:
        await tx.execute(insert(limits).values(id=id, **_stored(values)))
    except exc.IntegrityError as problem:
        raise LimitsExist from problem
    return await get(tx, id)


async def get(tx: Tx, id: str) -> AgentLimits:
    row = (await tx.execute(select(limits).where(limits.c.id == id))).one_or_none()
    if row is None:
        raise NoSuchLimits
    return _limits(row)


async def of_role(tx: Tx, tenant_id: str, agent_role_id: str) -> AgentLimits | None:
    wanted = limits.c.tenant_id == tenant_id, limits.c.agent_role_id == agent_role_id
    row = (await tx.execute(select(limits).where(*wanted))).one_or_none()
    return _limits(row) if row else None


async def page(tx: Tx, window: Window, *, tenant_id: str | None, role: str | None) -> Sequence[AgentLimits]:
    query = select(limits).order_by(limits.c.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(limits.c.id < window.after)
    if tenant_id is not None:
        query = query.where(limits.c.tenant_id == tenant_id)
    if role is not None:
        query = query.where(limits.c.agent_role_id == role)
    return [_limits(row) for row in await tx.execute(query)]


async def change(tx: Tx, before: AgentLimits, values: Mapping[str, Any]) -> AgentLimits:
    """Only what nobody has changed since it was read as `before`."""
    unchanged = limits.c.id == before.id, limits.c.version == before.version
    changed = update(limits).where(*unchanged).values(**_stored(values), version=before.version + 1)
    if (await tx.execute(changed)).rowcount == 0:
        raise LimitsChanged
    return await get(tx, before.id)


async def remove(tx: Tx, id: str) -> None:
    await tx.execute(delete(limits).where(limits.c.id == id))


async def add_override(tx: Tx, override: LimitOverride) -> None:
    value = _NO_LIMIT if override.value is None else override.value
    await tx.execute(
        insert(overrides).values(
            id=override.id,
            limits_id=override.limits_id,
            limit_name=override.limit_name,
            value=value,
            reason=override.reason,
            granted_by=override.granted_by,
            until=override.until,
            created_at=override.created_at,
        )
    )


async def overrides_of(tx: Tx, limits_id: str, *, after: dt.datetime) -> Sequence[LimitOverride]:
    """Those that hold beyond this moment."""
    wanted = overrides.c.limits_id == limits_id, overrides.c.until > after
    return [_override(row) for row in await tx.execute(select(overrides).where(*wanted).order_by(overrides.c.id))]


async def remove_override(tx: Tx, limits_id: str, id: str) -> None:
    wanted = overrides.c.limits_id == limits_id, overrides.c.id == id
    if (await tx.execute(delete(overrides).where(*wanted))).rowcount == 0:
        raise NoSuchOverride
