"""Errors as this protocol tells them, and as its provider told us.

Some that the service answers with 400 are no fault of the caller but of the account that we use, and are read as
what they are: a key that is not valid is 401, an account that is not set up is 403.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from monoize.gateway.protocol import fields, urp
from monoize.gateway.protocol.urp import Json

MESSAGE_MOST: Final = 4_000

_KINDS: Final[Mapping[int, str]] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    # Not the word for too many requests, on which clients try again.
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}
_OUR_FAULTS: Final[Mapping[str, int]] = {"API_KEY_INVALID": 401, "FAILED_PRECONDITION": 403}
_RPC: Final = "type.googleapis.com/google.rpc."
_TAGS: Final = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_TITLE: Final = re.compile(r"<title[^>]*>(.*?)</title>", re.DOTALL | re.IGNORECASE)
_HTML_MOST: Final = 20_000


def kind_of(status: int, code: str) -> str:
    """The status as a word. `code` makes no difference here; it does in other protocols."""
    if status in _KINDS:
        return _KINDS[status]
    return "INTERNAL" if status >= 500 else "INVALID_ARGUMENT"


def error_body(
    status: int,
    code: str,
    message: str,
    *,
    param: str | None = None,
    request_id: str | None = None,
    hint: str | None = None,
) -> Json:
    details: list[Json] = [{"@type": f"{_RPC}ErrorInfo", "reason": code.upper(), "domain": "monoize"}]
    if request_id is not None:
        details.append({"@type": f"{_RPC}RequestInfo", "requestId": request_id})
    if param is not None:
        violation = {"field": param, "description": message}
        details.append({"@type": f"{_RPC}BadRequest", "fieldViolations": [violation]})
    if hint is not None:
        details.append({"@type": f"{_RPC}Help", "links": [{"description": hint}]})
    error = {"code": status, "message": message, "status": kind_of(status, code), "details": details}
    return {"error": error}


def error_event(
    status: int,
    code: str,
    message: str,
    *,
    param: str | None = None,
    request_id: str | None = None,
    hint: str | None = None,
    array: bool = False,
) -> bytes:
    """An error in a stream that has begun; the last element of one that is an array."""
    text = msgspec.json.encode(error_body(status, code, message, param=param, request_id=request_id, hint=hint))
    return b",\n" + text + b"]" if array else b"data: " + text + b"\n\n"


def read_error(status: int, body: bytes) -> urp.Failed:
    """What a reply that is no success says; other dialects, pages for people and nothing at all are understood."""
    try:
        value = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return urp.Failed(message=_from_text(status, body), kind=kind_of(status, ""), status=status)
    while isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, dict):
        error = value.get("error", value)
        return failed(error if isinstance(error, dict) else {"message": error}, status)
    return failed({"message": value}, status)


def failed(error: Json, status: int | None = None) -> urp.Failed:
    """From an `error` object, of this protocol or another."""
    told = fields.told_integer(error.get("code"))
    status = status or (told if told is not None and 400 <= told <= 599 else 500)
    kind = fields.told_text(error.get("status")) or fields.told_text(error.get("type")) or kind_of(status, "")
    code = _reason(error.get("details")) or fields.told_text(error.get("code"))
    message = next(filter(None, (fields.told_text(error.get(name)) for name in ("message", "detail"))), None)
    if status == 400:
        status = _OUR_FAULTS.get(code or "", _OUR_FAULTS.get(kind, status))
    return urp.Failed(message=_short(message) or _untold(status), code=code or kind, kind=kind, status=status)


def blocked(reason: str, message: object) -> urp.Failed:
    """A prompt that was not answered."""
    told = fields.told_text(message)
    return urp.Failed(
        message=_short(told) or f"The provider refused the prompt: {reason}.",
        code="content_filter",
        kind=_KINDS[400],
        status=400,
    )


def _reason(details: Any) -> str | None:
    for detail in fields.told_list(details) or []:
        if isinstance(detail, dict) and isinstance(detail.get("reason"), str):
            return str(detail["reason"])
    return None


def _from_text(status: int, body: bytes) -> str:
    text = body[:_HTML_MOST].decode(errors="replace")
    title = _TITLE.search(text)
    return _short(title[1] if title else _TAGS.sub(" ", text)) or _untold(status)


def _short(text: str | None) -> str:
    return " ".join((text or "").split())[:MESSAGE_MOST]


def _untold(status: int) -> str:
    return f"The provider answered with status {status} and no message."
