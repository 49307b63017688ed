"""The canonical document of a pool: opened and checked at every read, replaced behind the lock on its pointer.

One that does not open, or is not what was stored, is never taken for absent: then nothing is served and nothing is
accepted until an operator has repaired it.
"""

import datetime as dt
import functools
from typing import Final

from monoize.base.clock import utc_now
from monoize.control.fleet.actions import alerts
from monoize.control.fleet.errors import CanonicalInvalid, NoSuchPayload
from monoize.control.fleet.model import documents, json_text
from monoize.control.fleet.model.alerts import Trouble
from monoize.control.fleet.model.documents import Credential, Entry
from monoize.control.fleet.model.payloads import Held, Origin, Payload, body_place, token_place
from monoize.control.fleet.model.pools import Pool
from monoize.control.fleet.model.tools import TOOLS, ToolName
from monoize.control.fleet.store import leases, payloads
from monoize.control.fleet.store.payloads import Sealed
from monoize.infra.db import Database, Tx
from monoize.infra.sealed import Seal, SealBroken

OPENED_MOST: Final = 32


async def canonical(tx: Tx, seal: Seal, pool: Pool, *, lock: bool = False) -> Held | None:
    """Behind the lock, nobody else replaces it until this transaction ends. CanonicalInvalid: see above."""
    try:
        sealed = await payloads.canonical(tx, pool.id, lock=lock)
    except NoSuchPayload:
        raise CanonicalInvalid from None
    return None if sealed is None else opened(seal, sealed, pool)


async def replaceable(tx: Tx, seal: Seal, pool: Pool) -> Held | None:
    """Like `canonical` behind its lock, for an operator who repairs: what cannot be trusted is as good as none."""
    try:
        return await canonical(tx, seal, pool, lock=True)
    except CanonicalInvalid:
        return None


def opened(seal: Seal, sealed: Sealed, pool: Pool) -> Held:
    return Held(sealed.payload, _opened(seal, sealed, pool.tool))


# A row that is what it was, to the byte, says what it said; hosts ask for the same one all day.
@functools.lru_cache(maxsize=OPENED_MOST)
def _opened(seal: Seal, sealed: Sealed, tool: ToolName) -> Credential:
    payload = sealed.payload
    try:
        text = seal.open(sealed.body or "", *body_place(payload.pool_id, payload.digest))
        credential = documents.read(json_text.read(text), TOOLS[tool])
    except (SealBroken, ValueError):
        raise CanonicalInvalid from None
    if (credential.digest, credential.moment) != (payload.digest, payload.last_refresh):
        raise CanonicalInvalid
    return credential


async def keep(
    tx: Tx,
    seal: Seal,
    pool: Pool,
    credential: Credential,
    *,
    origin: Origin,
    source_host_id: int | None = None,
    canonical: bool = True,
) -> Payload:
    """Write it down, behind the lock; unless it is only for history, it is the canonical one from now on."""
    now = utc_now()
    payload = await payloads.add(
        tx,
        pool_id=pool.id,
        digest=credential.digest,
        last_refresh=credential.moment,
        origin=origin,
        source_host_id=source_host_id,
        body=seal.seal(credential.text, *body_place(pool.id, credential.digest)),
        entries=[_entry_row(seal, pool, credential, entry, now) for entry in credential.entries],
        created_at=now,
    )
    if canonical:
        await payloads.point(tx, pool.id, payload.id)
        await payloads.prune(tx, pool.id, kept=pool.payloads_kept, canonical_id=payload.id)
        await leases.forget_failure(tx, pool.id)
        await alerts.settle(tx, "canonical_invalid", pool.name, now)
        await alerts.settle(tx, "refresh_failing", pool.name, now)
    return payload


async def tell_of_broken(database: Database, pool: Pool) -> None:
    """In a transaction of its own, since the call that met it is refused."""
    async with database.write() as tx:
        trouble = Trouble(kind="canonical_invalid", subject=pool.name, pool_id=pool.id)
        await alerts.raise_alert(tx, trouble, utc_now())


def _entry_row(seal: Seal, pool: Pool, credential: Credential, entry: Entry, now: dt.datetime) -> dict[str, object]:
    place = token_place(pool.id, credential.digest, entry.target)
    return {
        "target": entry.target,
        "token": seal.seal(entry.token, *place),
        "token_type": entry.token_type,
        "organization": entry.organization,
        "project": entry.project,
        "api_base": entry.api_base,
        # Sealed as well: nobody knows what else programs keep beside a token.
        "meta": seal.seal(json_text.write(entry.meta), *place, "meta") if entry.meta else None,
        "created_at": now,
    }
