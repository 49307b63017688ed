"""An answer that streams, as a caller of this protocol reads it: `StreamEncoder`.

Blocks come strictly one after the other. What belongs to a later node waits until those before it are done, and a
block opens only when there is something in it, so that what cannot be shown leaves no trace.
"""

from collections.abc import Sequence
from typing import Final

from monoize.gateway.protocol.messages import wire
from monoize.gateway.protocol.messages.answer_out import beginning, call_id, extra_of
from monoize.gateway.protocol.messages.blocks import BlockWriter
from monoize.gateway.protocol.messages.finish import finish_out
from monoize.gateway.protocol.messages.problems import error_event
from monoize.gateway.protocol.messages.usage import write_usage
from monoize.gateway.protocol.naming import Naming
from monoize.gateway.protocol.urp import (
    Done,
    Failed,
    Json,
    Node,
    NodeDone,
    NodeStarted,
    ReasoningDelta,
    Response,
    Started,
    StreamEvent,
    TextDelta,
)

PING: Final = wire.frame({"type": "ping"})
"""For callers who wait long, between any two events."""

_STATUS_UNTOLD: Final = 500
_CODE_UNTOLD: Final = "upstream_error"
_ENDS: Final = ("container", "stop_details")
_OfNode = NodeStarted | TextDelta | ReasoningDelta | NodeDone


class StreamEncoder:
    def __init__(self, naming: Naming, model: str | None) -> None:
        self._naming = naming
        self._model = model
        self._has_started = False
        self._is_over = False
        self._current = 0
        self._writer: BlockWriter | None = None
        self._waiting: dict[int, list[_OfNode]] = {}
        self._blocks = 0
        self._has_calls = False

    def encode(self, event: StreamEvent) -> bytes:
        if self._is_over:
            return b""
        match event:
            case Started():
                return self._start(event)
            case Failed():
                self._is_over = True
                code = event.code or event.kind or _CODE_UNTOLD
                return error_event(event.status or _STATUS_UNTOLD, code, event.message)
            case Done():
                self._is_over = True
                return self._begin_anyway(event.response) + self._end(event.response)
            case _:
                return _frames(self._take(event))

    def _start(self, event: Started) -> bytes:
        if self._has_started:
            return b""
        self._has_started = True
        message = beginning(event.id, self._model or event.model, self._naming)
        return wire.frame({"type": "message_start", "message": {**message, "usage": write_usage(event.usage)}})

    def _begin_anyway(self, response: Response) -> bytes:
        return self._start(Started(id=response.id, model=response.model, usage=response.usage))

    def _take(self, event: _OfNode) -> list[Json]:
        """Nodes before this one are written first."""
        if event.index != self._current:
            if event.index > self._current:
                self._waiting.setdefault(event.index, []).append(event)
            return []
        frames = self._write(event)
        while not self._writer and (waiting := self._waiting.pop(self._current, None)):
            for each in waiting:
                frames += self._write(each)
        return frames

    def _write(self, event: _OfNode) -> list[Json]:
        match event:
            case NodeStarted():
                self._writer = BlockWriter(event.node, self._blocks, call_id(self._naming, event.index))
                return self._writer.begun()
            case NodeDone():
                return self._complete(event.node)
            case _:
                return self._writer.grown(event) if self._writer else []

    def _complete(self, node: Node) -> list[Json]:
        writer = self._writer or BlockWriter(node, self._blocks, call_id(self._naming, self._current))
        frames = writer.done(node)
        self._blocks += writer.is_open
        self._has_calls |= writer.is_call
        self._writer = None
        self._current += 1
        return frames

    def _end(self, response: Response) -> bytes:
        """What the answer has in the end, whether it was streamed or not."""
        frames: list[Json] = []
        while self._current < len(response.output):
            frames += self._take(NodeDone(index=self._current, node=response.output[self._current]))
        if self._writer:
            frames += self._writer.stopped()
        delta: Json = {
            **{name: value for name, value in extra_of(response).items() if name in _ENDS},
            "stop_reason": finish_out(response.finish, has_calls=self._has_calls),
            "stop_sequence": response.finish.stop_sequence,
        }
        usage = write_usage(response.usage)
        frames += [{"type": "message_delta", "delta": delta, "usage": usage}, {"type": "message_stop"}]
        return _frames(frames)


def _frames(bodies: Sequence[Json]) -> bytes:
    return b"".join(map(wire.frame, bodies))
