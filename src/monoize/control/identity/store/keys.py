"""SQL of API keys."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, select, update

from monoize.control.edge.redirects import ModelRedirect
from monoize.control.edge.transforms import read
from monoize.control.edge.wire import Window
from monoize.control.identity.errors import NoSuchKey
from monoize.control.identity.model import ApiKey
from monoize.control.identity.tables import api_keys
from monoize.infra.db import Tx
from monoize.infra.matching import contains


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        user_id=row.user_id,
        name=row.name,
        key_prefix=row.key_prefix,
        enabled=bool(row.enabled),
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        model_limits_enabled=bool(row.model_limits_enabled),
        model_limits=row.model_limits,
        ip_whitelist=row.ip_whitelist,
        allowed_groups=row.allowed_groups,
        max_multiplier=row.max_multiplier,
        model_redirects=[ModelRedirect(rule["pattern"], rule["replace"]) for rule in row.model_redirects],
        transforms=read(row.transforms),
        requests_per_minute=row.requests_per_minute,
        tokens_per_minute=row.tokens_per_minute,
        max_concurrent=row.max_concurrent,
        daily_budget_nano_usd=row.daily_budget_nano_usd,
        monthly_budget_nano_usd=row.monthly_budget_nano_usd,
        request_capture_mode=row.request_capture_mode,
        cache_ttl_s=row.cache_ttl_s,
        agent_record_id=row.agent_record_id,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


async def add(tx: Tx, *, id: str, user_id: str, prefix: str, digest: str, values: Mapping[str, Any]) -> ApiKey:
    row = {**values, "id": id, "user_id": user_id, "key_prefix": prefix, "key_hash": digest}
    await tx.execute(insert(api_keys).values(**row))
    return await get(tx, id)


async def change(tx: Tx, id: str, values: Mapping[str, Any]) -> ApiKey:
    await tx.execute(update(api_keys).where(api_keys.c.id == id).values(**values))
    return await get(tx, id)


async def get(tx: Tx, id: str) -> ApiKey:
    row = (await tx.execute(select(api_keys).where(api_keys.c.id == id))).one_or_none()
    if row is None:
        raise NoSuchKey
    return _key(row)


async def with_digest(tx: Tx, digest: str) -> ApiKey | None:
    row = (await tx.execute(select(api_keys).where(api_keys.c.key_hash == digest))).one_or_none()
    return _key(row) if row else None


async def page(tx: Tx, window: Window, *, user_id: str | None, containing: str | None = None) -> Sequence[ApiKey]:
    query = select(api_keys).order_by(api_keys.c.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(api_keys.c.id < window.after)
    if user_id:
        query = query.where(api_keys.c.user_id == user_id)
    if containing is not None:
        query = query.where(contains(api_keys.c.name, containing))
    return [_key(row) for row in await tx.execute(query)]


async def count(tx: Tx, user_id: str) -> int:
    query = select(func.count()).select_from(api_keys).where(api_keys.c.user_id == user_id)
    return int(await tx.scalar(query))


async def remove(tx: Tx, id: str) -> bool:
    """Whether the key is gone: one with a sub-account stays, also when it got it a moment ago."""
    removed = delete(api_keys).where(api_keys.c.id == id, api_keys.c.sub_account_enabled == 0)
    return (await tx.execute(removed)).rowcount > 0


async def touch(tx: Tx, used: Mapping[str, dt.datetime]) -> None:
    statement = update(api_keys).where(api_keys.c.id == bindparam("key_id")).values(last_used_at=bindparam("at"))
    # In the order in which everybody locks keys, so that nobody waits in a circle.
    await tx.execute(statement, [{"key_id": id, "at": used[id]} for id in sorted(used)])
