"""A stream of server-sent events, cut into frames as they come in; the bytes of each frame stay as they were."""

import re
from typing import Final, NamedTuple

FRAME_MOST: Final = 16 * 2**20

# A line and an empty one after it, whichever ends they have.
_END: Final = re.compile(rb"\n\r?\n|\r\r")
_END_MOST: Final = 3
_DATA: Final = b"data: "
_EMPTY_LINE: Final = b"\n\n"
_DATA_CHARS: Final = len(_DATA)
_EMPTY_LINE_CHARS: Final = len(_EMPTY_LINE)


class FrameTooLarge(Exception):
    """One event is larger than any answer has a reason for."""


class Frame(NamedTuple):
    """`raw` is all of it with the empty line at its end. `data` is None for a comment, which says nothing."""

    raw: bytes
    event: str | None
    data: bytes | None


class FrameReader:
    def __init__(self) -> None:
        self._rest = bytearray()

    def whole(self, chunk: bytes) -> tuple[str | None, bytes | None] | None:
        """Event and data of the one frame that the chunk is, if nothing came before it that has not ended."""
        if self._rest:
            return None
        if _is_one_line(chunk):
            return None, chunk[_DATA_CHARS:-_EMPTY_LINE_CHARS]
        if chunk.find(_EMPTY_LINE) != len(chunk) - _EMPTY_LINE_CHARS or b"\r" in chunk:
            return None
        _, event, data = _frame(chunk)
        return event, data

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that end in this chunk."""
        if not self._rest and _is_one_line(chunk):
            return [Frame(chunk, None, chunk[_DATA_CHARS:-_EMPTY_LINE_CHARS])]
        # What came before has no end in it, and is not looked through again.
        begin = max(0, len(self._rest) - _END_MOST + 1)
        self._rest += chunk
        frames = []
        done = 0
        for end in [found.end() for found in _END.finditer(self._rest, begin)]:
            frames.append(_frame(bytes(self._rest[done:end])))
            done = end
        del self._rest[:done]
        if len(self._rest) > FRAME_MOST:
            raise FrameTooLarge
        return frames

    def end(self) -> list[Frame]:
        """What came without an empty line after it; some servers leave the last one out."""
        rest, self._rest = bytes(self._rest), bytearray()
        return [_frame(rest)] if rest.strip() else []


def _is_one_line(raw: bytes) -> bool:
    """Whether it is one whole frame as nearly all are: its data, and nothing else."""
    is_ended = raw.endswith(_EMPTY_LINE) and raw.find(b"\n") == len(raw) - _EMPTY_LINE_CHARS
    return is_ended and raw.startswith(_DATA) and b"\r" not in raw


def _frame(raw: bytes) -> Frame:
    if _is_one_line(raw):
        return Frame(raw, None, raw[_DATA_CHARS:-_EMPTY_LINE_CHARS])
    event: str | None = None
    data: list[bytes] = []
    for line in raw.splitlines():
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value[1:] if value.startswith(b" ") else value)
        elif name == b"event":
            event = value.strip().decode("utf-8", "replace")
    return Frame(raw, event, b"\n".join(data) if data else None)
