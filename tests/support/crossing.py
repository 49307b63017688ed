"""A proxy in front of a server, as companies have one: whoever asks it for `/from/ADDRESS/…` comes from there."""

from typing import Final, Self

import httpx2
from fakes.server import LocalServer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]
SILENCE_S: Final = 60
_NOT_PASSED_ON: Final = frozenset({"host", "content-length", "connection", "transfer-encoding"})


class Crossing:
    """`crossing.base_from("203.0.113.9")` is the server, reached from that address. Without one it is away."""

    def __init__(self, server: str | None) -> None:
        self.server = server
        route = Route("/from/{address}/{path:path}", self._pass_on, methods=METHODS)
        self._proxy = LocalServer(Starlette(routes=[route]))

    def __enter__(self) -> Self:
        self._proxy.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._proxy.__exit__()

    def base_from(self, address: str) -> str:
        return f"{self._proxy.url}/from/{address}"

    async def _pass_on(self, request: Request) -> Response:
        if self.server is None:
            return Response(status_code=502)
        headers = {name: value for name, value in request.headers.items() if name not in _NOT_PASSED_ON}
        headers["x-forwarded-for"] = request.path_params["address"]
        url = f"{self.server}/{request.path_params['path']}?{request.url.query}"
        async with httpx2.AsyncClient(timeout=SILENCE_S) as client:
            answer = await client.request(
                request.method, url.rstrip("?"), headers=headers, content=await request.body()
            )
        kept = {name: value for name, value in answer.headers.items() if name not in _NOT_PASSED_ON}
        return Response(answer.content, answer.status_code, kept)
