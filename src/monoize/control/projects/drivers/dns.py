"""What DNS says of a domain, asked of the name servers that the settings name, or of the system's.

Names that are not there have no records; only where nobody answers it fails, with `DnsUnavailable`.
"""

import ipaddress
from collections.abc import Sequence
from typing import Any, Final

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.resolver

from monoize.control.projects.errors import DnsUnavailable

LOOKUP_S: Final = 5
RECORDS_MOST: Final = 50
_PORT: Final = 53


class Dns:
    def __init__(self, resolvers: Sequence[str]) -> None:
        self._resolvers = resolvers

    async def texts(self, name: str) -> Sequence[str]:
        answer = await self._records(name, "TXT")
        return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]

    async def points_to(self, name: str) -> Sequence[str]:
        """Names and addresses behind a name."""
        aliases = [str(record.target).rstrip(".").lower() for record in await self._records(name, "CNAME")]
        numbers = [str(record.address) for kind in ("A", "AAAA") for record in await self._records(name, kind)]
        return [*aliases, *numbers]

    async def name_servers(self, name: str) -> Sequence[str]:
        """Of the nearest zone above a name."""
        labels = name.split(".")
        for start in range(len(labels) - 1):
            found = await self._records(".".join(labels[start:]), "NS")
            if found:
                return [str(record.target).rstrip(".").lower() for record in found]
        return []

    async def _records(self, name: str, kind: str) -> list[Any]:
        try:
            answer = await self._resolver().resolve(name, kind, lifetime=LOOKUP_S, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError, ValueError) as problem:
            raise DnsUnavailable from problem
        return list(answer)[:RECORDS_MOST]

    def _resolver(self) -> dns.asyncresolver.Resolver:
        if not self._resolvers:
            return dns.asyncresolver.Resolver()
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers = [dns.nameserver.Do53Nameserver(*_address(text)) for text in self._resolvers]
        return resolver


def _address(text: str) -> tuple[str, int]:
    """ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT."""
    try:
        return str(ipaddress.ip_address(text)), _PORT
    except ValueError:
        host, _, port = text.rpartition(":")
        return str(ipaddress.ip_address(host.strip("[]"))), int(port)
