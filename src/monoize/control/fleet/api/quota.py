"""/api/fleet/quota: how much of their allowance the accounts of pools have used."""

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.fleet.actions import quota
from monoize.control.fleet.api.here import FleetHere
from monoize.control.fleet.api.wire import PoolRef
from monoize.control.fleet.model.quota import HistoryPoint, PoolQuota

router = Router(prefix="/quota", tags=["fleet"])

Reader = Annotated[Call, requires("fleet.read")]


@dataclasses.dataclass(frozen=True, slots=True)
class PoolQuotas:
    items: Sequence[PoolQuota]


@dataclasses.dataclass(frozen=True, slots=True)
class QuotaHistory:
    items: Sequence[HistoryPoint]


@router.get("")
async def list_quotas(house: HouseHere, call: Reader) -> PoolQuotas:
    """Of every pool whose account can be asked."""
    async with house.database.read() as tx:
        return PoolQuotas(await quota.all_quotas(tx, utc_now()))


@router.get("/{pool}")
async def show_quota(pool: PoolRef, house: HouseHere, call: Reader) -> PoolQuota:
    async with house.database.read() as tx:
        return await quota.pool_quota(tx, pool, utc_now())


@router.get("/{pool}/history")
async def show_history(
    pool: PoolRef, house: HouseHere, call: Reader, days: Annotated[int, Query(ge=1, le=400)] = 60
) -> QuotaHistory:
    async with house.database.read() as tx:
        return QuotaHistory(await quota.history(tx, pool, utc_now() - dt.timedelta(days=days)))


@router.post("/{pool}/refresh", response_model=PoolQuota)
async def refresh_quota(
    pool: PoolRef, house: HouseHere, fleet: FleetHere, mutation: Annotated[Mutation, mutates("fleet.write")]
) -> Response:
    """Ask now. Whoever asked less than five minutes ago is told what was said then."""
    found, may_ask = await quota.to_ask(house.database, pool, utc_now())
    snapshot = await quota.asked(house, fleet.account_usage, found) if may_ask else None
    return await mutation.run(lambda change: quota.keep(change, found, snapshot))
