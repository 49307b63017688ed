"""Certificates as values: what a PEM says, whether it is good for a domain, and when it is renewed. Pure."""

import dataclasses
import datetime as dt
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from monoize.control.projects.errors import (
    CertificateExpired,
    CertificateKeyMismatch,
    CertificateUnreadable,
    CertificateWrongDomain,
)
from monoize.control.projects.model.addresses import covers

CertificateType = Literal["uploaded", "acme"]
CertificateStatus = Literal["pending", "active", "expired", "failed"]

PEM_CHARS_MOST: Final = 65_536
CHAIN_MOST: Final = 10
RSA_BITS_LEAST: Final = 2048
RENEW_BEFORE: Final = dt.timedelta(days=30)
WARN_DAYS: Final = (30, 7, 1)
_FIRST_RETRY: Final = dt.timedelta(hours=1)
_LAST_RETRY: Final = dt.timedelta(hours=24)


@dataclasses.dataclass(frozen=True, slots=True)
class Certificate:
    """`names` are those it is good for; `fingerprint` is the SHA-256 of the leaf. Its key is never shown."""

    id: int
    domain: str
    type: CertificateType
    status: CertificateStatus
    names: Sequence[str]
    issuer: str | None
    fingerprint: str | None
    not_before: dt.datetime | None
    not_after: dt.datetime | None
    auto_renew: bool
    failures: int
    retry_at: dt.datetime | None
    renew_at: dt.datetime | None
    error: str | None
    created_at: dt.datetime
    updated_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Leaf:
    """What a chain and its key say, once they were found to belong together."""

    chain_pem: str
    key_pem: str = dataclasses.field(repr=False)
    names: Sequence[str]
    issuer: str
    fingerprint: str
    not_before: dt.datetime
    not_after: dt.datetime


def read_leaf(chain: str, key: str, domain: str, now: dt.datetime) -> Leaf:
    """The chain written anew, leaf first, if it is good for `domain` now and the key is its key."""
    certificates = _chain(chain)
    leaf, private = certificates[0], _key(key)
    if leaf.public_key() != private.public_key():
        raise CertificateKeyMismatch
    names = _names(leaf)
    if not any(covers(name, domain) for name in names):
        raise CertificateWrongDomain(names=names[:20])
    if not leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc:
        begin, end = leaf.not_valid_before_utc.isoformat(), leaf.not_valid_after_utc.isoformat()
        raise CertificateExpired(not_before=begin, not_after=end)
    form = serialization.PrivateFormat.PKCS8
    return Leaf(
        chain_pem="".join(_pem(certificate) for certificate in certificates),
        key_pem=private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode(),
        names=names,
        issuer=leaf.issuer.rfc4514_string()[:255],
        fingerprint=leaf.fingerprint(hashes.SHA256()).hex(),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
    )


def key_place(id: int) -> tuple[str, str, str]:
    """Where the sealed key of a certificate is, to which it is bound."""
    return ("certificates", "key_sealed", str(id))


def _chain(text: str) -> Sequence[x509.Certificate]:
    try:
        found = x509.load_pem_x509_certificates(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateUnreadable from None
    if len(found) > CHAIN_MOST:
        raise CertificateUnreadable(f"A chain has at most {CHAIN_MOST} certificates.")
    for certificate, above in itertools.pairwise(found):
        if certificate.issuer != above.subject:
            raise CertificateUnreadable("The chain is not in order: each certificate is issued by the next one.")
    return found


def _key(text: str) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(text.encode(), password=None)
    except TypeError:
        raise CertificateUnreadable("The key is protected by a password; send it without one.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateUnreadable("The key is not a private key in PEM.") from None
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= RSA_BITS_LEAST:
        return key
    raise CertificateUnreadable(f"The key has to be of RSA with {RSA_BITS_LEAST} bits or more, or of ECDSA.")


def _names(leaf: x509.Certificate) -> Sequence[str]:
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return sorted({name.lower() for name in found.get_values_for_type(x509.DNSName)})


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def good_for(domains: Iterable[str], certificates: Sequence[Certificate], now: dt.datetime) -> Mapping[str, str]:
    """For each domain the fingerprint of the certificate that is shown: the exact one first, then the longest."""
    usable = [
        certificate
        for certificate in certificates
        if certificate.fingerprint
        and certificate.not_before
        and certificate.not_after
        and certificate.not_before <= now < certificate.not_after
    ]
    chosen: dict[str, str] = {}
    for domain in set(domains):
        fitting = [one for one in usable if any(covers(name, domain) for name in one.names)]
        if fitting:
            best = max(fitting, key=lambda one: (one.domain == domain, one.not_after, one.id))
            assert best.fingerprint
            chosen[domain] = best.fingerprint
    return chosen


def retry_after(failures: int) -> dt.timedelta:
    """One hour after the first failure, twice as long after each further one, a day at most."""
    return min(_FIRST_RETRY * (1 << min(max(failures - 1, 0), 10)), _LAST_RETRY)


def renews_itself(certificate: Certificate) -> bool:
    """Whether it was issued for us, and is to be issued anew without anybody asking."""
    return certificate.type == "acme" and certificate.auto_renew and certificate.fingerprint is not None


def renewal_due(certificate: Certificate, jitter: float) -> dt.datetime | None:
    """When a certificate is asked for anew; `jitter`, from 0 to 1, spreads those of one day over a tenth more."""
    if certificate.type != "acme":
        return None
    if certificate.renew_at is not None:
        return certificate.renew_at
    if certificate.not_after is None or certificate.not_before is None:
        return certificate.created_at
    if not renews_itself(certificate):
        return None
    ahead = min(RENEW_BEFORE, (certificate.not_after - certificate.not_before) / 3)
    return certificate.not_after - ahead * (1 + 0.1 * jitter)


def is_due(certificate: Certificate, now: dt.datetime, jitter: float) -> bool:
    due = renewal_due(certificate, jitter)
    return due is not None and due <= now and (certificate.retry_at is None or certificate.retry_at <= now)


def warning(certificate: Certificate, now: dt.datetime, warned_days: int | None) -> int | None:
    """The nearest threshold in days that was passed and not warned of yet."""
    if certificate.not_after is None:
        return None
    left = certificate.not_after - now
    passed = [days for days in WARN_DAYS if left <= dt.timedelta(days=days)]
    if not passed or (warned_days is not None and warned_days <= min(passed)):
        return None
    return min(passed)
