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
    return ended_head(begun_head(target, method, path, headers), method, (), body_length)


def begun_head(target: Target, method: str, path: str, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """What many heads have in common; `ended_head` puts the rest behind it."""
    lines = _lines(headers)
    if not any(_lower_name(name) == b"accept-encoding" for name, _ in headers):
        lines += b"accept-encoding: identity\r\n"
    return _opening(method, path, target.authority) + lines


def ended_head(begun: bytes, method: str, headers: Sequence[tuple[bytes, bytes]], body_length: int) -> bytes:
    length = b"content-length: %d\r\n" % body_length if body_length or method != "GET" else b""
    return b"%b%b%b\r\n" % (begun, _lines(headers), length)


def _lines(headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    parts: list[bytes] = []
    for name, value in headers:
        _lower_name(name)
        parts += name, b": ", value, b"\r\n"
    lines = b"".join(parts)
    # Names are checked, so what is too many came in a value.
    if lines.count(b"\n") != len(headers) or lines.count(b"\r") != len(headers) or b"\0" in lines:
        raise ValueError("the value of a header has no line breaks and no NUL")
    return lines


@functools.lru_cache(_REMEMBERED)
def _opening(method: str, path: str, authority: bytes) -> bytes:
    if method not in METHODS:
        raise ValueError("this method is not sent")
    if not _PATH.fullmatch(path):
        raise ValueError("a path begins with a slash and is printable ASCII without spaces and fragments")
    return b"%b %b HTTP/1.1\r\nhost: %b\r\n" % (method.encode(), path.encode(), authority)


@functools.lru_cache(_REMEMBERED)
def _lower_name(name: bytes) -> bytes:
    if not _NAME.fullmatch(name):
        raise ValueError("the name of a header is a token")
    lower = name.lower()
    if lower in OURS:
        raise ValueError(f"{lower.decode()} is set by the client")
    return lower
