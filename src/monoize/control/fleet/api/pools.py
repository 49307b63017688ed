"""/api/fleet/pools: which hosts share a credential, and on what terms."""

from typing import Annotated, Literal

from fastapi import Depends
from pydantic import Field
from starlette.responses import Response

from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Page, Window, Wire
from monoize.control.fleet.actions import pools
from monoize.control.fleet.api.wire import ClientVersion, PoolName, PoolRef
from monoize.control.fleet.model.pools import Pool, PoolMode, Validation
from monoize.control.fleet.model.tools import ToolName

router = Router(prefix="/pools", tags=["fleet"])


class PoolUpdate(Wire):
    """Only what is sent changes; null takes the pinned version away."""

    name: PoolName | None = None
    tool: ToolName | None = None
    mode: PoolMode | None = None
    validation: Validation | None = None
    payloads_kept: Annotated[int, Field(ge=1, le=1000)] | None = None
    inactivity_days: Annotated[int, Field(ge=0, le=3650)] | None = None
    quota_hard_fail: bool | None = None
    quota_limit_percent: Annotated[int, Field(ge=50, le=100)] | None = None
    quota_week_partition: Literal[0, 5, 7] | None = None
    silent: bool | None = None
    client_version: ClientVersion | None = None


class PoolCreate(PoolUpdate):
    """What is null or not named is as in any new pool."""

    name: PoolName


_CLEARABLE = frozenset({"client_version"})


@router.get("")
async def list_pools(
    house: HouseHere,
    window: Annotated[Window, Depends(uuid_window)],
    call: Annotated[Call, requires("fleet.read")],
) -> Page[Pool]:
    async with house.database.read() as tx:
        return await pools.list_pools(tx, window)


@router.post("", status_code=201, response_model=Pool)
async def create_pool(body: PoolCreate, mutation: Annotated[Mutation, mutates("fleet.write")]) -> Response:
    values = body.model_dump(exclude_none=True)
    return await mutation.run(lambda change: pools.create_pool(change, values), status=201)


@router.get("/{pool}")
async def get_pool(pool: PoolRef, house: HouseHere, call: Annotated[Call, requires("fleet.read")]) -> Pool:
    async with house.database.read() as tx:
        return await pools.get_pool(tx, pool)


@router.patch("/{pool}", response_model=Pool)
async def update_pool(
    pool: PoolRef, body: PoolUpdate, mutation: Annotated[Mutation, mutates("fleet.write")]
) -> Response:
    values = body.sent(clearable=_CLEARABLE)
    return await mutation.run(lambda change: pools.update_pool(change, pool, values))


@router.delete("/{pool}", status_code=204)
async def delete_pool(pool: PoolRef, mutation: Annotated[Mutation, mutates("fleet.write")]) -> Response:
    return await mutation.run(lambda change: pools.delete_pool(change, pool))
