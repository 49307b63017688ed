"""`GET /healthz`: answered once whatever the process serves is open."""

from typing import Final

from starlette.types import Receive, Scope, Send

from monoize import __version__

HEALTH: Final = "/healthz"
_BODY: Final = b'{"status":"ok","version":"%b"}' % __version__.encode()


async def healthy(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_BODY))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": _BODY if scope["method"] != "HEAD" else b""})
