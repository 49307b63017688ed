"""One end of a connection. Somebody reads it piece by piece, or all that comes goes on to its peer.

Memory is bounded both ways: reading stops while whoever takes the bytes is behind. To the loop it is a protocol.
"""

import asyncio
from typing import Final, Protocol, cast

from monoize.egress.errors import HeadTooLarge
from monoize.egress.heads import END
from monoize.egress.meter import Tally

BUFFERED_MOST: Final = 256 * 1024


class Joint(Protocol):
    """What two wires are joined in."""

    moved_at: float

    def on_end(self, wire: "Wire") -> None:
        """Nothing more comes from there."""

    def on_lost(self, wire: "Wire") -> None: ...


class Wire(asyncio.Protocol):
    __slots__ = (
        "_has_ended",
        "_is_full",
        "_is_lost",
        "_is_paused",
        "_joint",
        "_loop",
        "_peer",
        "_received",
        "_tally",
        "_transport",
        "_waiting",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._tally: Tally | None = None
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._waiting: asyncio.Future[None] | None = None
        self._has_ended = False
        self._is_lost = False
        self._is_full = False
        self._is_paused = False
        self._peer: Wire | None = None
        self._joint: Joint | None = None

    @property
    def peer_address(self) -> str | None:
        peer = self._wire.get_extra_info("peername")
        return str(peer[0]) if peer else None

    @property
    def has_received(self) -> bool:
        return bool(self._received)

    @property
    def is_over(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._is_lost or self._wire.is_closing()

    @property
    def is_quiet(self) -> bool:
        """Open, with nothing there that nobody asked for."""
        return not (self.is_over or self._has_ended or self._received)

    @property
    def is_broken(self) -> bool:
        """Whether it ended without saying so."""
        return self._is_lost and not self._has_ended

    # For whoever reads and writes.

    def count(self, tally: Tally) -> None:
        """Of all that goes over this wire, which is one to a target."""
        self._tally = tally
        tally.received += len(self._received)

    async def head(self, bytes_most: int) -> bytes | None:
        """All before the next empty line; None when it ends before that."""
        searched = 0
        while (at := self._received.find(END, searched)) < 0:
            if len(self._received) > bytes_most:
                raise HeadTooLarge
            searched = max(0, len(self._received) - len(END) + 1)
            if not await self.more():
                return None
        if at > bytes_most:
            raise HeadTooLarge
        head = bytes(self._received[:at])
        del self._received[: at + len(END)]
        return head

    async def more(self) -> bool:
        """Wait until something has come; False at the end."""
        if self._has_ended or self._is_lost:
            return False
        self._read_on()
        before = len(self._received)
        while len(self._received) == before and not self._has_ended and not self._is_lost:
            await self._wait()
        return len(self._received) > before

    async def read(self) -> bytes:
        """What has come; nothing at the end."""
        if not self._received:
            await self.more()
        taken = bytes(self._received)
        self._received.clear()
        if taken:
            self._read_on()
        return taken

    def unread(self, data: bytes) -> None:
        self._received[:0] = data

    async def write(self, data: bytes) -> None:
        """Returns when there is room again."""
        if self.is_over:
            raise ConnectionResetError
        self.send(data)
        while self._is_full:
            await self._wait()
            if self._is_lost:
                raise ConnectionResetError

    def send(self, data: bytes) -> None:
        if self._tally is not None:
            self._tally.sent += len(data)
        self._wire.write(data)

    def close(self) -> None:
        """Once what was written is on its way."""
        if self._transport is not None and not self._is_lost:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is None or self._is_lost:
            return
        if self._tally is not None:
            # It was counted when it was written, and will never leave.
            self._tally.sent -= self._transport.get_write_buffer_size()
        self._transport.abort()

    def end(self) -> None:
        """Say that nothing more will be written."""
        if not self.is_over and self._wire.can_write_eof():
            self._wire.write_eof()

    def join(self, peer: "Wire", joint: Joint) -> None:
        """From now on all that comes goes on to `peer`."""
        self._peer = peer
        self._joint = joint
        if self._received:
            if not peer.is_over:
                peer.send(bytes(self._received))
            self._received = bytearray()
        if self._is_lost:
            joint.on_lost(self)
        elif self._has_ended:
            joint.on_end(self)
        elif not peer._is_full:
            self._read_on()

    # What the loop says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=BUFFERED_MOST)

    def data_received(self, data: bytes) -> None:
        tally = self._tally
        if tally is not None:
            tally.received += len(data)
        peer = self._peer
        if peer is None:
            self._received += data
            if len(self._received) >= BUFFERED_MOST:
                self._pause()
            self._wake()
        elif not peer.is_over:
            assert self._joint is not None
            self._joint.moved_at = self._loop.time()
            peer.send(data)

    def eof_received(self) -> bool:
        self._has_ended = True
        self._wake()
        if self._joint is not None:
            self._joint.on_end(self)
        # The other direction may go on.
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
        self._wake()
        if self._joint is not None:
            self._joint.on_lost(self)

    def pause_writing(self) -> None:
        self._is_full = True
        if self._peer is not None:
            self._peer._pause()

    def resume_writing(self) -> None:
        self._is_full = False
        self._wake()
        if self._peer is not None and self._joint is not None:
            self._joint.moved_at = self._loop.time()
            self._peer._read_on()

    @property
    def _wire(self) -> asyncio.Transport:
        assert self._transport is not None
        return self._transport

    def _pause(self) -> None:
        if not self._is_paused and not self.is_over and not self._has_ended:
            self._is_paused = True
            self._wire.pause_reading()

    def _read_on(self) -> None:
        if self._is_paused and not self.is_over:
            self._is_paused = False
            self._wire.resume_reading()

    async def _wait(self) -> None:
        # One may wait to read while another waits to write: both look again at what they waited for.
        if self._waiting is None or self._waiting.done():
            self._waiting = self._loop.create_future()
        await asyncio.shield(self._waiting)

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
