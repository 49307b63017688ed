"""Buckets of object stores, and what lay in them when they were last listed."""

import dataclasses
import datetime as dt
import hashlib
from typing import Final, Literal

Status = Literal["active", "stale", "orphaned"]

SECRET: Final = "secret_sealed"
STALE_FOR: Final = dt.timedelta(days=7)
"""An object that has vanished for so long is an orphan: nobody waits for it to come back."""
LIKE_ESCAPE: Final = "\\"


@dataclasses.dataclass(frozen=True, slots=True)
class Bucket:
    """`objects` and `bytes` are of the last whole listing, at `synced_at`; null before the first one."""

    id: str
    tenant_id: str
    name: str
    endpoint: str
    region: str
    prefix: str | None
    access_key_id: str
    private_network: bool
    enabled: bool
    sync_every_s: int
    generation: int
    synced_at: dt.datetime | None
    objects: int | None
    bytes: int | None
    last_error: str | None
    created_at: dt.datetime
    updated_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Listed:
    """One object as its store lists it."""

    key: str
    size: int
    etag: str | None
    last_modified: str | None

    @property
    def key_hash(self) -> str:
        return key_hash(self.key)


@dataclasses.dataclass(frozen=True, slots=True)
class ObjectSeen:
    bucket_name: str
    object_key: str
    size_bytes: int
    etag: str | None
    last_modified: str | None
    status: Status
    first_seen: dt.datetime
    last_seen: dt.datetime
    stale_since: dt.datetime | None


@dataclasses.dataclass(frozen=True, slots=True)
class ObjectFilter:
    """Texts are looked for letter by letter."""

    bucket: str | None = None
    prefix: str | None = None
    contains: str | None = None
    suffix: str | None = None
    status: Status | None = None


def key_hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def escaped(text: str) -> str:
    """As a part of a LIKE pattern that means nothing but itself."""
    for special in (LIKE_ESCAPE, "%", "_"):
        text = text.replace(special, LIKE_ESCAPE + special)
    return text


def secret_place(bucket_id: str) -> tuple[str, str, str]:
    """What the sealed secret of a bucket is bound to."""
    return "object_buckets", SECRET, bucket_id
