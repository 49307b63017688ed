"""/api/buckets and /api/objects: object stores that speak S3, and what lies in them."""

from typing import Annotated, Any, Final

from fastapi import Depends, Query
from pydantic import Field
from starlette.responses import Response

from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import BadCursor, uuid_window
from monoize.control.edge.wire import PAGE_MOST, STORABLE, Page, Uuid, Window, Wire
from monoize.control.governance.actions import buckets
from monoize.control.governance.actions.buckets import Found
from monoize.control.governance.api.here import GovernanceHere
from monoize.control.governance.model.inventory import Bucket, ObjectFilter, Status
from monoize.control.identity.model import DEFAULT_TENANT_ID

router = Router(prefix="/buckets", tags=["objects"])
of_objects = Router(prefix="/objects", tags=["objects"])

CURSOR_CHARS_MOST: Final = 6_000

BucketName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
Endpoint = Annotated[str, Field(max_length=512, pattern=r"^https?://[a-z0-9._-]+(:[0-9]{1,5})?$")]
Region = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]
Prefix = Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[^\x00-\x1f\x7f]+$"), STORABLE]
KeyId = Annotated[str, Field(min_length=1, max_length=191, pattern=r"^[!-+.-~]+$")]
Secret = Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[!-~]+$")]
Every = Annotated[int, Field(ge=60, le=604_800)]
Part = Annotated[str, Field(min_length=1, max_length=512), STORABLE]


class BucketCreate(Wire):
    """Its objects are listed every `sync_every_s` seconds. The key needs to list it, and nothing else."""

    name: BucketName
    endpoint: Endpoint
    region: Region = "auto"
    access_key_id: KeyId
    secret: Secret
    tenant_id: Uuid | None = None
    prefix: Prefix | None = None
    private_network: bool = False
    enabled: bool = True
    sync_every_s: Every = 3_600


class BucketUpdate(Wire):
    endpoint: Endpoint | None = None
    region: Region | None = None
    access_key_id: KeyId | None = None
    secret: Secret | None = None
    private_network: bool | None = None
    enabled: bool | None = None
    sync_every_s: Every | None = None


@router.get("")
async def list_buckets(
    house: HouseHere,
    window: Annotated[Window, Depends(uuid_window)],
    call: Annotated[Call, requires("governance.read")],
    name: Annotated[str | None, Query(max_length=63, description="Only those of this name.")] = None,
) -> Page[Bucket]:
    async with house.database.read() as tx:
        return await buckets.list_buckets(tx, window, name=name)


@router.post("", status_code=201, response_model=Bucket)
async def create_bucket(body: BucketCreate, mutation: Annotated[Mutation, mutates("governance.write")]) -> Response:
    seal, given = mutation.house.seal, body.model_dump(exclude={"tenant_id"})
    tenant_id = body.tenant_id or mutation.call.principal.tenant_id or DEFAULT_TENANT_ID
    return await mutation.run(lambda change: buckets.create_bucket(change, seal, tenant_id, given), status=201)


@router.get("/{bucket_id}")
async def get_bucket(
    bucket_id: Uuid, house: HouseHere, call: Annotated[Call, requires("governance.read")]
) -> Bucket:
    async with house.database.read() as tx:
        return await buckets.get_bucket(tx, bucket_id)


@router.patch("/{bucket_id}", response_model=Bucket)
async def update_bucket(
    bucket_id: Uuid, body: BucketUpdate, mutation: Annotated[Mutation, mutates("governance.write")]
) -> Response:
    given: dict[str, Any] = body.sent()
    seal = mutation.house.seal
    return await mutation.run(lambda change: buckets.update_bucket(change, seal, bucket_id, given))


@router.delete("/{bucket_id}", status_code=204)
async def delete_bucket(bucket_id: Uuid, mutation: Annotated[Mutation, mutates("governance.write")]) -> Response:
    """What is known of its objects goes with it. Nothing in the store itself is touched."""
    return await mutation.run(lambda change: buckets.delete_bucket(change, bucket_id))


@router.post("/{bucket_id}/sync", response_model=Bucket)
async def sync_bucket(
    bucket_id: Uuid, governance: GovernanceHere, mutation: Annotated[Mutation, mutates("governance.write")]
) -> Response:
    """List it now, all of it."""
    await governance.syncer.sync(bucket_id)
    return await mutation.run(lambda change: buckets.synced(change, bucket_id))


@of_objects.get("")
async def search_objects(
    house: HouseHere,
    call: Annotated[Call, requires("objects.read")],
    bucket: Annotated[str | None, Query(max_length=63)] = None,
    prefix: Annotated[Part | None, Query(description="Only whose key begins so.")] = None,
    contains: Annotated[Part | None, Query(description="Only whose key has this in it, letter by letter.")] = None,
    suffix: Annotated[Part | None, Query(description="Only whose key ends so.")] = None,
    status: Annotated[Status | None, Query(description="Stale ones have vanished, orphaned ones long ago.")] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MOST)] = 50,
    cursor: Annotated[str | None, Query(max_length=CURSOR_CHARS_MOST)] = None,
) -> Found:
    """In the buckets of your tenant, as they were when each was last listed: `as_of`."""
    after = None if cursor is None else buckets.place_of(cursor)
    if cursor is not None and after is None:
        raise BadCursor
    wanted = ObjectFilter(bucket, prefix, contains, suffix, status)
    async with house.database.read() as tx:
        return await buckets.search(tx, call.principal, wanted, limit, after)
