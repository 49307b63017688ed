"""TLS between a connection and its socket.

Ours, because the TLS layers of both loops lose the end of a body when a server closes while its reader is paused
(uvloop throws away what it has not delivered), and say of every end that it was a good one.

Fails closed: an end that the server did not announce inside TLS is a failure, as somebody else may have made it.
"""

import asyncio
import ssl
from typing import Final, cast

from monoize.gateway.upstream.connection import Connection

_FLUSH_BYTES: Final = 256 * 1024


class TlsWire(asyncio.BufferedProtocol):
    """To the loop it is a protocol, to the connection a transport. `buffer` may be shared by all of a loop."""

    def __init__(
        self,
        connection: Connection,
        context: ssl.SSLContext,
        host: str,
        *,
        loop: asyncio.AbstractEventLoop,
        buffer: memoryview,
    ) -> None:
        self._connection = connection
        self._buffer = buffer
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._transport: asyncio.Transport | None = None
        self._decided = loop.create_future()
        self._problem: Exception | None = None
        self._is_open = False
        self._is_paused = False
        self._has_ended = False

    async def opened(self) -> None:
        """Returns once the server has shown who it is; OSError when it has not."""
        await self._decided
        if not self._is_open:
            raise self._problem or ConnectionResetError("the connection ended during the handshake")

    # What the loop says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._advance()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._incoming.write(self._buffer[:nbytes])
        self._advance()

    def eof_received(self) -> None:
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._decide()
        if exc is None and not self._has_ended:
            exc = self._problem or ConnectionResetError("TLS was not ended before its connection")
        self._connection.connection_lost(exc)

    # What the connection says.

    def write(self, data: bytes) -> None:
        assert self._transport is not None
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._tls.write(rest) :]
                if self._outgoing.pending >= _FLUSH_BYTES:
                    self._flush()
            self._flush()
        except ssl.SSLError as problem:
            # The server wants something else first: a renegotiation, which no version since 1.3 knows.
            self._problem = problem
            self.abort()

    def abort(self) -> None:
        if self._transport:
            self._transport.abort()

    def is_closing(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def get_write_buffer_size(self) -> int:
        assert self._transport is not None
        return self._transport.get_write_buffer_size()

    def pause_reading(self) -> None:
        assert self._transport is not None
        self._is_paused = True
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        assert self._transport is not None
        self._is_paused = False
        self._advance()
        if not self._is_paused and not self.is_closing():
            self._transport.resume_reading()

    def _advance(self) -> None:
        """Go as far as what has arrived allows."""
        try:
            if not self._is_open:
                self._tls.do_handshake()
                self._is_open = True
                self._connection.attach(self)
                self._decide()
            self._deliver()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as problem:
            self._problem = problem
            self.abort()
        if not self.is_closing():
            self._flush()

    def _deliver(self) -> None:
        """Ends with SSLWantReadError, unless the connection wants no more or the server has said goodbye."""
        while not self._is_paused and not self.is_closing():
            count = cast("int", self._tls.read(len(self._buffer), self._buffer))
            if not count:
                self._has_ended = True
                self._connection.eof_received()
                return
            self._connection.buffer_updated(count)

    def _flush(self) -> None:
        if self._outgoing.pending:
            assert self._transport is not None
            self._transport.write(self._outgoing.read())

    def _decide(self) -> None:
        if not self._decided.done():
            self._decided.set_result(None)
