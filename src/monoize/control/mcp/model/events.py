"""Server-sent events, cut out of a stream as they come in, and written anew without what would resume them.

A stream cannot be taken up again through us: what was missed might be somebody else's to see by then.
"""

import re
from typing import Final

EVENT_BYTES_MOST: Final = 16 * 2**20
_END: Final = re.compile(rb"\r\n\r\n|\n\n|\r\r|\n\r\n")
_END_MOST: Final = 4
KEEP_ALIVE: Final = b": \n\n"


class EventTooLarge(Exception):
    """One event is larger than any answer has a reason for."""


class EventReader:
    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of each event that ends in this chunk; b"" for one that says nothing."""
        begin = max(0, len(self._rest) - _END_MOST + 1)
        self._rest += chunk
        told, done = [], 0
        for found in _END.finditer(self._rest, begin):
            told.append(_data(bytes(self._rest[done : found.start()])))
            done = found.end()
        del self._rest[:done]
        if len(self._rest) > EVENT_BYTES_MOST:
            raise EventTooLarge
        return told

    def end(self) -> list[bytes]:
        """What came without an empty line after it."""
        rest, self._rest = bytes(self._rest), bytearray()
        return [_data(rest)] if rest.strip() else []


def event_of(message: bytes) -> bytes:
    return b"event: message\ndata: " + message + b"\n\n"


def _data(event: bytes) -> bytes:
    values = [line[5:].removeprefix(b" ") for line in re.split(rb"\r\n|\n|\r", event) if line.startswith(b"data:")]
    return b"\n".join(values)
