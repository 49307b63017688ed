"""Who may open a connection, and how many there are. Who may not hears it in HTTP, before anything is open."""

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import urlsplit

import msgspec
import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from monoize.base.errors import Refusal, TooMany
from monoize.base.ids import new_id
from monoize.gateway import errors
from monoize.gateway.exchange import JSON_TYPE, CallerLeft, Exchange
from monoize.gateway.keys import Keys
from monoize.gateway.websocket import events
from monoize.gateway.websocket.bounds import USUAL, Bounds
from monoize.gateway.websocket.line import Line
from monoize.gateway.websocket.memory import Memory
from monoize.gateway.websocket.socket import Socket
from monoize.gateway.websocket.turn import request_scope
from monoize.infra.client_address import Network, client_address

log = structlog.get_logger(__name__)

BROKEN: Final = 1011
RETRY_AFTER_S: Final = 10
_PATHS: Final = frozenset(("/v1/responses", "/api/v1/responses"))
_encoder: Final = msgspec.json.Encoder()


class Sockets:
    def __init__(
        self,
        gateway: ASGIApp,
        keys: Keys,
        *,
        public_url: str = "",
        trusted: Sequence[Network] = (),
        bounds: Bounds = USUAL,
    ) -> None:
        self._gateway = gateway
        self._keys = keys
        self._public_url = public_url
        self._trusted = trusted
        self._bounds = bounds
        self._memory = Memory(bounds.kept_bytes_of_all)
        # How many are open, by the id of their key.
        self._open: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # Says that a client wants to connect, which the scope says too.
        peer = scope["client"][0] if scope.get("client") else None
        ip = client_address(peer, scope["headers"], self._trusted)
        handshake = Exchange(request_scope(scope, b""), receive, send, request_id=new_id(), ip=ip)
        line = Line(scope, receive, send, self._bounds)
        try:
            with await self._admitted(handshake):
                await line.open()
                await Socket(
                    scope,
                    line,
                    gateway=self._gateway,
                    keys=self._keys,
                    handshake=handshake,
                    memory=self._memory,
                    bounds=self._bounds,
                ).run()
        except CallerLeft:
            return
        except Refusal as refusal:
            await _refuse(send, refusal, handshake.request_id)
        except Exception:  # The last rung: whatever was not foreseen must still be logged, and its client told.
            log.exception("websocket_failed", request_id=handshake.request_id)
            await line.close(BROKEN)

    async def _admitted(self, handshake: Exchange) -> contextlib.AbstractContextManager[None]:
        if handshake.path not in _PATHS:
            raise errors.UnknownPath
        if _is_foreign(handshake.header(b"origin"), handshake.header(b"host"), self._public_url):
            raise errors.PageForeign
        grant = await self._keys.grant(handshake)
        return self._counted(grant.key_id)

    @contextlib.contextmanager
    def _counted(self, key_id: str) -> Iterator[None]:
        if self._open[key_id] >= self._bounds.sockets_of_key or self._open.total() >= self._bounds.sockets:
            raise errors.TooManyWebsockets(retry_after_s=RETRY_AFTER_S)
        self._open[key_id] += 1
        try:
            yield
        finally:
            self._open[key_id] -= 1
            if not self._open[key_id]:
                del self._open[key_id]


async def _refuse(send: Send, refusal: Refusal, request_id: str) -> None:
    body = _encoder.encode({"error": events.error_of(refusal, request_id)})
    headers = [(b"content-type", JSON_TYPE), (b"x-request-id", request_id.encode())]
    if isinstance(refusal, TooMany):
        headers.append((b"retry-after", b"%d" % refusal.retry_after_s))
    with contextlib.suppress(OSError):
        await send({"type": "websocket.http.response.start", "status": refusal.status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": body})


def _is_foreign(origin: str | None, host: str | None, public_url: str) -> bool:
    """Browsers say which page opens a connection; programs say nothing."""
    return origin is not None and _host(origin) not in {host, _host(public_url)} - {None}


def _host(address: str) -> str | None:
    try:
        return urlsplit(address).netloc or None
    except ValueError:
        return None
