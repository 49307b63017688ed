"""An answer while it comes: bytes of a stream in any protocol in, what people read of it out. Pure.

What an upstream answers may have any shape; whatever is no answer is a failure with a reason.
"""

from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from monoize.dashboard.conversing.turns import Answered, answered
from monoize.gateway.dialects import Dialect
from monoize.gateway.protocol.urp import (
    Done,
    Failed,
    Node,
    NodeStarted,
    ReasoningDelta,
    Refusal,
    StreamEvent,
    Text,
    TextDelta,
    ToolCall,
)
from monoize.gateway.sse import Frame, FrameReader, FrameTooLarge

RAW_BYTES_MOST: Final = 50_000
ERROR_BYTES_MOST: Final = 1_000_000
_OK: Final = 200

Kind = Literal["text", "thought", "call"]


class Piece(NamedTuple):
    """Some more of an answer; of a call the name of the tool."""

    kind: Kind
    text: str


class Reading:
    """Of one answer. `problem` says why it is none, or why it broke off."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._frames = FrameReader()
        self._decoder = dialect.stream_decoder()
        self._nodes: dict[int, Node] = {}
        self._done: Answered | None = None
        self._said: dict[Kind, list[str]] = {"text": [], "thought": [], "call": []}
        self._refusal = bytearray()
        self._status = _OK
        self._raw = bytearray()
        self.problem: str | None = None

    @property
    def raw(self) -> str:
        """All that came, or the beginning of it."""
        return self._raw.decode("utf-8", "replace")

    @property
    def turn(self) -> Answered:
        """What was answered, or what had come of it."""
        if self._done is not None:
            return self._done
        return Answered("".join(self._said["text"]), "".join(self._said["thought"]))

    @property
    def is_complete(self) -> bool:
        return self._done is not None

    def feed(self, status: int, chunk: bytes) -> Sequence[Piece]:
        self._raw += chunk[: max(0, RAW_BYTES_MOST - len(self._raw))]
        self._status = status
        if status != _OK:
            self._refusal += chunk[: max(0, ERROR_BYTES_MOST - len(self._refusal))]
            return ()
        try:
            return self._pieces(self._frames.feed(chunk))
        except FrameTooLarge:
            self.problem = "One part of the answer is larger than any has a reason to be."
            return ()

    def end(self) -> Sequence[Piece]:
        """The bytes have ended."""
        if self._status != _OK:
            self.problem = _reason(self._dialect, self._status, bytes(self._refusal))
            return ()
        pieces = [*self._pieces(self._frames.end()), *self._read(self._decoder.end())]
        if self._done is None and self.problem is None:
            self.problem = "The answer broke off."
        return pieces

    def _pieces(self, frames: Sequence[Frame]) -> list[Piece]:
        events = (self._decoder.feed(frame.event, frame.data) for frame in frames if frame.data is not None)
        return [piece for each in events for piece in self._read(each)]

    def _read(self, events: Sequence[StreamEvent]) -> Iterator[Piece]:
        for event in events:
            for piece in self._told(event):
                self._said[piece.kind].append(piece.text)
                yield piece

    def _told(self, event: StreamEvent) -> Iterator[Piece]:
        match event:
            case NodeStarted(index=index, node=node):
                self._nodes[index] = node
                if isinstance(node, ToolCall):
                    yield Piece("call", node.name)
            case TextDelta(index=index, text=text):
                if isinstance(self._nodes.get(index), Text | Refusal):
                    yield Piece("text", text)
            case ReasoningDelta(text=text):
                yield Piece("thought", text)
            case Done(response=response):
                self._done = answered(response.output)
            case Failed(message=message):
                self.problem = message
            case _:
                return


def _reason(dialect: Dialect, status: int, body: bytes) -> str:
    """In words, and what can be done about it where the gateway says so."""
    failed = dialect.read_error(status, body)
    try:
        hint = msgspec.json.decode(body)["error"]["hint"]
    except (msgspec.MsgspecError, LookupError, TypeError, UnicodeError):
        hint = None
    return f"{failed.message} {hint}" if isinstance(hint, str) else failed.message
