"""Errors as this protocol tells them, and what providers tell of theirs, whichever dialect they speak."""

from collections.abc import Mapping
from typing import Final

from monoize.gateway.protocol.chat.wire import decoded, frame
from monoize.gateway.protocol.fields import told_integer, told_list, told_object, told_text
from monoize.gateway.protocol.urp import Failed, Json

MESSAGE_MOST: Final = 2_000
_KINDS: Final[Mapping[int, str]] = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_exceeded",
}
_KINDS_OF_CODES: Final = frozenset({"insufficient_quota", "rate_limit_exceeded"})


def kind_of(status: int, code: str) -> str:
    if code in _KINDS_OF_CODES:
        return code
    return _KINDS.get(status) or ("server_error" if status >= 500 else "invalid_request_error")


def error_body(
    status: int,
    code: str,
    message: str,
    *,
    param: str | None = None,
    request_id: str | None = None,
    hint: str | None = None,
) -> Json:
    error: Json = {"message": message, "type": kind_of(status, code), "param": param, "code": code}
    more = {"hint": hint, "request_id": request_id}
    return {"error": {**error, **{name: value for name, value in more.items() if value is not None}}}


def error_event(
    status: int,
    code: str,
    message: str,
    *,
    param: str | None = None,
    request_id: str | None = None,
    hint: str | None = None,
) -> bytes:
    """The last frame of a stream that fails: no `[DONE]` follows, which would say that it was complete."""
    return frame(error_body(status, code, message, param=param, request_id=request_id, hint=hint))


def read_error(status: int, body: bytes) -> Failed:
    """What an answer that is an error says. Some say it in HTML, or nothing at all."""
    found = decoded(body)
    if isinstance(found, list) and found:
        # Google's endpoint of this protocol.
        found = found[0]
    failed = failure_of(found, status=status) if isinstance(found, dict) else None
    return failed or Failed(message=_plain(status, body), status=status)


def embedded_failure(body: Json) -> Failed | None:
    """In a body or a chunk that says by its place that all is well."""
    is_bare = "choices" not in body and told_text(body.get("message")) is not None
    return failure_of(body) if body.get("error") or is_bare else None


def failure_of(said: Json, *, status: int | None = None) -> Failed | None:
    """From an object that is an error or contains one; None where nothing is wrong."""
    error = said.get("error")
    inner = told_object(error) or {}
    message = (
        told_text(error)
        or told_text(inner.get("message"))
        or told_text(said.get("message"))
        or told_text(said.get("detail"))
        or _first_message(said.get("detail"))
        or _first_message(said.get("errors"))
    )
    code, kind = _word(inner.get("code")) or _word(said.get("code")), _word(inner.get("type"))
    if not (error or message or code):
        return None
    return Failed(
        message=_with_origin(message or "The provider reports an error.", inner)[:MESSAGE_MOST],
        code=code,
        kind=kind or _word(inner.get("status")),
        status=status if status is not None else _status(inner.get("status"), inner.get("code")),
    )


def _with_origin(message: str, error: Json) -> str:
    """OpenRouter only says that a provider had an error; what that one said stands beside it."""
    raw = told_text((told_object(error.get("metadata")) or {}).get("raw"))
    return f"{message}: {raw}" if raw else message


def _status(*numbers: object) -> int | None:
    told = (told_integer(number) for number in numbers)
    return next((number for number in told if number is not None and 400 <= number <= 599), None)


def _word(value: object) -> str | None:
    """Some number their errors."""
    number = told_integer(value)
    return told_text(value) or (None if number is None else str(number))


def _first_message(found: object) -> str | None:
    first = next(iter(told_list(found) or ()), None)
    inner = told_object(first) or {}
    return told_text(first) or told_text(inner.get("message")) or told_text(inner.get("msg"))


def _plain(status: int, body: bytes) -> str:
    text = body[: 4 * MESSAGE_MOST].decode(errors="replace").strip()
    if not text or text.startswith(("<", "{", "[")):
        return f"The provider answers with HTTP {status} and does not say why."
    return text[:MESSAGE_MOST]
