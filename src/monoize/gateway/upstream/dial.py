"""Opens connections: name resolution, TCP and TLS, all of it within one deadline.

TLS fails closed: certificates and host names are verified, and nothing is sent where what verifies them cannot be
loaded; it is loaded once, and not before it is needed. Whatever fails or is cancelled on the way leaves no socket
behind.
"""

import asyncio
import functools
import ssl
from collections.abc import Callable
from typing import NamedTuple

from monoize.gateway.upstream.connection import Connection
from monoize.gateway.upstream.errors import Kind, UpstreamProblem
from monoize.gateway.upstream.target import Target
from monoize.gateway.upstream.tls import TlsWire


class Until(NamedTuple):
    """How long somebody waits for a connection, and which of the limits that is."""

    at: float
    kind: Kind


class Dialer:
    def __init__(
        self, loop: asyncio.AbstractEventLoop, ssl_context: ssl.SSLContext | None, buffer: memoryview
    ) -> None:
        self._loop = loop
        self._buffer = buffer
        self._ssl_context = ssl_context
        self._under_way: set[asyncio.Timeout] = set()
        self._is_closed = False

    async def open(self, target: Target, make: Callable[[], Connection], until: Until) -> Connection:
        connection = make()
        timeout = asyncio.timeout_at(until.at)
        self._under_way.add(timeout)
        try:
            async with timeout:
                await self._connect(target, connection)
        except TimeoutError as problem:
            connection.abort()
            if timeout.expired() and not self._is_closed:
                raise UpstreamProblem(until.kind, "no connection in time", was_sent=False) from None
            raise _refused(self._is_closed, problem) from problem
        except (OSError, UnicodeError) as problem:
            connection.abort()
            raise _refused(self._is_closed, problem) from problem
        except BaseException:
            connection.abort()
            raise
        finally:
            self._under_way.discard(timeout)
        return connection

    async def _connect(self, target: Target, connection: Connection) -> None:
        # Addresses are tried in turn: asyncio's race of them loses a socket when it is cancelled, uvloop has none.
        where = target.address or target.host
        if not target.is_tls:
            await self._loop.create_connection(lambda: connection, where, target.port)
            return
        context = self._ssl_context or _strict_context()
        wire = TlsWire(connection, context, target.host, loop=self._loop, buffer=self._buffer)
        try:
            await self._loop.create_connection(lambda: wire, where, target.port)
            await wire.opened()
        except BaseException:
            wire.abort()
            raise

    def close(self) -> None:
        """Whoever waits for a connection is told at once that there is none."""
        self._is_closed = True
        for timeout in self._under_way:
            timeout.reschedule(self._loop.time())


def _refused(is_closed: bool, problem: OSError | UnicodeError) -> UpstreamProblem:
    detail = "the client is closed" if is_closed else str(problem) or type(problem).__name__
    return UpstreamProblem("connect", detail, was_sent=False)


@functools.cache
def _strict_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_RENEGOTIATION
    return context
