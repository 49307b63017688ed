"""SQL of our accounts with certificate authorities: one for each directory, whose key never changes."""

import dataclasses

from sqlalchemy import exc, insert, select, update

from monoize.control.projects.tables import acme_accounts
from monoize.infra.db import Tx

_columns = acme_accounts.c


@dataclasses.dataclass(frozen=True, slots=True)
class KeptAccount:
    id: int
    uri: str | None
    key_sealed: str = dataclasses.field(repr=False)


async def find(tx: Tx, directory_url: str) -> KeptAccount | None:
    query = select(_columns.id, _columns.uri, _columns.key_sealed).where(_columns.directory_url == directory_url)
    row = (await tx.execute(query)).one_or_none()
    return KeptAccount(row.id, row.uri, row.key_sealed) if row else None


async def thumbprint(tx: Tx, directory_url: str) -> str | None:
    found: str | None = await tx.scalar(select(_columns.thumbprint).where(_columns.directory_url == directory_url))
    return found


async def add(tx: Tx, directory_url: str, thumbprint: str) -> int | None:
    """None when another process was faster."""
    values = {"directory_url": directory_url, "thumbprint": thumbprint, "key_sealed": ""}
    try:
        done = await tx.execute(insert(acme_accounts).values(**values))
    except exc.IntegrityError:
        return None
    key = done.inserted_primary_key
    assert key is not None
    return int(key[0])


async def seal(tx: Tx, id: int, key_sealed: str) -> None:
    await tx.execute(update(acme_accounts).where(_columns.id == id).values(key_sealed=key_sealed))


async def registered(tx: Tx, id: int, uri: str) -> None:
    await tx.execute(update(acme_accounts).where(_columns.id == id).values(uri=uri))
