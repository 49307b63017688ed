"""What people do with domains: make one known, prove that it is theirs, and let its routes lead somewhere."""

import dataclasses
import datetime as dt
import secrets
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from monoize.control.edge.wire import Page, Window
from monoize.control.projects.actions import certificates
from monoize.control.projects.drivers.cloudflare import Cloudflare
from monoize.control.projects.errors import DnsProviderNotSetUp, DnsUnavailable, DomainNotVerified
from monoize.control.projects.model.domains import (
    Domain,
    NextAction,
    Provider,
    Record,
    judge,
    next_action,
    proof_name,
    records,
)
from monoize.control.projects.store import domains
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx
from monoize.infra.settings import Settings

_TOKEN_BYTES: Final = 16
_CLOUDFLARE: Final = "cloudflare.com"


@dataclasses.dataclass(frozen=True, slots=True)
class DomainView(Domain):
    """With what its owner does next, and what belongs into DNS."""

    next_action: NextAction
    records: Sequence[Record]


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """What DNS said of a domain a moment ago."""

    proofs: Sequence[str]
    points_to: Sequence[str]


def view(domain: Domain, settings: Settings) -> DomainView:
    fields = {field.name: getattr(domain, field.name) for field in dataclasses.fields(Domain)}
    wanted = records(domain.name, domain.verification_token, settings.public_edge)
    return DomainView(**fields, next_action=next_action(domain.status), records=wanted)


async def list_domains(tx: Tx, window: Window, statuses: Collection[str], name: str | None) -> Page[Domain]:
    return window.page(await domains.page(tx, window, statuses, name), lambda domain: domain.id)


async def get_domain(tx: Tx, id: int) -> Domain:
    return await domains.get(tx, id)


async def provider_of(name: str, settings: Settings) -> Provider:
    """Whose name servers answer for it; somebody unknown where none can be asked now."""
    from monoize.control.projects.drivers.dns import Dns

    try:
        servers = await Dns(settings.dns_resolvers).name_servers(name.removeprefix("*."))
    except DnsUnavailable:
        return "manual"
    return "cloudflare" if any(server.endswith(_CLOUDFLARE) for server in servers) else "manual"


async def create_domain(change: Change, name: str, provider: Provider) -> Domain:
    values = {"name": name, "provider": provider, "verification_token": secrets.token_hex(_TOKEN_BYTES)}
    domain = await domains.add(change.tx, values)
    change.record("domain.create", "domain", domain.id, name=name, provider=provider)
    return domain


async def look(domain: Domain, settings: Settings) -> Look:
    from monoize.control.projects.drivers.dns import Dns

    dns = Dns(settings.dns_resolvers)
    return Look(await dns.texts(proof_name(domain.name)), await dns.points_to(domain.name.removeprefix("*.")))


async def verify(change: Change, id: int, found: Look, settings: Settings, now: dt.datetime) -> Domain:
    """Note what was found. A domain that is in use stays so: its routes do not go because DNS has a bad day."""
    domain = await domains.get(change.tx, id, lock=True)
    problem = judge(domain.verification_token, found.proofs, found.points_to, settings.public_edge)
    values: dict[str, Any] = {
        "verification_checked_at": now,
        "found": {"proofs": list(found.proofs), "points_to": list(found.points_to)},
        "error": problem,
    }
    if domain.status != "active":
        values["status"] = "error" if problem else "verified"
    domain = await domains.change(change.tx, id, values)
    change.record("domain.verify", "domain", id, name=domain.name, status=domain.status, problem=problem)
    return domain


async def activate(change: Change, id: int, settings: Settings) -> Domain:
    """Let its routes lead to their targets, and have a certificate issued where that can be done."""
    domain = await domains.get(change.tx, id, lock=True)
    if domain.status not in ("verified", "active"):
        raise DomainNotVerified(status=domain.status)
    certificate_id = await certificates.expect(change.tx, domain.name, settings)
    values = {"status": "active", "error": None, "certificate_id": certificate_id or domain.certificate_id}
    domain = await domains.change(change.tx, id, values)
    change.record("domain.activate", "domain", id, name=domain.name)
    return domain


async def write_records(domain: Domain, settings: Settings) -> str:
    """At Cloudflare, as often as one likes; returns the zone."""
    if not settings.cloudflare_api_token:
        raise DnsProviderNotSetUp
    cloudflare = Cloudflare(settings.cloudflare_api_url, settings.cloudflare_api_token)
    zone = await cloudflare.zone_of(domain.name)
    if zone is None:
        raise DnsProviderNotSetUp(f"The token of Cloudflare reaches no active zone for {domain.name}.")
    for record in records(domain.name, domain.verification_token, settings.public_edge):
        await cloudflare.ensure(zone.id, record.type, record.name, record.value)
    return zone.id


async def configured(change: Change, id: int, zone_id: str) -> Domain:
    domain = await domains.get(change.tx, id, lock=True)
    values: Mapping[str, Any] = {"provider": "cloudflare", "zone_id": zone_id}
    if domain.status in ("pending", "error"):
        values = {**values, "status": "verifying", "error": None}
    domain = await domains.change(change.tx, id, values)
    change.record("domain.configure", "domain", id, name=domain.name, zone_id=zone_id)
    return domain


async def delete_domain(change: Change, id: int) -> None:
    domain = await domains.get(change.tx, id, lock=True)
    await domains.remove(change.tx, id)
    change.record("domain.delete", "domain", id, name=domain.name)
