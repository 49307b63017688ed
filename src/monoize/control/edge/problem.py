"""Refusals as HTTP: one shape of answer (RFC 9457, problem+json).

`code` is stable and for programs, `detail` and `hint` are for people, `request_id` finds the log line.
What the caller sent is never repeated: it may hold a secret.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Match
from starlette.types import Scope

from monoize.base import errors

MEDIA_TYPE: Final = "application/problem+json"
_ERRORS_LISTED_MOST: Final = 20
_NAME_CHARS_MOST: Final = 64

DOCUMENTED: Final[dict[int | str, dict[str, Any]]] = {
    "default": {
        "description": "Refused. `code` is stable and says why.",
        "content": {
            MEDIA_TYPE: {
                "schema": {
                    "title": "Problem",
                    "type": "object",
                    "properties": {
                        "type": {"type": "string"},
                        "title": {"type": "string"},
                        "status": {"type": "integer"},
                        "code": {"type": "string"},
                        "detail": {"type": "string"},
                        "hint": {"type": "string"},
                        "request_id": {"type": "string"},
                    },
                    "required": ["type", "title", "status", "code", "detail", "request_id"],
                }
            }
        },
    }
}
"""Every answer that is not a success, as the OpenAPI document describes it."""


class MalformedBody(errors.BadRequest):
    """The request body is not valid JSON in UTF-8."""

    code = "malformed_body"
    hint = "Send one JSON document, encoded as UTF-8, with content-type application/json."


class InvalidRequest(errors.Invalid):
    """Some values of the request are not acceptable."""

    code = "invalid_request"
    hint = "Each entry of `errors` points at one value; the API's shape is at /api/openapi.json."


class NoSuchEndpoint(errors.NotFound):
    """There is no such endpoint."""

    code = "no_such_endpoint"
    hint = "The API is described at /api/openapi.json."


class MethodNotAllowed(errors.BadRequest):
    """This endpoint does not know that method."""

    code = "method_not_allowed"
    status = 405
    hint = "The `allow` header lists the methods that it knows."


class InternalError(errors.Unavailable):
    """Something went wrong on our side."""

    code = "internal_error"
    status = 500
    hint = "Tell your operator the request id; the server's log has the reason."


def problem(
    refusal: errors.Refusal,
    request_id: str,
    *,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    status = status or refusal.status
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": refusal.code,
        "detail": refusal.message,
        "request_id": request_id,
        **refusal.details,
    }
    if refusal.cure:
        body["hint"] = refusal.cure
    extra = dict(headers or {})
    if isinstance(refusal, errors.TooMany):
        extra["retry-after"] = str(refusal.retry_after_s)
    if isinstance(refusal, errors.Unauthenticated):
        extra["www-authenticate"] = 'Bearer realm="monoize"'
    return JSONResponse(body, status, extra, media_type=MEDIA_TYPE)


def refused_at(scope: Scope, refusal: errors.Refusal, request_id: str) -> Response:
    """As the address that is asked words its refusals, where it has words of its own."""
    routes = (each for each in iter_route_contexts(scope["app"].routes) if each.matches(scope)[0] is Match.FULL)
    asked = next(routes, None)
    own = getattr(asked and asked.original_route, "refused", None)
    return own(refusal) if own else problem(refusal, request_id)


def install(app: FastAPI) -> None:
    app.add_exception_handler(errors.Refusal, _on_refusal)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)


async def _on_refusal(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, errors.Refusal)
    return problem(exc, request.state.request_id)


async def _on_invalid(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, RequestValidationError)
    found = exc.errors()
    if any(error["type"] == "json_invalid" for error in found):
        return problem(MalformedBody(), request.state.request_id)
    if any(error["loc"][0] == "path" and error["type"] == "int_parsing" for error in found):
        # Ids of that endpoint are numbers: an address without one names nothing.
        return problem(errors.NotFound(), request.state.request_id)
    listed = [{"pointer": pointer(error["loc"]), "message": error["msg"]} for error in found[:_ERRORS_LISTED_MOST]]
    return problem(InvalidRequest(errors=listed), request.state.request_id)


def _known_methods(request: Request) -> list[str]:
    """Of every route at this address; each route by itself knows only its own."""
    routes = iter_route_contexts(request.app.routes)
    known = [route.methods or () for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    methods = set().union(*known)
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)


def pointer(place: Sequence[str | int]) -> str:
    """RFC 6901, shortened: the name of an unknown field is the caller's and as long as they like."""
    parts = (str(part)[:_NAME_CHARS_MOST].replace("~", "~0").replace("/", "~1") for part in place)
    return "".join(f"/{part}" for part in parts)


async def _on_http(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    request_id, headers = request.state.request_id, exc.headers
    match exc.status_code:
        case 404:
            return problem(NoSuchEndpoint(), request_id, headers=headers)
        case 405:
            allow = {"allow": ", ".join(_known_methods(request))}
            return problem(MethodNotAllowed(), request_id, headers=allow)
        case 400:
            return problem(MalformedBody(), request_id, headers=headers)
        case status:
            return problem(errors.BadRequest(HTTPStatus(status).phrase), request_id, status=status, headers=headers)
