"""How an engine says things as they happen: objects of JSON one after another, and lines of two streams in frames.

Pure but for reading; `infra.docker` uses it. What is malformed or too long is cut and shown, never raised: a log is
whatever a program wrote.
"""

import dataclasses
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from typing import Any, Final, Literal

Stream = Literal["stdout", "stderr"]

LINE_BYTES_MOST: Final = 64 * 1024
OBJECT_BYTES_MOST: Final = 4 * 1024 * 1024
_HEAD: Final = 8
_STREAMS: Final[Mapping[int, Stream]] = {0: "stdout", 1: "stdout", 2: "stderr"}


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    stream: Stream
    # As the engine writes it (RFC 3339 with nanoseconds); empty where it was not asked for.
    at: str
    text: str


class Lines:
    """Bytes of a log into lines. A frame is 8 bytes of head (stream, 0, 0, 0, length) and its payload."""

    def __init__(self, *, stamped: bool) -> None:
        self._stamped = stamped
        self._head = bytearray()
        self._left = 0
        self._stream: Stream = "stdout"
        self._open: dict[Stream, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        # Docker cuts long lines into frames and stamps each: within a line the later stamps are not text.
        self._frame_starts = False

    def feed(self, chunk: bytes) -> Iterator[Line]:
        view = memoryview(chunk)
        while view:
            if not self._left:
                needed = _HEAD - len(self._head)
                self._head += view[:needed]
                view = view[needed:]
                if len(self._head) < _HEAD:
                    return
                self._stream = _STREAMS.get(self._head[0], "stdout")
                self._left = int.from_bytes(self._head[4:])
                self._head.clear()
                self._frame_starts = True
                continue
            payload = bytes(view[: self._left])
            view = view[self._left :]
            self._left -= len(payload)
            yield from self._text(payload)

    def end(self) -> Iterator[Line]:
        """What was begun and not finished by a line's end."""
        for stream, begun in self._open.items():
            if begun:
                yield self._line(stream, bytes(begun))
                begun.clear()

    def _text(self, payload: bytes) -> Iterator[Line]:
        begun = self._open[self._stream]
        if self._frame_starts and begun and self._stamped:
            _, _, payload = payload.partition(b" ")
        self._frame_starts = False
        *whole, rest = payload.split(b"\n")
        for piece in whole:
            yield self._line(self._stream, bytes(begun) + piece)
            begun.clear()
        begun += rest
        while len(begun) > LINE_BYTES_MOST:
            yield self._line(self._stream, bytes(begun[:LINE_BYTES_MOST]))
            stamp = bytes(begun).partition(b" ")[0] + b" " if self._stamped else b""
            begun[:LINE_BYTES_MOST] = stamp

    def _line(self, stream: Stream, raw: bytes) -> Line:
        text = raw.removesuffix(b"\r").decode("utf-8", "replace")
        if not self._stamped:
            return Line(stream, "", text)
        at, _, text = text.partition(" ")
        return Line(stream, at, text)


async def objects(chunks: AsyncIterator[bytes]) -> AsyncGenerator[Mapping[str, Any], None]:
    """The objects of JSON in a stream that has one on each line."""
    begun = bytearray()
    async for chunk in chunks:
        begun += chunk
        *whole, rest = bytes(begun).split(b"\n")
        begun = bytearray(rest)
        for line in whole:
            if one := _object(line):
                yield one
        if len(begun) > OBJECT_BYTES_MOST:
            begun.clear()
    if one := _object(bytes(begun)):
        yield one


def _object(line: bytes) -> Mapping[str, Any] | None:
    try:
        one = json.loads(line)
    except ValueError:
        return None
    return one if isinstance(one, dict) else None
