"""What operators do with pools. A pool is named by name or id."""

from collections.abc import Collection, Mapping
from typing import Any

from monoize.base.ids import new_id
from monoize.control.edge.wire import Page, Window
from monoize.control.fleet.errors import DefaultPoolStays, PoolInUse
from monoize.control.fleet.model.pools import DEFAULT_POOL_ID, Pool, check_change, check_mode
from monoize.control.fleet.store import hosts, pools
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx


async def list_pools(tx: Tx, window: Window) -> Page[Pool]:
    return window.page(await pools.page(tx, window), lambda pool: pool.id)


async def get_pool(tx: Tx, named: str) -> Pool:
    return await pools.find(tx, named)


async def many(tx: Tx, ids: Collection[str]) -> Mapping[str, Pool]:
    """By id, for lists of hosts."""
    return await pools.many(tx, ids)


async def create_pool(change: Change, values: Mapping[str, Any]) -> Pool:
    pool = await pools.add(change.tx, id=new_id(), values=values)
    check_mode(pool.mode, pool.tool)
    change.record("pool.create", "pool", pool.id, name=pool.name, tool=pool.tool, mode=pool.mode)
    return pool


async def update_pool(change: Change, named: str, values: Mapping[str, Any]) -> Pool:
    pool = await pools.find(change.tx, named, lock=True)
    members, payloads = await hosts.count_in(change.tx, pool.id), await pools.count_payloads(change.tx, pool.id)
    check_change(pool, values, hosts=members, payloads=payloads)
    changed = await pools.change(change.tx, pool.id, values)
    change.record("pool.update", "pool", pool.id, name=changed.name, changed=sorted(values))
    return changed


async def delete_pool(change: Change, named: str) -> None:
    """With every credential that was ever canonical in it."""
    pool = await pools.find(change.tx, named, lock=True)
    if pool.id == DEFAULT_POOL_ID:
        raise DefaultPoolStays
    if members := await hosts.count_in(change.tx, pool.id):
        raise PoolInUse(hosts=members)
    await pools.remove(change.tx, pool.id)
    change.record("pool.delete", "pool", pool.id, name=pool.name)
