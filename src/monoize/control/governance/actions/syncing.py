"""Listing buckets: page by page into the inventory, each listing a generation.

Only a listing that came to its end says of an object that it has vanished; one that fails on its way changes
nothing but what it saw. One process lists a bucket at a time, by a lease that each page renews.
"""

import datetime as dt
import functools
from typing import Final

import structlog

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.control.edge.outside import Outside
from monoize.control.governance.drivers.object_store import list_page
from monoize.control.governance.errors import BucketBusy, BucketUnreachable
from monoize.control.governance.model.inventory import Bucket, secret_place
from monoize.control.governance.store import buckets, objects
from monoize.infra.background import Crew
from monoize.infra.db import Database
from monoize.infra.sealed import Seal

log = structlog.get_logger(__name__)

AT_ONCE_MOST: Final = 4
PAGES_MOST: Final = 10_000
_LEASE: Final = dt.timedelta(minutes=2)
_ERROR_CHARS_MOST: Final = 500


class Syncer:
    def __init__(self, database: Database, seal: Seal, outside: Outside) -> None:
        self._database = database
        self._seal = seal
        self._outside = outside
        self._crew = Crew("governance.bucket", AT_ONCE_MOST)

    async def run(self) -> None:
        """What the clock calls: send somebody out for each bucket that is due."""
        async with self._database.read() as tx:
            due = await buckets.due(tx, utc_now(), AT_ONCE_MOST)
        for bucket in due:
            self._crew.send(bucket.id, functools.partial(self._tried, bucket.id))

    async def sync(self, bucket_id: str) -> None:
        """List it now; BucketBusy where somebody does, BucketUnreachable where it cannot be listed."""
        now = utc_now()
        async with self._database.write() as tx:
            bucket = await buckets.get(tx, bucket_id)
            generation = await buckets.claim(tx, bucket_id, now, now + _LEASE)
            secret = self._seal.open(await buckets.sealed_secret(tx, bucket_id), *secret_place(bucket_id))
        if generation is None:
            raise BucketBusy
        try:
            await self._list(bucket, secret, generation)
        except BucketUnreachable as problem:
            await self._end(bucket, problem)
            raise

    async def stop(self) -> None:
        await self._crew.stop()

    async def _tried(self, bucket_id: str) -> None:
        try:
            await self.sync(bucket_id)
        except Refusal as refusal:
            log.warning("bucket_not_listed", bucket_id=bucket_id, code=refusal.code, reason=refusal.message)

    async def _list(self, bucket: Bucket, secret: str, generation: int) -> None:
        token: str | None = None
        for _ in range(PAGES_MOST):
            page = await list_page(self._outside, bucket, secret, token, utc_now())
            now = utc_now()
            async with self._database.write() as tx:
                if not await buckets.still_lists(tx, bucket.id, generation, now + _LEASE):
                    raise BucketBusy
                await objects.seen(tx, bucket, generation, page.objects, now)
            token = page.next_token
            if token is None:
                await self._finish(bucket, generation)
                return
        raise BucketUnreachable(f"The bucket has more than {PAGES_MOST} pages of objects.")

    async def _finish(self, bucket: Bucket, generation: int) -> None:
        now = utc_now()
        async with self._database.write() as tx:
            if not await buckets.still_lists(tx, bucket.id, generation, now):
                raise BucketBusy
            count, size = await objects.finish(tx, bucket, generation, now)
            values = {"synced_at": now, "objects": count, "bytes": size, "last_error": None}
            await buckets.change(tx, bucket.id, {**values, "lease_until": None, "next_at": _next(bucket, now)})

    async def _end(self, bucket: Bucket, problem: Refusal) -> None:
        values = {"last_error": problem.message[:_ERROR_CHARS_MOST], "next_at": _next(bucket, utc_now())}
        async with self._database.write() as tx:
            await buckets.change(tx, bucket.id, {**values, "lease_until": None})


def _next(bucket: Bucket, now: dt.datetime) -> dt.datetime:
    return now + dt.timedelta(seconds=bucket.sync_every_s)
