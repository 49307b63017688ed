"""Certificates of our own making, for whatever names a test wants."""

import dataclasses
import datetime as dt
import functools
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_PLAIN = serialization.NoEncryption()


@dataclasses.dataclass(frozen=True)
class Pair:
    """A chain and its key, in PEM."""

    chain: str
    key: str

    @property
    def fingerprint(self) -> str:
        return x509.load_pem_x509_certificate(self.chain.encode()).fingerprint(hashes.SHA256()).hex()


def pem_of(key: ec.EllipticCurvePrivateKey, password: bytes | None = None) -> str:
    how = serialization.BestAvailableEncryption(password) if password else _PLAIN
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how).decode()


@functools.cache
def authority() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tests Authority")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1000))
        .not_valid_after(now + dt.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made, key


def authority_pem() -> str:
    return authority()[0].public_bytes(serialization.Encoding.PEM).decode()


def issue(*names: str, days: float = 90, since_days: float = 1, with_authority: bool = True) -> Pair:
    """A certificate for these names that ends in `days`."""
    above, signer = authority()
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(above.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=since_days))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    parts: Sequence[x509.Certificate] = (made, above) if with_authority else (made,)
    chain = "".join(part.public_bytes(serialization.Encoding.PEM).decode() for part in parts)
    return Pair(chain, pem_of(key))
