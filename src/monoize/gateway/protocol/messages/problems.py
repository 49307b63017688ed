"""Errors in the words of this protocol: those we tell callers, and those providers tell us."""

from collections.abc import Mapping
from typing import Any, Final

from monoize.gateway.protocol import fields
from monoize.gateway.protocol.messages import wire
from monoize.gateway.protocol.urp import Failed, Json

MESSAGE_MOST: Final = 4_000

_KINDS: Final[Mapping[int, str]] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_STATUSES: Final[Mapping[str, int]] = {kind: status for status, kind in _KINDS.items() if status != 408}
_CALLERS_FAULT: Final = range(400, 500)
_MESSAGES: Final = ("message", "detail", "msg", "error_description")


def kind_of(status: int, code: str) -> str:
    """A code that is one of the kinds is taken at its word."""
    if code in _STATUSES:
        return code
    return _KINDS.get(status) or ("invalid_request_error" if status in _CALLERS_FAULT else "api_error")


def error_body(
    status: int,
    code: str,
    message: str,
    *,
    param: str | None = None,
    request_id: str | None = None,
    hint: str | None = None,
) -> Json:
    """What strict readers know is there; what helps besides stands beside it."""
    error: Json = {"type": kind_of(status, code), "message": message, "code": code, "param": param, "hint": hint}
    told = {name: value for name, value in error.items() if value is not None}
    return {"type": "error", "error": told, "request_id": request_id}


def error_event(
    status: int,
    code: str,
    message: str,
    *,
    param: str | None = None,
    request_id: str | None = None,
    hint: str | None = None,
) -> bytes:
    """An error of a stream that has begun. Nothing follows it."""
    return wire.frame(error_body(status, code, message, param=param, request_id=request_id, hint=hint))


def read_error(status: int, body: bytes) -> Failed:
    """Whatever a provider answers with when it does not answer."""
    try:
        found = wire.decoded(body)
    except wire.NOT_JSON:
        return Failed(message=_plain(body) or _untold(status), status=status)
    return error_in(found, status)


def _plain(body: bytes) -> str:
    """A page of some proxy on the way tells callers nothing, nor does JSON that was cut off."""
    text = body[: 4 * MESSAGE_MOST].decode(errors="replace").strip()
    return "" if text.startswith(("<", "{", "[")) else text[:MESSAGE_MOST]


def error_in(found: Any, status: int | None = None) -> Failed:
    """An error as this protocol writes it, or as others do. Without a status, its kind tells one."""
    if isinstance(found, list) and found:
        found = found[0]
    outer = fields.told_object(found) or {}
    inner: Any = outer.get("error")
    error = inner if isinstance(inner, dict) else outer
    kind = fields.told_text(error.get("type"))
    kind = None if kind == "error" else kind
    message = inner if isinstance(inner, str) else _first_text(error) or _first_text(outer)
    if status is None:
        status = _STATUSES.get(kind or "")
    return Failed(
        message=(message or _untold(status))[:MESSAGE_MOST], code=_code(error) or kind, kind=kind, status=status
    )


def _code(error: Json) -> str | None:
    details = fields.told_object(error.get("details")) or {}
    named = (details.get("error_code"), error.get("code"), error.get("status"))
    return next((each for each in named if isinstance(each, str) and each), None)


def _first_text(error: Json) -> str | None:
    named = (error.get(name) for name in _MESSAGES)
    return next((each for each in named if isinstance(each, str) and each.strip()), None)


def _untold(status: int | None) -> str:
    return f"The provider answered with HTTP {status}." if status else "The provider reported an error."
