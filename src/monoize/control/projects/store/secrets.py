"""SQL of services' own variables and of their versions."""

import datetime as dt
from collections.abc import Mapping, Sequence

from sqlalchemy import Row, delete, insert, select, update

from monoize.control.projects.errors import NoSuchSecret, NoSuchVersion
from monoize.control.projects.model.secrets import SealedSecret, SecretVersion
from monoize.control.projects.tables import secret_versions, secrets
from monoize.infra.db import Tx

_columns = secrets.c
_versions = secret_versions.c
_FIELDS = tuple(SealedSecret.__dataclass_fields__)


def _secret(row: Row[tuple[object, ...]]) -> SealedSecret:
    return SealedSecret(**{name: getattr(row, name) for name in _FIELDS})


async def of_service(tx: Tx, service_id: int) -> Sequence[SealedSecret]:
    query = select(secrets).where(_columns.service_id == service_id).order_by(_columns.key)
    return [_secret(row) for row in await tx.execute(query)]


async def locked(tx: Tx, service_id: int) -> Mapping[str, SealedSecret]:
    """All of a service by name, locked until the transaction ends."""
    query = select(secrets).where(_columns.service_id == service_id).with_for_update()
    return {row.key: _secret(row) for row in await tx.execute(query)}


async def find(tx: Tx, service_id: int, key: str) -> SealedSecret:
    query = select(secrets).where(_columns.service_id == service_id, _columns.key == key)
    row = (await tx.execute(query)).one_or_none()
    if row is None:
        raise NoSuchSecret(key=key)
    return _secret(row)


async def add(
    tx: Tx,
    service_id: int,
    key: str,
    *,
    sealed: str,
    version: int,
    is_secret: bool,
    created_by: str,
    now: dt.datetime,
) -> None:
    await tx.execute(
        insert(secrets).values(service_id=service_id, key=key, sealed=sealed, version=version, is_secret=is_secret)
    )
    secret = await find(tx, service_id, key)
    await _keep(tx, secret, created_by, now)


async def change(
    tx: Tx, secret: SealedSecret, *, sealed: str, version: int, is_secret: bool, created_by: str, now: dt.datetime
) -> None:
    values = {"sealed": sealed, "version": version, "is_secret": is_secret}
    await tx.execute(update(secrets).where(_columns.id == secret.id).values(**values))
    await _keep(tx, await find(tx, secret.service_id, secret.key), created_by, now)


async def remove(tx: Tx, ids: Sequence[int]) -> None:
    if ids:
        await tx.execute(delete(secrets).where(_columns.id.in_(ids)))


async def versions(tx: Tx, secret_id: int) -> Sequence[SecretVersion]:
    query = select(_versions.version, _versions.created_by, _versions.created_at)
    query = query.where(_versions.secret_id == secret_id).order_by(_versions.version.desc())
    return [SecretVersion(row.version, row.created_by, row.created_at) for row in await tx.execute(query)]


async def sealed_version(tx: Tx, secret_id: int, version: int) -> str:
    found: str | None = await tx.scalar(
        select(_versions.sealed).where(_versions.secret_id == secret_id, _versions.version == version)
    )
    if found is None:
        raise NoSuchVersion(version=version)
    return found


async def prune(tx: Tx, secret_id: int, below: int) -> None:
    await tx.execute(delete(secret_versions).where(_versions.secret_id == secret_id, _versions.version < below))


async def _keep(tx: Tx, secret: SealedSecret, created_by: str, now: dt.datetime) -> None:
    await tx.execute(
        insert(secret_versions).values(
            secret_id=secret.id,
            version=secret.version,
            sealed=secret.sealed,
            created_by=created_by,
            created_at=now,
        )
    )
