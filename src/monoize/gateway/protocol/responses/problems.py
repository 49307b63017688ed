"""Errors as this protocol tells them. Outside of streams that is as in OpenAI's other one."""

from monoize.gateway.protocol.chat.problems import error_body, failure_of, kind_of, read_error
from monoize.gateway.protocol.responses.wire import frame
from monoize.gateway.protocol.urp import Json

__all__ = ["error_body", "error_event", "error_members", "failure_of", "kind_of", "read_error"]


def error_event(
    status: int,
    code: str,
    message: str,
    *,
    param: str | None = None,
    request_id: str | None = None,
    hint: str | None = None,
    sequence_number: int = 0,
) -> bytes:
    """The last frame of a stream that fails. Its number is the one after those that were sent."""
    members = error_members(status, code, message, param=param, request_id=request_id, hint=hint)
    return frame("error", sequence_number, members)


def error_members(
    status: int,
    code: str,
    message: str,
    *,
    param: str | None = None,
    request_id: str | None = None,
    hint: str | None = None,
) -> Json:
    """Documented as flat and sent by OpenAI as nested: clients look for the one or the other, so it is both."""
    nested = error_body(status, code, message, param=param, request_id=request_id, hint=hint)
    return {"code": code, "message": message, "param": param, **nested}
