"""SQL of what each host has: the document it was served last, and the digests it has shown."""

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import Row, delete, insert, select, update

from monoize.control.fleet.tables import host_auth_digests, host_auth_states
from monoize.infra.bulk import is_one_of
from monoize.infra.db import Tx

DIGESTS_KEPT: Final = 3

_states = host_auth_states.c
_digests = host_auth_digests.c


async def served(tx: Tx, host_id: int) -> Row[Any] | None:
    """`payload_id` and `seen_digest` of what the host was given, or said to have, last."""
    query = select(_states.payload_id, _states.seen_digest).where(_states.host_id == host_id)
    return (await tx.execute(query)).one_or_none()


async def served_many(tx: Tx, host_ids: Collection[int]) -> Mapping[int, tuple[int, str]]:
    """The same of several, by host; who was never served is left out."""
    query = select(_states.host_id, _states.payload_id, _states.seen_digest)
    found = await tx.execute(query.where(is_one_of(tx, _states.host_id, host_ids)))
    return {row.host_id: (row.payload_id, row.seen_digest) for row in found}


async def serve(tx: Tx, host_id: int, *, payload_id: int, digest: str, at: dt.datetime) -> None:
    values = {"payload_id": payload_id, "seen_digest": digest, "seen_at": at}
    changed = update(host_auth_states).where(_states.host_id == host_id).values(**values)
    if not (await tx.execute(changed)).rowcount:
        await tx.execute(insert(host_auth_states).values(**values, host_id=host_id))


async def shown(tx: Tx, host_id: int, digest: str, at: dt.datetime) -> None:
    """Remember a digest that the host has shown, and forget all but the latest few."""
    mine = _digests.host_id == host_id
    seen_again = update(host_auth_digests).where(mine, _digests.digest == digest).values(last_seen=at)
    if (await tx.execute(seen_again)).rowcount:
        return
    await tx.execute(insert(host_auth_digests).values(host_id=host_id, digest=digest, last_seen=at))
    latest = select(_digests.id).where(mine).order_by(_digests.last_seen.desc(), _digests.id.desc())
    kept = list((await tx.execute(latest.limit(DIGESTS_KEPT))).scalars())
    await tx.execute(delete(host_auth_digests).where(mine, _digests.id.not_in(kept)))


async def digests(tx: Tx, host_id: int) -> list[str]:
    query = select(_digests.digest).where(_digests.host_id == host_id)
    return list((await tx.execute(query.order_by(_digests.last_seen.desc(), _digests.id.desc()))).scalars())
