"""Where a request comes from, believing forwarding headers only from proxies that the operator named."""

import functools
import ipaddress
import operator
from collections.abc import Sequence
from typing import Final

from monoize.base.errors import StartupProblem

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Headers = Sequence[tuple[bytes, bytes]]
"""As ASGI has them: the names in lower case."""
_name: Final = operator.itemgetter(0)
_FORWARDING: Final = frozenset((b"forwarded", b"x-forwarded-for", b"x-real-ip"))
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def parse_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(text, strict=False) for text in texts)
    except ValueError as problem:
        raise StartupProblem(f"trusted_proxies: {problem}") from problem


@functools.lru_cache(maxsize=4096)
def parse_address(text: str) -> Address | None:
    """An address as proxies write it: bare, with a port or zone, bracketed, quoted. None when it is none."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def client_address(peer: str | None, headers: Headers, trusted: Sequence[Network]) -> str | None:
    """Walk from the socket outwards, past trusted proxies, to the first address nobody vouches for.

    None when the headers contradict each other: then the proxy wrote one of them and let the caller's own pass in
    the other, and nobody can say which.
    """
    address = parse_address(peer) if peer else None
    if address is None or not trusted or _FORWARDING.isdisjoint(map(_name, headers)):
        return _shown(peer) if address and peer else None
    if not _within(address, trusted):
        return str(address)
    chains = _chains(headers)
    for step in range(1, max(map(len, chains), default=0) + 1):
        named = {parse_address(chain[-step]) for chain in chains if len(chain) >= step}
        if len(named) > 1:
            return None
        earlier = named.pop()
        if earlier is None:
            break
        address = earlier
        if not _within(address, trusted):
            break
    return str(address)


@functools.lru_cache(maxsize=4096)
def _shown(peer: str) -> str:
    return str(parse_address(peer))


def is_trusted(peer: str | None, trusted: Sequence[Network]) -> bool:
    address = parse_address(peer) if peer else None
    return address is not None and _within(address, trusted)


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _chains(headers: Headers) -> list[list[str]]:
    """What each header says about the way here, the nearest hop last."""
    forwarded = ",".join(_values(headers, b"forwarded"))
    chain = ",".join(_values(headers, b"x-forwarded-for"))
    real = next(iter(_values(headers, b"x-real-ip")), None)
    return [
        hops
        for hops in (
            [_forwarded_for(element) for element in forwarded.split(",")] if forwarded else [],
            chain.split(",") if chain else [],
            [real] if real else [],
        )
        if hops
    ]


def _values(headers: Headers, name: bytes) -> list[str]:
    return [value.decode("latin-1") for known, value in headers if known == name]


def _forwarded_for(element: str) -> str:
    """Whom one element of `Forwarded` names; empty when it names nobody."""
    pairs = (pair.strip().partition("=") for pair in element.split(";"))
    return next((value for name, _, value in pairs if name.lower() == "for"), "")
