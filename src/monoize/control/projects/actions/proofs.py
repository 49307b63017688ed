"""How a domain is proven to an authority: by what nginx answers there, or by a record in its DNS."""

import asyncio
import time
from typing import TYPE_CHECKING, Final

from monoize.control.projects.actions.proxy import Proxy
from monoize.control.projects.drivers.cloudflare import Cloudflare, Zone
from monoize.control.projects.errors import DnsProviderRefused, NotIssuedHere, WildcardNeedsDns
from monoize.infra.settings import Settings

if TYPE_CHECKING:
    from monoize.control.projects.drivers.acme import Proof

RECORD_LABEL: Final = "_acme-challenge"
SEEN_WITHIN_S: Final = 60
_POLL_S: Final = 2.0


async def proof_for(domain: str, settings: Settings, proxy: Proxy) -> "Proof":
    from acme import challenges

    class ByNginx:
        """nginx answers by itself, wherever our account's thumbprint is in its configuration."""

        kind = challenges.HTTP01

        async def show(self, domain: str, validation: str) -> None:
            await proxy.check_challenge(domain, validation)

        async def withdraw(self, domain: str, validation: str) -> None:
            return

    class ByDns:
        kind = challenges.DNS01

        def __init__(self, cloudflare: Cloudflare, zone: Zone) -> None:
            self._cloudflare = cloudflare
            self._zone = zone

        async def show(self, domain: str, validation: str) -> None:
            name = f"{RECORD_LABEL}.{domain}"
            await self._cloudflare.ensure(self._zone.id, "TXT", name, validation, among_others=True)
            await seen(name, validation, settings)

        async def withdraw(self, domain: str, validation: str) -> None:
            await self._cloudflare.remove(self._zone.id, "TXT", f"{RECORD_LABEL}.{domain}", validation)

    if proxy.is_set_up and not domain.startswith("*."):
        return ByNginx()
    if not settings.cloudflare_api_token:
        raise WildcardNeedsDns if domain.startswith("*.") else NotIssuedHere
    cloudflare = Cloudflare(settings.cloudflare_api_url, settings.cloudflare_api_token)
    zone = await cloudflare.zone_of(domain)
    if zone is None:
        raise DnsProviderRefused(said=f"there is no active zone for {domain}")
    return ByDns(cloudflare, zone)


async def seen(name: str, text: str, settings: Settings) -> None:
    """Wait until DNS tells it; an authority that asks too early remembers that there was nothing."""
    from monoize.control.projects.drivers.dns import Dns

    dns, until = Dns(settings.dns_resolvers), time.monotonic() + SEEN_WITHIN_S
    while text not in await dns.texts(name):
        if time.monotonic() > until:
            raise DnsProviderRefused(said=f"{name} cannot be seen in DNS after {SEEN_WITHIN_S} s")
        await asyncio.sleep(_POLL_S)
