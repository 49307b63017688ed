"""What callers name by its address, fetched from the public Internet and from nowhere else.

Whoever can make us fetch an address could otherwise reach what only we can reach: other services of this machine
and its network, and the credentials that clouds hand out there. So a name is resolved once, every address that it
has must be public, and the connection goes to the one that was checked; each redirect is checked in the same way.

Fails closed: whatever is not certainly allowed is NotFetched, with a reason that says nothing of our network.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple
from urllib.parse import urljoin

from monoize.contract.snapshot import Timeouts
from monoize.gateway.upstream.client import Answer, Client
from monoize.gateway.upstream.errors import UpstreamProblem
from monoize.gateway.upstream.target import Target

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

REDIRECTS_MOST: Final = 3
URL_CHARS_MOST: Final = 8_192
_MOVED: Final = frozenset((301, 302, 303, 307, 308))
_USUAL_PORTS: Final = frozenset((("http", 80), ("https", 443)))
_HEADERS: Final = ((b"user-agent", b"monoize"), (b"accept", b"*/*"))
# IPv6 addresses that carry one of IPv4 inside, which the other side unpacks.
_CARRIERS: Final = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")))


class NotFetched(Exception):
    """There is nothing to be had under this address, or nothing that we would take."""


class Fetched(NamedTuple):
    media_type: str
    body: bytes


def is_public(address: Address) -> bool:
    """Whether anybody can reach it, so that we see nothing there that others would not."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if any(address in network for network in _CARRIERS):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


async def resolved(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


async def address_of(target: Target, resolve: Resolve, is_allowed: Callable[[Address], bool]) -> str:
    """One address of it, if all of them are allowed; NotFetched otherwise."""
    try:
        found = await resolve(target.host, target.port)
        addresses = [ipaddress.ip_address(address.partition("%")[0]) for address in found]
    except (OSError, ValueError, UnicodeError):
        raise NotFetched("its name is not known") from None
    if not addresses or not all(map(is_allowed, addresses)):
        raise NotFetched("its name is not known")
    return str(addresses[0])


class Outside:
    def __init__(
        self,
        client: Client,
        *,
        is_allowed: Callable[[Address], bool] = is_public,
        is_usual: Callable[[Target], bool] = lambda target: (target.scheme, target.port) in _USUAL_PORTS,
        resolve: Resolve = resolved,
    ) -> None:
        self._client = client
        self._is_allowed = is_allowed
        self._is_usual = is_usual
        self._resolve = resolve

    async def fetch(self, url: str, *, bytes_most: int, timeout_s: float) -> Fetched:
        try:
            async with asyncio.timeout(timeout_s):
                return await self._follow(url, bytes_most, timeout_s)
        except TimeoutError:
            raise NotFetched("it took too long") from None
        except UpstreamProblem as problem:
            raise NotFetched(problem.kind) from problem

    async def _follow(self, url: str, bytes_most: int, timeout_s: float) -> Fetched:
        for _ in range(REDIRECTS_MOST + 1):
            answer = await self._ask(url, timeout_s)
            try:
                if answer.status == 200:
                    media_type = (answer.header(b"content-type") or b"").split(b";")[0].strip().lower()
                    return Fetched(media_type.decode("latin-1"), await answer.read(bytes_most))
                place = answer.header(b"location")
                if answer.status not in _MOVED or place is None:
                    raise NotFetched(f"the status is {answer.status}")
                url = urljoin(url, place.decode("latin-1"))
            finally:
                await answer.release()
        raise NotFetched("it is moved again and again")

    async def _ask(self, url: str, timeout_s: float) -> Answer:
        try:
            target, path = Target.of(url[: URL_CHARS_MOST + 1].partition("#")[0])
        except ValueError:
            raise NotFetched("that is no address") from None
        if len(url) > URL_CHARS_MOST or not self._is_usual(target):
            raise NotFetched("that is no usual address")
        tied = target.tied_to(await address_of(target, self._resolve, self._is_allowed))
        in_ms = max(1, round(timeout_s * 1000))
        timeouts = Timeouts(connect_ms=in_ms, first_byte_ms=in_ms, idle_ms=in_ms, total_ms=in_ms)
        try:
            return await self._client.send(tied, "GET", path, _HEADERS, b"", timeouts)
        except ValueError:
            raise NotFetched("that is no address") from None
