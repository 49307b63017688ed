"""Opens connections to targets: the name is judged, resolved once, each address judged, and a judged one dialled.

So whoever changes what a name means in between (DNS rebinding) gains nothing. Our own addresses are denied as well,
however they are reached. Fails closed; whatever fails or is cancelled leaves no socket behind.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from monoize.contract.egress import EgressGrant
from monoize.egress.addresses import Address, kind
from monoize.egress.errors import TargetDenied, TargetTimeout, TargetUnreachable
from monoize.egress.reach import Rules, check_addresses, check_name, in_turn
from monoize.egress.targets import Target
from monoize.egress.wire import Wire

RESOLVE_S: Final = 5.0
CONNECT_S: Final = 10.0
HEAD_START_S: Final = 0.25
ADDRESSES_MOST: Final = 6
RESOLVERS_MOST: Final = 32

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
Place = tuple[Address, int]


class Dialer:
    """`protected`: what stays shut within opened networks, too: this proxy, the control plane, databases."""

    def __init__(self, rules: Rules, protected: Callable[[Place], bool], *, resolve: Resolve | None = None) -> None:
        self._rules = rules
        self._protected = protected
        self._resolvers = ThreadPoolExecutor(RESOLVERS_MOST, "resolver")
        self._resolve = resolve or self._getaddrinfo

    async def dial(self, grant: EgressGrant, target: Target, resolving: asyncio.Semaphore) -> Wire:
        """`resolving` bounds how many names one agent has looked up at a time."""
        check_name(self._rules, grant, target)
        found = await self._addresses(target, resolving)
        check_addresses(self._rules, grant, found)
        if any(self._protected((address, target.port)) for address in found):
            raise TargetDenied
        if any(kind(address) == "public" and is_own(address) for address in found):
            raise TargetDenied
        try:
            async with asyncio.timeout(CONNECT_S):
                return await _first(in_turn(found)[:ADDRESSES_MOST], target.port)
        except TimeoutError:
            raise TargetTimeout(f"{target.authority} does not answer.") from None
        except OSError as problem:
            raise TargetUnreachable(f"{target.authority} cannot be reached: {problem.strerror}.") from problem

    def close(self) -> None:
        self._resolvers.shutdown(wait=False, cancel_futures=True)

    async def _addresses(self, target: Target, resolving: asyncio.Semaphore) -> list[Address]:
        try:
            return [ipaddress.ip_address(target.host)]
        except ValueError:
            pass
        try:
            async with asyncio.timeout(RESOLVE_S), resolving:
                found = await self._resolve(target.host, target.port)
            return [ipaddress.ip_address(address) for address in dict.fromkeys(found)]
        except TimeoutError:
            raise TargetTimeout(f"The name {target.host} is not resolved in time.") from None
        except (OSError, UnicodeError) as problem:
            raise TargetUnreachable(f"The name {target.host} is not known.") from problem
        except ValueError:
            # An address with a zone: one of this link.
            raise TargetDenied from None

    async def _getaddrinfo(self, host: str, port: int) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._resolvers, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return [str(address[0]) for *_, address in found]


def is_own(address: Address) -> bool:
    """Whether it is this computer's, by the way that leads to it; nothing is sent."""
    with socket.socket(_family(address), socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(address), 9))
        except OSError:
            # There is no way to it; connecting will say so.
            return False
        return bool(probe.getsockname()[0] == str(address))


async def _first(addresses: Sequence[Address], port: int) -> Wire:
    """Each next address has its turn when the one before has failed, or has not answered for a moment."""
    if len(addresses) == 1:
        return await _connected(addresses[0], port)
    loop = asyncio.get_running_loop()
    waiting = list(addresses)
    under_way: set[asyncio.Task[Wire]] = set()
    problem: BaseException = TargetUnreachable()
    try:
        while waiting or under_way:
            if waiting:
                under_way.add(loop.create_task(_connected(waiting.pop(0), port)))
            head_start_s = HEAD_START_S if waiting else None
            done, _ = await asyncio.wait(under_way, timeout=head_start_s, return_when=asyncio.FIRST_COMPLETED)
            for attempt in done:
                failed = attempt.exception()
                if failed is None:
                    under_way.discard(attempt)
                    return attempt.result()
                problem = failed
            under_way -= done
        raise problem
    finally:
        for attempt in under_way:
            attempt.cancel()
        for late in await asyncio.gather(*under_way, return_exceptions=True):
            if isinstance(late, Wire):
                late.abort()


async def _connected(address: Address, port: int) -> Wire:
    loop = asyncio.get_running_loop()
    wire = Wire(loop)
    await loop.create_connection(lambda: wire, str(address), port, family=_family(address))
    if wire.peer_address != str(address):
        wire.abort()
        raise TargetDenied
    return wire


def _family(address: Address) -> socket.AddressFamily:
    return socket.AF_INET6 if address.version == 6 else socket.AF_INET
