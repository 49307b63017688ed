"""What people do with certificates: bring one along, or have one issued. A key that came in never goes out."""

import datetime as dt

from monoize.base.clock import utc_now
from monoize.control.edge.wire import Page, Window
from monoize.control.projects.errors import CertificateExists, CertificateInUse, NotIssuedHere, WildcardNeedsDns
from monoize.control.projects.model.certificates import Certificate, Leaf, good_for, key_place, read_leaf
from monoize.control.projects.store import certificates, routes
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal
from monoize.infra.settings import Settings


async def list_certificates(tx: Tx, window: Window, domain: str | None) -> Page[Certificate]:
    return window.page(await certificates.page(tx, window, domain), lambda certificate: certificate.id)


async def get_certificate(tx: Tx, id: int) -> Certificate:
    return await certificates.get(tx, id)


async def upload(change: Change, seal: Seal, domain: str, chain: str, key: str, now: dt.datetime) -> Certificate:
    """Keep a certificate that somebody else issued; it takes the place of one that was awaited for the domain."""
    leaf = read_leaf(chain, key, domain, now)
    present = await certificates.of_domain(change.tx, domain)
    if present is not None and (present.type == "uploaded" or present.fingerprint):
        raise CertificateExists
    certificate = present or await certificates.add(change.tx, {"domain": domain, "type": "uploaded"})
    certificate = await keep(change.tx, seal, certificate.id, leaf, type="uploaded", auto_renew=False)
    _record(change, "certificate.upload", certificate)
    return certificate


async def replace(change: Change, seal: Seal, id: int, chain: str, key: str, now: dt.datetime) -> Certificate:
    """Another certificate for the same domain, which is not renewed by us from now on."""
    certificate = await certificates.lock(change.tx, id)
    leaf = read_leaf(chain, key, certificate.domain, now)
    certificate = await keep(change.tx, seal, id, leaf, type="uploaded", auto_renew=False)
    _record(change, "certificate.replace", certificate)
    return certificate


async def order(change: Change, domain: str, settings: Settings, *, auto_renew: bool) -> Certificate:
    """Ask for one to be issued; the issuer finds it waiting."""
    if not can_prove(domain, settings):
        raise WildcardNeedsDns if domain.startswith("*.") else NotIssuedHere
    values = {"domain": domain, "type": "acme", "status": "pending", "auto_renew": auto_renew}
    certificate = await certificates.add(change.tx, values)
    _record(change, "certificate.order", certificate)
    return certificate


async def renew(change: Change, id: int) -> Certificate:
    """Have it issued anew now, whatever failed before."""
    certificate = await certificates.lock(change.tx, id)
    if certificate.type != "acme":
        raise NotIssuedHere("This certificate was uploaded, and whoever issued it renews it.")
    certificate = await certificates.change(change.tx, id, {"renew_at": utc_now(), "retry_at": None})
    _record(change, "certificate.renew", certificate)
    return certificate


async def delete_certificate(change: Change, id: int) -> None:
    """Refused while a route shows it or waits for it."""
    certificate = await certificates.lock(change.tx, id)
    secured = await routes.secured(change.tx)
    shown = good_for(secured, await certificates.every(change.tx), utc_now())
    if certificate.domain in secured or certificate.fingerprint in shown.values():
        raise CertificateInUse
    await certificates.remove(change.tx, certificate)
    _record(change, "certificate.delete", certificate)


async def expect(tx: Tx, domain: str, settings: Settings) -> int | None:
    """The certificate of a domain that wants TLS; where none is good for it and we can get one, one is awaited."""
    present = await certificates.of_domain(tx, domain)
    if present is not None:
        return present.id
    if not can_prove(domain, settings) or good_for([domain], await certificates.every(tx), utc_now()):
        return None
    return (await certificates.add(tx, {"domain": domain, "type": "acme", "status": "pending"})).id


def can_prove(domain: str, settings: Settings) -> bool:
    """Whether an authority could be shown that the domain is ours: by nginx, or by its DNS for a wildcard."""
    return bool(settings.cloudflare_api_token or (settings.nginx and not domain.startswith("*.")))


async def keep(tx: Tx, seal: Seal, id: int, leaf: Leaf, *, type: str, auto_renew: bool) -> Certificate:
    values = {
        "type": type,
        "status": "active",
        "auto_renew": auto_renew,
        "names": list(leaf.names),
        "issuer": leaf.issuer,
        "fingerprint": leaf.fingerprint,
        "not_before": leaf.not_before,
        "not_after": leaf.not_after,
        "cert_pem": leaf.chain_pem,
        "key_sealed": seal.seal(leaf.key_pem, *key_place(id)),
        "failures": 0,
        "retry_at": None,
        "renew_at": None,
        "error": None,
        "lease_until": None,
        "warned_days": None,
    }
    return await certificates.change(tx, id, values)


def _record(change: Change, action: str, certificate: Certificate) -> None:
    change.record(
        action,
        "certificate",
        certificate.id,
        domain=certificate.domain,
        type=certificate.type,
        fingerprint=certificate.fingerprint,
        not_after=certificate.not_after,
    )
