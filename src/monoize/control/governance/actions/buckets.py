"""What administrators do with buckets, and what anybody of a tenant may look up of what lies in them."""

import base64
import binascii
import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.base.principal import Principal
from monoize.control.edge.wire import Page, Window
from monoize.control.governance.errors import BucketAddressInvalid
from monoize.control.governance.model.inventory import (
    SECRET,
    Bucket,
    ObjectFilter,
    ObjectSeen,
    secret_place,
)
from monoize.control.governance.store import buckets, objects
from monoize.control.identity.actions.tenants import get_tenant
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal


async def list_buckets(tx: Tx, window: Window, *, name: str | None = None) -> Page[Bucket]:
    return window.page(await buckets.page(tx, window, name=name), lambda bucket: bucket.id)


async def get_bucket(tx: Tx, bucket_id: str) -> Bucket:
    return await buckets.get(tx, bucket_id)


async def create_bucket(change: Change, seal: Seal, tenant_id: str, given: Mapping[str, Any]) -> Bucket:
    await get_tenant(change.tx, tenant_id)
    _check_address(given["endpoint"], private=given["private_network"])
    id = new_id()
    values = {**_sealed(seal, id, given), "tenant_id": tenant_id, "next_at": utc_now()}
    made = await buckets.add(change.tx, id, values)
    change.record("bucket.create", "bucket", id, name=made.name, of_tenant=tenant_id, endpoint=made.endpoint)
    return made


async def update_bucket(change: Change, seal: Seal, bucket_id: str, given: Mapping[str, Any]) -> Bucket:
    before = await buckets.get(change.tx, bucket_id)
    private = given.get("private_network", before.private_network)
    _check_address(given.get("endpoint", before.endpoint), private=private)
    # What has changed shows with the next listing, which need not be waited for.
    values = {**_sealed(seal, bucket_id, given), "next_at": utc_now()}
    after = await buckets.change(change.tx, bucket_id, values)
    change.record("bucket.update", "bucket", bucket_id, name=after.name, changed=sorted(_names(given)))
    return after


async def delete_bucket(change: Change, bucket_id: str) -> None:
    """With what is known of its objects. The store itself is only ever read."""
    found = await buckets.get(change.tx, bucket_id)
    await objects.forget(change.tx, found)
    await buckets.remove(change.tx, bucket_id)
    change.record("bucket.delete", "bucket", bucket_id, name=found.name)


async def synced(change: Change, bucket_id: str) -> Bucket:
    """That somebody had it listed."""
    found = await buckets.get(change.tx, bucket_id)
    change.record("bucket.sync", "bucket", bucket_id, name=found.name, objects=found.objects)
    return found


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """`as_of`: when each bucket was last listed as a whole; of a bucket that never was, null."""

    items: Sequence[ObjectSeen]
    next_cursor: str | None
    as_of: Mapping[str, str | None]


async def search(
    tx: Tx, caller: Principal, wanted: ObjectFilter, limit: int, after: tuple[str, str] | None
) -> Found:
    """In the caller's tenant, by bucket and key."""
    tenant_id = caller.tenant_id or ""
    known = await buckets.of_tenant(tx, tenant_id)
    found = await objects.page(tx, tenant_id, wanted, after=after, most=limit + 1)
    shown = found[:limit]
    as_of = {
        bucket.name: None if bucket.synced_at is None else bucket.synced_at.isoformat()
        for bucket in known
        if wanted.bucket in (None, bucket.name)
    }
    more = len(found) > limit
    return Found(shown, cursor_of(shown[-1]) if more else None, as_of)


def cursor_of(last: ObjectSeen) -> str:
    text = json.dumps([last.bucket_name, last.object_key])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def place_of(cursor: str) -> tuple[str, str] | None:
    """None for what no search has made."""
    try:
        bucket, key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, TypeError):
        return None
    storable = all(isinstance(part, str) and "\0" not in part and part.isprintable() for part in (bucket, key))
    return (bucket, key) if storable else None


def _check_address(endpoint: str, *, private: bool) -> None:
    if not endpoint.startswith("https://") and not private:
        raise BucketAddressInvalid


def _sealed(seal: Seal, id: str, given: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in given.items() if name != "secret"}
    if "secret" in given:
        kept[SECRET] = seal.seal(given["secret"], *secret_place(id))
    return kept


def _names(given: Mapping[str, Any]) -> Sequence[str]:
    return ["secret_access_key" if name == "secret" else name for name in given]
