"""SQL of install tokens: one for each host, good for one installation."""

import dataclasses
import datetime as dt

from sqlalchemy import delete, insert, or_, select, update

from monoize.control.fleet.tables import install_tokens
from monoize.infra.db import Tx

_columns = install_tokens.c


@dataclasses.dataclass(frozen=True, slots=True)
class StoredInstall:
    """`sealed_key` is the host's key, for the installer to carry; none once it was carried away."""

    id: int
    host_id: int
    base_url: str
    sealed_key: str | None
    expires_at: dt.datetime
    used_at: dt.datetime | None


async def replace(
    tx: Tx,
    *,
    digest: str,
    host_id: int,
    fqdn: str,
    key_digest: str,
    sealed_key: str,
    base_url: str,
    expires_at: dt.datetime,
) -> None:
    """A new token of a host takes the place of the one before it."""
    await tx.execute(delete(install_tokens).where(_columns.host_id == host_id))
    values = {
        "token": digest,
        "host_id": host_id,
        "fqdn": fqdn,
        "api_key": key_digest,
        "sealed_key": sealed_key,
        "base_url": base_url,
        "expires_at": expires_at,
    }
    await tx.execute(insert(install_tokens).values(**values))


async def with_digest(tx: Tx, digest: str) -> StoredInstall | None:
    row = (await tx.execute(select(install_tokens).where(_columns.token == digest))).one_or_none()
    if row is None:
        return None
    return StoredInstall(row.id, row.host_id, row.base_url or "", row.sealed_key, row.expires_at, row.used_at)


async def consume(tx: Tx, id: int, at: dt.datetime) -> bool:
    """Whether this transaction is the one that uses it; the key it carried is erased."""
    unused = update(install_tokens).where(_columns.id == id, _columns.used_at.is_(None))
    return (await tx.execute(unused.values(used_at=at, sealed_key=None))).rowcount > 0


async def remove_of(tx: Tx, host_id: int) -> None:
    await tx.execute(delete(install_tokens).where(_columns.host_id == host_id))


async def purge(tx: Tx, before: dt.datetime) -> None:
    """What was used or has expired long enough ago that nobody asks why it does not work any more."""
    await tx.execute(delete(install_tokens).where(or_(_columns.expires_at < before, _columns.used_at < before)))


async def erase_expired(tx: Tx, now: dt.datetime) -> None:
    """A key that nobody fetched in time is kept no longer."""
    expired = update(install_tokens).where(_columns.expires_at < now, _columns.sealed_key.is_not(None))
    await tx.execute(expired.values(sealed_key=None))
