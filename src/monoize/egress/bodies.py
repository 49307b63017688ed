"""Where the body of an HTTP/1 message ends, found while it goes by. Pure.

Nothing is kept: each call gives what it was shown of the body, without what framed it. Trailers are dropped.
"""

import re
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple, Protocol

CHUNK_LINE_MOST: Final = 4 * 1024
TRAILERS_MOST: Final = 16 * 1024

_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[\t -~\x80-\xff]*)?")
_TRAILER: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*")


class Length(NamedTuple):
    size: int


Framing = Length | Literal["chunked", "until close"]

CHUNKED: Final[Framing] = "chunked"
UNTIL_CLOSE: Final[Framing] = "until close"
NO_BODY: Final[Framing] = Length(0)


class Body(Protocol):
    """Is shown bytes as they come."""

    @property
    def is_over(self) -> bool: ...

    @property
    def rest(self) -> bytes:
        """Once it is over: what came after it."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The pieces of the body in there; ValueError if it cannot be read."""


def body_of(framing: Framing) -> Body:
    if isinstance(framing, Length):
        return _Counted(framing.size)
    return _Chunked() if framing == CHUNKED else _Endless()


class _Endless:
    is_over = False
    rest = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data


class _Counted:
    def __init__(self, size: int) -> None:
        self._left = size
        self.rest = b""

    @property
    def is_over(self) -> bool:
        return self._left == 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        piece, self.rest = data[: self._left], data[self._left :]
        self._left -= len(piece)
        if piece:
            yield piece


class _Chunked:
    def __init__(self) -> None:
        self.is_over = False
        self.rest = b""
        self._left = 0
        # The line that has begun: a chunk's size, what ends a chunk, or a trailer.
        self._expects: Literal["size", "data", "end", "trailer"] = "size"
        self._line = b""
        self._trailers = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data and not self.is_over:
            if self._expects == "data":
                piece, data = data[: self._left], data[self._left :]
                self._left -= len(piece)
                if not self._left:
                    self._expects = "end"
                yield piece
                continue
            line, data = self._next_line(data)
            if line is not None:
                self._take(line)
        self.rest = data

    def _next_line(self, data: bytes) -> tuple[bytes | None, bytes]:
        line, ended, rest = (self._line + data).partition(b"\n")
        if len(line) > CHUNK_LINE_MOST:
            raise ValueError("a line between chunks is too long")
        if not ended:
            self._line = line
            return None, b""
        self._line = b""
        if not line.endswith(b"\r"):
            raise ValueError("a line between chunks that does not end as it should")
        return line[:-1], rest

    def _take(self, line: bytes) -> None:
        match self._expects:
            case "size":
                found = _SIZE.fullmatch(line)
                if found is None:
                    raise ValueError("the size of a chunk is none")
                self._left = int(found[1], 16)
                self._expects = "data" if self._left else "trailer"
            case "end":
                if line:
                    raise ValueError("a chunk is longer than it says")
                self._expects = "size"
            case _:
                self._trailers += len(line)
                if line and (self._trailers > TRAILERS_MOST or not _TRAILER.fullmatch(line)):
                    raise ValueError("a trailer that is none")
                self.is_over = not line


def chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


LAST_CHUNK: Final = b"0\r\n\r\n"
