"""SQL of certificates: what they say, their sealed keys, and who works on one at present."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, and_, delete, exc, insert, or_, select, update

from monoize.control.edge.wire import Window
from monoize.control.projects.errors import CertificateExists, NoSuchCertificate
from monoize.control.projects.model.certificates import Certificate
from monoize.control.projects.tables import certificates, domains
from monoize.infra.db import Tx

_columns = certificates.c
_FIELDS = tuple(Certificate.__dataclass_fields__)
_SHOWN = tuple(_columns[name] for name in _FIELDS)


def _certificate(row: Row[Any]) -> Certificate:
    return Certificate(**{name: getattr(row, name) for name in _FIELDS})


async def add(tx: Tx, values: Mapping[str, Any]) -> Certificate:
    try:
        done = await tx.execute(insert(certificates).values(**values))
    except exc.IntegrityError as problem:
        raise CertificateExists from problem
    key = done.inserted_primary_key
    assert key is not None
    return await get(tx, key[0])


async def change(tx: Tx, id: int, values: Mapping[str, Any]) -> Certificate:
    await tx.execute(update(certificates).where(_columns.id == id).values(**values))
    return await get(tx, id)


async def get(tx: Tx, id: int) -> Certificate:
    row = (await tx.execute(select(*_SHOWN).where(_columns.id == id))).one_or_none()
    if row is None:
        raise NoSuchCertificate
    return _certificate(row)


async def lock(tx: Tx, id: int) -> Certificate:
    query = select(*_SHOWN).where(_columns.id == id).with_for_update()
    row = (await tx.execute(query)).one_or_none()
    if row is None:
        raise NoSuchCertificate
    return _certificate(row)


async def of_domain(tx: Tx, domain: str) -> Certificate | None:
    query = select(*_SHOWN).where(_columns.domain == domain).with_for_update()
    row = (await tx.execute(query)).one_or_none()
    return _certificate(row) if row else None


async def page(tx: Tx, window: Window, domain: str | None = None) -> Sequence[Certificate]:
    query = select(*_SHOWN).order_by(_columns.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(_columns.id < int(window.after))
    if domain is not None:
        query = query.where(_columns.domain == domain)
    return [_certificate(row) for row in await tx.execute(query)]


async def every(tx: Tx) -> Sequence[Certificate]:
    return [_certificate(row) for row in await tx.execute(select(*_SHOWN).order_by(_columns.id))]


async def sealed(tx: Tx, fingerprints: Collection[str]) -> Sequence[tuple[int, str, str, str]]:
    """(id, fingerprint, chain, sealed key) of those that nginx is to show."""
    if not fingerprints:
        return []
    query = select(_columns.id, _columns.fingerprint, _columns.cert_pem, _columns.key_sealed)
    found = await tx.execute(query.where(_columns.fingerprint.in_(fingerprints)))
    return [(row.id, row.fingerprint, row.cert_pem, row.key_sealed) for row in found]


async def remove(tx: Tx, certificate: Certificate) -> None:
    await tx.execute(update(domains).where(domains.c.certificate_id == certificate.id).values(certificate_id=None))
    await tx.execute(delete(certificates).where(_columns.id == certificate.id))


async def take(tx: Tx, id: int, now: dt.datetime, until: dt.datetime) -> bool:
    """The right to work on it until then; False when somebody else has it."""
    free = or_(_columns.lease_until.is_(None), _columns.lease_until <= now)
    done = await tx.execute(update(certificates).where(and_(_columns.id == id, free)).values(lease_until=until))
    return bool(done.rowcount)


async def warned(tx: Tx) -> Mapping[int, int | None]:
    return {row.id: row.warned_days for row in await tx.execute(select(_columns.id, _columns.warned_days))}


async def warn(tx: Tx, id: int, days: int) -> None:
    await tx.execute(update(certificates).where(_columns.id == id).values(warned_days=days))
