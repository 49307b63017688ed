"""What the proxy says itself. Pure."""

import json
from http import HTTPStatus
from typing import Any, Final

from monoize.base.errors import Refusal
from monoize.egress.errors import ProxyAuthenticationRequired
from monoize.egress.heads import Field, written

ESTABLISHED: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"
CHALLENGE: Final = b'Basic realm="monoize", charset="UTF-8"'
_COME_AGAIN_S: Final = {429: b"1", 503: b"2"}


def refused(refusal: Refusal, *, is_head: bool, keeps_open: bool) -> bytes:
    told: dict[str, Any] = {"code": refusal.code, "message": refusal.message}
    if refusal.cure:
        told["hint"] = refusal.cure
    fields: list[Field] = [(b"x-monoize-error", refusal.code.encode())]
    if isinstance(refusal, ProxyAuthenticationRequired):
        fields.append((b"proxy-authenticate", CHALLENGE))
    if refusal.status in _COME_AGAIN_S:
        fields.append((b"retry-after", _COME_AGAIN_S[refusal.status]))
    body = json.dumps({"error": told}).encode()
    return page(refusal.status, body, b"application/json", fields, is_head=is_head, keeps_open=keeps_open)


def page(
    status: int, body: bytes, media_type: bytes, fields: list[Field], *, is_head: bool, keeps_open: bool
) -> bytes:
    standing = [
        (b"content-type", media_type),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"keep-alive" if keeps_open else b"close"),
    ]
    first = b"HTTP/1.1 %d %b" % (status, HTTPStatus(status).phrase.encode())
    return written(first, [*fields, *standing]) + (b"" if is_head else body)
