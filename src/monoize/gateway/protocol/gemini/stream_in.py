"""An answer of the provider that streams, as server-sent events or as the elements of one long array.

There is no last event: an answer has ended when its bytes have, if it said before why it finished.
"""

import re
from typing import Any, Final

import msgspec

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.errors import BadAnswer
from monoize.gateway.protocol.gemini.answer_in import Answer
from monoize.gateway.protocol.urp import Json

ELEMENT_BYTES_MOST: Final = 64 * 2**20

_OUTSIDE: Final = re.compile(rb'["{}]')
_IN_TEXT: Final = re.compile(rb'["\\]')
_BETWEEN: Final = re.compile(rb"[\s,\[\]]*")
NOT_SENT: Final = (b"", b"[DONE]")
"""Data that says nothing; the latter comes from gateways that speak several protocols."""


class StreamDecoder:
    def __init__(self) -> None:
        self._answer = Answer()
        self._has_started = False
        self._has_ended = False

    @property
    def report(self) -> Json | None:
        return self._answer.report

    def feed(self, event: str | None, data: bytes) -> list[urp.StreamEvent]:
        """`event` is not used in this protocol."""
        if self._has_ended or data.strip() in NOT_SENT:
            return []
        try:
            chunk = msgspec.json.decode(data)
        except (ValueError, RecursionError):
            return self._fail("The provider sent invalid JSON.", "upstream_invalid")
        events: list[urp.StreamEvent] = []
        for each in chunk if isinstance(chunk, list) else [chunk]:
            if not self._has_ended:
                events += self._read(each)
        return events

    def end(self) -> list[urp.StreamEvent]:
        if self._has_ended:
            return []
        if self._answer.finish_reason is None:
            return self._fail("The provider's answer ended before it was complete.", "upstream_truncated")
        self._has_ended = True
        closed = self._answer.close()
        return [*self._started(), *closed, urp.Done(response=self._answer.response)]

    def _read(self, chunk: Any) -> list[urp.StreamEvent]:
        try:
            events = self._answer.read(chunk)
        except BadAnswer as problem:
            return self._fail(str(problem), "upstream_invalid")
        events = [*self._started(), *events]
        if self._answer.failed is not None:
            self._has_ended = True
            events.append(msgspec.structs.replace(self._answer.failed, usage=self._answer.usage))
        return events

    def _started(self) -> list[urp.StreamEvent]:
        if self._has_started:
            return []
        self._has_started = True
        return [urp.Started(id=self._answer.id, model=self._answer.model, usage=self._answer.usage)]

    def _fail(self, message: str, code: str) -> list[urp.StreamEvent]:
        self._has_ended = True
        return [*self._started(), urp.Failed(message=message, code=code, usage=self._answer.usage)]


class ArrayReader:
    """Cuts an array of objects into its objects as its bytes come; without parsing them, and without recursion.

    A single object is read as well: errors come like that. Raises BadAnswer for what is neither.
    """

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self._depth = 0
        self._is_text = False
        self._is_escaped = False

    def feed(self, chunk: bytes) -> list[bytes]:
        found: list[bytes] = []
        place = 0
        while place < len(chunk):
            if self._depth == 0:
                place = self._skip(chunk, place)
                if place == len(chunk):
                    break
            end = self._within(chunk, place)
            self._keep(chunk[place:end])
            if self._depth == 0:
                found.append(b"".join(self._pieces))
                self._pieces, self._size = [], 0
            place = end
        return found

    def _skip(self, chunk: bytes, place: int) -> int:
        between = _BETWEEN.match(chunk, place)
        place = between.end() if between else place
        if place < len(chunk) and chunk[place : place + 1] != b"{":
            raise BadAnswer("The provider's stream is not an array of objects.")
        return place

    def _within(self, chunk: bytes, place: int) -> int:
        """Goes on in an object; the place after its end, or after the end of the chunk."""
        if self._is_escaped:
            self._is_escaped = False
            place += 1
        while (mark := (_IN_TEXT if self._is_text else _OUTSIDE).search(chunk, place)) is not None:
            place = mark.end()
            match mark[0]:
                case b'"':
                    self._is_text = not self._is_text
                case b"\\":
                    place += 1
                    self._is_escaped = place > len(chunk)
                case b"{":
                    self._depth += 1
                case _:
                    self._depth -= 1
                    if self._depth == 0:
                        return place
        return len(chunk)

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > ELEMENT_BYTES_MOST:
            raise BadAnswer("The provider's stream has an element that is too large.")
        self._pieces.append(piece)
