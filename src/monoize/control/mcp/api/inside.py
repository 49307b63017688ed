"""One request of the API, asked from inside with the credential of whoever asks us.

It goes through all the layers that any request goes through, so it is allowed and audited as any other.
"""

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.types import Message

_OF_THIS_MESSAGE: Final = frozenset(
    {
        b"accept", b"accept-encoding", b"content-encoding", b"content-length", b"content-type", b"expect",
        b"idempotency-key", b"if-match", b"last-event-id", b"transfer-encoding", b"x-request-id",
    }
)  # fmt: skip


_OF_THIS_CONNECTION: Final = ("type", "asgi", "http_version", "scheme", "server", "client")


class Answered(NamedTuple):
    status: int
    text: str


async def ask(
    request: Request, method: str, path: str, query: Mapping[str, str], body: Mapping[str, Any] | None
) -> Answered:
    content = b"" if body is None else json.dumps(body).encode()
    asked = request.scope
    headers = [
        (name, value)
        for name, value in asked["headers"]
        if name not in _OF_THIS_MESSAGE and not name.startswith(b"mcp-")
    ]
    headers += [
        (b"x-request-id", request.state.request_id.encode()),
        (b"content-length", str(len(content)).encode()),
        *([] if body is None else [(b"content-type", b"application/json")]),
    ]
    kept = {name: asked[name] for name in _OF_THIS_CONNECTION if name in asked}
    scope = {
        **kept,
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": urlencode(query).encode(),
        "headers": headers,
    }
    status, pieces = 0, []

    async def receive() -> Message:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            pieces.append(message.get("body", b""))

    await request.app(scope, receive, send)
    return Answered(status, b"".join(pieces).decode())
