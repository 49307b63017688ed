"""An answer that came whole, for a caller who wants it as a stream."""

from collections.abc import AsyncIterator

from monoize.gateway.attempts import Piece
from monoize.gateway.dialects import Seen, StreamEncoder
from monoize.gateway.protocol import urp
from monoize.gateway.protocol.urp import Done, Failed, Response
from monoize.gateway.transforms.retelling import events_of


class WholeStream:
    def __init__(self, encoder: StreamEncoder, response: Response, seen: Seen, protocol: urp.Protocol) -> None:
        self._encoder = encoder
        self._response = response
        self.seen = seen
        self.protocol = protocol
        self.failure: Failed | None = None

    async def pieces(self) -> AsyncIterator[Piece]:
        for event in events_of(self._response):
            yield Piece(self._encoder.encode(event), isinstance(event, Done))

    async def close(self) -> None:
        """Nothing is open."""
