"""Servers that people name by their address, reached over the gateway's client.

As `gateway/upstream/outside`, whose judgement of addresses this uses: a name is resolved once, every address that
it has must be allowed, and the connection goes to the one that was checked. No redirect is followed.
"""

import asyncio
import ipaddress
from collections.abc import Sequence
from typing import Final

from monoize.contract.snapshot import Timeouts
from monoize.control.edge.outside import Patience, Unreachable
from monoize.gateway.upstream.client import Answer, Client
from monoize.gateway.upstream.errors import UpstreamProblem
from monoize.gateway.upstream.outside import Address, NotFetched, Resolve, address_of, is_public, resolved
from monoize.gateway.upstream.target import Target

CONNECT_MS: Final = 10_000
_OWN_AGENT: Final = ("user-agent", "monoize")
_PRIVATE: Final = tuple(
    map(
        ipaddress.ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "::1/128", "fc00::/7"),
    )
)
# Where clouds hand out credentials to whoever asks; their other places are link-local.
_CREDENTIALS: Final = tuple(map(ipaddress.ip_network, ("fd00:ec2::/32", "100.100.100.200/32")))


def is_near(address: Address) -> bool:
    """Public, or of this machine or its network."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return is_near(address.ipv4_mapped)
    if any(address in network for network in _CREDENTIALS):
        return False
    return is_public(address) or any(address in network for network in _PRIVATE)


class _Answered:
    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.status = answer.status

    def header(self, name: str) -> str | None:
        found = self._answer.header(name.encode())
        return None if found is None else found.decode("latin-1")

    async def read(self, most: int) -> bytes:
        try:
            return await self._answer.read(most)
        except UpstreamProblem as problem:
            raise _unreachable(problem) from problem

    async def next_chunk(self) -> bytes:
        try:
            return await self._answer.next_chunk()
        except UpstreamProblem as problem:
            raise _unreachable(problem) from problem

    async def release(self) -> None:
        await self._answer.release()


class OutsideWorld:
    def __init__(self, client: Client, *, resolve: Resolve = resolved) -> None:
        self._client = client
        self._resolve = resolve

    async def send(
        self,
        method: str,
        url: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        patience: Patience,
        *,
        private: bool,
    ) -> _Answered:
        connect_ms = min(CONNECT_MS, patience.first_byte_ms)
        timeouts = Timeouts(
            connect_ms=connect_ms,
            first_byte_ms=patience.first_byte_ms,
            idle_ms=patience.idle_ms,
            total_ms=patience.total_ms,
        )
        sent = [(name.encode(), value.encode("latin-1")) for name, value in (_OWN_AGENT, *headers)]
        try:
            target, path = Target.of(url)
            async with asyncio.timeout(connect_ms / 1000):
                address = await address_of(target, self._resolve, is_near if private else is_public)
            return _Answered(await self._client.send(target.tied_to(address), method, path, sent, body, timeouts))
        except TimeoutError:
            raise Unreachable("its name is not known in time", too_slow=True) from None
        except NotFetched as problem:
            raise Unreachable(str(problem)) from None
        except ValueError:
            raise Unreachable("that is no address") from None
        except UpstreamProblem as problem:
            raise _unreachable(problem) from problem


def _unreachable(problem: UpstreamProblem) -> Unreachable:
    return Unreachable(f"the connection failed: {problem.kind}", too_slow=problem.kind.startswith("timeout"))
