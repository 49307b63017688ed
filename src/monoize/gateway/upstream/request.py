"""The head of a request as bytes. Pure.

Fails closed: whatever could end a line early, or frame the body differently than we do, is a ValueError. It is
refused and not repaired, because it is either an attack or a mistake of the caller.
"""

import functools
import re
from collections.abc import Sequence
from typing import Final

from monoize.gateway.upstream.target import Target

# Without HEAD and CONNECT, whose answers are framed differently.
METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OURS: Final = frozenset(
    (
        b"host content-length transfer-encoding te trailer expect connection keep-alive proxy-connection upgrade"
    ).split()
)
"""Headers that say how this connection is used. They are the client's, or nobody's."""

_PATH: Final = re.compile(r"/[!\"$-~]*")
_NAME: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}")
_REMEMBERED: Final = 512


def head_of(
    target: Target, method: str, path: str, headers: Sequence[tuple[bytes, bytes]], body_length: int
) -> bytes:
    lines = [_opening(method, path, target.authority)]
    are_encodings_given = False
    for name, value in headers:
        if _lower_name(name) == b"accept-encoding":
            are_encodings_given = True
        lines.append(name + b": " + value)
    if not are_encodings_given:
        lines.append(b"accept-encoding: identity")
    if body_length or method != "GET":
        lines.append(b"content-length: %d" % body_length)
    lines.append(b"\r\n")
    head = b"\r\n".join(lines)
    # Names are checked, so what is too many came in a value. The opening is two lines.
    ends = len(lines) + 1
    if head.count(b"\n") != ends or head.count(b"\r") != ends or b"\0" in head:
        raise ValueError("the value of a header has no line breaks and no NUL")
    return head


@functools.lru_cache(_REMEMBERED)
def _opening(method: str, path: str, authority: bytes) -> bytes:
    if method not in METHODS:
        raise ValueError("this method is not sent")
    if not _PATH.fullmatch(path):
        raise ValueError("a path begins with a slash and is printable ASCII without spaces and fragments")
    return b"%b %b HTTP/1.1\r\nhost: %b" % (method.encode(), path.encode(), authority)


@functools.lru_cache(_REMEMBERED)
def _lower_name(name: bytes) -> bytes:
    if not _NAME.fullmatch(name):
        raise ValueError("the name of a header is a token")
    lower = name.lower()
    if lower in OURS:
        raise ValueError(f"{lower.decode()} is set by the client")
    return lower
