"""A provider's stream, made into events: `StreamDecoder`. It is fed one server-sent event at a time.

The stream is a message that begins empty, its blocks one after the other, and what is known at the end. That an
answer is complete is proved by the reason for its end; the last event may be missing.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from monoize.gateway.protocol import fields
from monoize.gateway.protocol.errors import BadAnswer
from monoize.gateway.protocol.messages import wire
from monoize.gateway.protocol.messages.answer_in import has_calls
from monoize.gateway.protocol.messages.extras import others
from monoize.gateway.protocol.messages.finish import finish_in
from monoize.gateway.protocol.messages.problems import error_in
from monoize.gateway.protocol.messages.slots import Slot, opened, opened_by
from monoize.gateway.protocol.messages.usage import merged, read_usage
from monoize.gateway.protocol.urp import Done, Failed, Json, Node, Response, Started, StreamEvent, Usage

TRUNCATED: Final = "upstream_truncated"
INVALID: Final = "upstream_invalid"
_DONE: Final = b"[DONE]"
_START: Final = frozenset({"id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"})
_END: Final = frozenset({"stop_reason", "stop_sequence"})


class StreamDecoder:
    """`report` is the usage object of the wire, as far as it is known."""

    def __init__(self) -> None:
        self.report: Json | None = None
        self._events: list[StreamEvent] = []
        self._id = ""
        self._model = ""
        self._extra: Json = {}
        self._has_started = False
        self._has_ended = False
        self._is_over = False
        self._stop_reason: str | None = None
        self._stop_sequence: str | None = None
        self._slots: dict[int | None, Slot] = {}
        self._output: dict[int, Node] = {}
        self._begun = 0

    def feed(self, event: str | None, data: bytes) -> list[StreamEvent]:
        data = data.strip()
        if not self._is_over and data:
            try:
                self._read(event, data)
            except (BadAnswer, *wire.NOT_JSON) as problem:
                self._fail(Failed(message=f"The provider sent an event that is wrong: {problem}", code=INVALID))
        return self._taken()

    def end(self) -> list[StreamEvent]:
        """The bytes have ended."""
        if self._has_ended:
            self._finish()
        else:
            self._fail(Failed(message="The provider's stream broke off.", code=TRUNCATED))
        return self._taken()

    def _read(self, event: str | None, data: bytes) -> None:
        if data == _DONE:
            self._finish()
            return
        frame = wire.decoded(data)
        if not isinstance(frame, dict):
            raise BadAnswer("it is no object")
        kind = fields.told_text(frame.get("type")) or event or ""
        if kind == "error" or frame.get("error"):
            self._fail(error_in(frame))
        elif handle := _HANDLERS.get(kind):
            handle(self, frame)

    def _message_start(self, frame: Json) -> None:
        message = fields.told_object(frame.get("message")) or {}
        self.report = merged(self.report, message.get("usage"))
        if not self._has_started:
            self._id = fields.told_text(message.get("id")) or ""
            self._model = fields.told_text(message.get("model")) or ""
            self._extra = others(message, _START)
        self._start()

    def _block_start(self, frame: Json) -> None:
        index = fields.told_integer(frame.get("index"))
        self._start()
        self._close(index)
        self._slots[index], events = opened(frame.get("content_block"), self._next_index)
        self._events += events

    def _block_delta(self, frame: Json) -> None:
        index, delta = fields.told_integer(frame.get("index")), fields.told_object(frame.get("delta")) or {}
        self._start()
        if index not in self._slots:
            self._slots[index], events = opened_by(delta, self._next_index)
            self._events += events
        self._events += self._slots[index].grown(delta)

    def _block_stop(self, frame: Json) -> None:
        self._close(fields.told_integer(frame.get("index")))

    def _message_delta(self, frame: Json) -> None:
        delta = fields.told_object(frame.get("delta")) or {}
        self.report = merged(self.report, frame.get("usage"))
        self._stop_reason = fields.told_text(delta.get("stop_reason")) or self._stop_reason
        self._stop_sequence = fields.told_text(delta.get("stop_sequence")) or self._stop_sequence
        self._extra.update(others(delta, _END))
        self._has_ended = self._stop_reason is not None
        self._start()

    def _message_stop(self, frame: Json) -> None:
        self._finish()

    def _taken(self) -> list[StreamEvent]:
        events, self._events = self._events, []
        return events

    def _next_index(self) -> int:
        self._begun += 1
        return self._begun - 1

    def _start(self) -> None:
        if not self._has_started:
            self._has_started = True
            self._events.append(Started(id=self._id, model=self._model, usage=self._usage()))

    def _close(self, index: int | None) -> None:
        slot = self._slots.pop(index, None)
        if slot is None:
            return
        events, done = slot.closed()
        self._events += events
        if done is not None:
            self._output[done.index] = done.node

    def _finish(self) -> None:
        if self._is_over:
            return
        self._start()
        for index in list(self._slots):
            self._close(index)
        self._is_over = True
        output = tuple(self._output[index] for index in range(self._begun))
        response = Response(
            id=self._id,
            model=self._model,
            output=output,
            finish=finish_in(self._stop_reason, self._stop_sequence, has_calls=has_calls(output)),
            usage=self._usage(),
            extra=self._extra,
        )
        self._events.append(Done(response=response))

    def _fail(self, failed: Failed) -> None:
        if self._is_over:
            return
        self._start()
        self._is_over = True
        self._events.append(msgspec.structs.replace(failed, usage=self._usage()))

    def _usage(self) -> Usage | None:
        return read_usage(self.report or {})


_HANDLERS: Final[Mapping[str, Callable[[StreamDecoder, Json], None]]] = {
    "message_start": StreamDecoder._message_start,
    "content_block_start": StreamDecoder._block_start,
    "content_block_delta": StreamDecoder._block_delta,
    "content_block_stop": StreamDecoder._block_stop,
    "message_delta": StreamDecoder._message_delta,
    "message_stop": StreamDecoder._message_stop,
}
