"""Heads of HTTP/1 messages, read strictly: what two readers could read differently is refused.

Pure. The proxy stands between two parties that do not trust each other, so it never passes on a line that it did
not understand: a bare CR, a NUL, a folded line, a space before a colon, two lengths that differ are ValueError.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from monoize.egress.bodies import CHUNKED, NO_BODY, UNTIL_CLOSE, Framing, Length

Field = tuple[bytes, bytes]

HEAD_BYTES_MOST: Final = 32 * 1024
FIELDS_MOST: Final = 100
END: Final = b"\r\n\r\n"

_REQUEST: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([!-~]+) HTTP/1\.([01])")
_STATUS: Final = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: ([\t -~\x80-\xff]*))?")
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*)")
_DIGITS: Final = re.compile(rb"[0-9]{1,18}")
# What belongs to one connection and never goes on to the next.
_HOP_BY_HOP: Final = frozenset(
    (
        b"connection",
        b"proxy-connection",
        b"keep-alive",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"proxy-authenticate",
        b"proxy-authorization",
    )
)
# Nobody makes these go away by naming them in `Connection`: the other side relies on them.
_END_TO_END: Final = frozenset((b"host", b"content-length", b"authorization", b"via", b"cache-control", b"date"))


class Request(NamedTuple):
    method: bytes
    target: bytes
    version: int
    """The minor one."""
    fields: Sequence[Field]

    @property
    def keeps_open(self) -> bool:
        return _keeps_open(self.version, self.fields)


class Answer(NamedTuple):
    status: int
    reason: bytes
    version: int
    fields: Sequence[Field]

    @property
    def keeps_open(self) -> bool:
        return _keeps_open(self.version, self.fields)


def read_request(head: bytes) -> Request:
    """`head` ends before its empty line."""
    first, fields = _lines(head)
    found = _REQUEST.fullmatch(first)
    if found is None:
        raise ValueError("the request line is none")
    return Request(found[1], found[2], int(found[3]), fields)


def read_answer(head: bytes) -> Answer:
    first, fields = _lines(head)
    found = _STATUS.fullmatch(first)
    if found is None:
        raise ValueError("the status line is none")
    return Answer(int(found[2]), found[3] or b"", int(found[1]), fields)


def _lines(head: bytes) -> tuple[bytes, list[Field]]:
    first, *lines = head.split(b"\r\n")
    if len(lines) > FIELDS_MOST:
        raise ValueError(f"more than {FIELDS_MOST} fields")
    fields = []
    for line in lines:
        found = _FIELD.fullmatch(line)
        if found is None:
            raise ValueError("a field that is none")
        fields.append((found[1].lower(), found[2].rstrip(b" \t")))
    return first, fields


def request_framing(request: Request) -> Framing:
    framing = _framing(request.version, request.fields)
    return NO_BODY if framing is None else framing


def answer_framing(answer: Answer, method: bytes) -> Framing:
    framing = _framing(answer.version, answer.fields)
    if method == b"HEAD" or answer.status < 200 or answer.status in (204, 304):
        return NO_BODY
    return UNTIL_CLOSE if framing is None else framing


def _framing(version: int, fields: Iterable[Field]) -> Framing | None:
    lengths = {value for name, value in fields if name == b"content-length"}
    codings = [value.lower() for name, value in fields if name == b"transfer-encoding"]
    if codings:
        if lengths or codings != [b"chunked"] or version == 0:
            raise ValueError("a length that can be read in two ways")
        return CHUNKED
    if not lengths:
        return None
    if len(lengths) > 1 or not _DIGITS.fullmatch(min(lengths)):
        raise ValueError("a length that is none")
    return Length(int(lengths.pop()))


def end_to_end(fields: Sequence[Field]) -> list[Field]:
    """Without what was meant for us alone. How long the body is, is said anew."""
    gone = _HOP_BY_HOP | (tokens(fields, b"connection") - _END_TO_END) | {b"content-length"}
    return [field for field in fields if field[0] not in gone]


def tokens(fields: Iterable[Field], name: bytes) -> frozenset[bytes]:
    return frozenset(
        token.strip().lower() for field, value in fields if field == name for token in value.split(b",")
    )


def first(fields: Iterable[Field], name: bytes) -> bytes | None:
    return next((value for field, value in fields if field == name), None)


def written(first_line: bytes, fields: Iterable[Field]) -> bytes:
    return b"\r\n".join([first_line, *(b"%b: %b" % field for field in fields), b"", b""])


def _keeps_open(version: int, fields: Sequence[Field]) -> bool:
    said = tokens(fields, b"connection") | tokens(fields, b"proxy-connection")
    return b"close" not in said and (version == 1 or b"keep-alive" in said)
