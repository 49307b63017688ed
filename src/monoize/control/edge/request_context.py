"""The outermost layer of every request: its id, its caller's address, its bounds, its one log line.

Pure ASGI. HEAD is GET without the body, everywhere. An exception that nobody mapped ends here as a 500 and one
logged traceback.
"""

import asyncio
import re
import time
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monoize.base.errors import BadRequest, TooLarge
from monoize.base.ids import new_id
from monoize.control.edge.problem import InternalError, refused_at
from monoize.control.edge.request_figures import RequestFigures
from monoize.infra.client_address import client_address, is_trusted, parse_networks
from monoize.infra.settings import Settings

log = structlog.get_logger("monoize.request")

BODY_TIMEOUT_S: Final = 30
_NAME_CHARS_MOST: Final = 64
_SHOWN_CHARS: Final = 12
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_SECURITY_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
}
_HSTS: Final = "max-age=31536000"


class BodyTooLarge(TooLarge):
    """The request body is larger than this endpoint takes."""

    code = "body_too_large"
    hint = "Send less; an operator can raise max_body_bytes."


class BodyTooSlow(BadRequest):
    """The request body did not arrive in time."""

    code = "body_timeout"


class UnprintableAddress(BadRequest):
    """The address of the request holds a NUL character."""

    code = "malformed_address"


class RequestContext:
    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._most_bytes = settings.max_body_bytes
        self._trusted = parse_networks(settings.trusted_proxies)
        self._public_https = settings.public_url.startswith("https:")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = scope["method"]
        if asked == "HEAD":
            scope = {**scope, "method": "GET"}
        headers = Headers(scope=scope)
        peer = scope["client"][0] if scope.get("client") else None
        if is_trusted(peer, self._trusted) and headers.get("x-forwarded-proto") in ("http", "https"):
            scope["scheme"] = headers["x-forwarded-proto"]
        offered = headers.get("x-request-id", "")
        request_id = offered if _REQUEST_ID.fullmatch(offered) else new_id()
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        state["ip"] = client_address(peer, scope["headers"], self._trusted)
        state["only_looks"] = asked == "HEAD"
        state["https"] = self._public_https or scope["scheme"] == "https"

        started = time.perf_counter()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                answer = MutableHeaders(scope=message)
                answer["x-request-id"] = request_id
                for name, value in _SECURITY_HEADERS.items():
                    answer.setdefault(name, value)
                answer.setdefault("cache-control", "no-store")
                if state["https"]:
                    answer.setdefault("strict-transport-security", _HSTS)
            elif asked == "HEAD":
                message = {**message, "body": b""}
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                body = await self._body(scope, headers, receive)
                if body is not None:
                    await self._app(scope, _replay(body, receive), send_with_headers)
            except (TooLarge, BadRequest) as refusal:
                await refused_at(scope, refusal, request_id)(scope, receive, send_with_headers)
            except Exception:  # The last rung: whatever was not mapped must still be answered and logged.
                log.exception("request_failed", method=asked, path=_shown(scope["path"]))
                if status == 0:
                    await refused_at(scope, InternalError(), request_id)(scope, receive, send_with_headers)
            finally:
                took_s = time.perf_counter() - started
                figures: RequestFigures | None = getattr(scope["app"].state, "request_figures", None)
                if figures is not None:
                    figures.ended(asked, status, took_s)
                log.info(
                    "request",
                    method=asked,
                    path=_shown(scope["path"]),
                    status=status,
                    ms=round(took_s * 1000, 1),
                    ip=state["ip"],
                    **_who(state),
                )

    async def _body(self, scope: Scope, headers: Headers, receive: Receive) -> bytes | None:
        """The whole body, bounded, or None when the caller left before its end: half a request is none."""
        if b"%00" in scope.get("query_string", b"") or "\x00" in scope["path"]:
            raise UnprintableAddress
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > self._most_bytes:
            raise BodyTooLarge
        chunks, size = [], 0
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    chunk = message.get("body", b"")
                    size += len(chunk)
                    if size > self._most_bytes:
                        raise BodyTooLarge
                    chunks.append(chunk)
                    if not message.get("more_body"):
                        return b"".join(chunks)
        except TimeoutError:
            raise BodyTooSlow from None


def _shown(path: str) -> str:
    """The path without what may be a secret somebody put there: no name of ours is that long."""
    return "/".join(
        part if len(part) <= _NAME_CHARS_MOST else part[:_SHOWN_CHARS] + "…" for part in path.split("/")
    )


def _replay(body: bytes, receive: Receive) -> Receive:
    replayed = False

    async def once_then_live() -> Message:
        nonlocal replayed
        if replayed:
            return await receive()
        replayed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once_then_live


def _who(state: dict[str, object]) -> dict[str, object]:
    call = state.get("call")
    principal = getattr(call, "principal", None)
    if principal is None:
        return {}
    return {"actor": principal.label} | ({"via": principal.via} if principal.via else {})
