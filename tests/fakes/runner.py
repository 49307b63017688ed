"""A runner that tries credentials out, as far as its two calls go."""

import json
from typing import Any, Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from fakes.server import LocalServer


class FakeRunner:
    """`works` is its verdict, `leaves` the document that the tool leaves behind, `asked` what it was asked."""

    def __init__(self) -> None:
        self.works = True
        self.leaves: Any = None
        self.misbehaviour = ""
        self.asked: list[dict[str, Any]] = []
        routes = [Route("/", self._ready, methods=["GET"]), Route("/", self._validate, methods=["POST"])]
        self._server = LocalServer(Starlette(routes=routes))
        self.url = f"{self._server.url}/"

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    async def _ready(self, request: Request) -> Response:
        return PlainTextResponse("ready")

    async def _validate(self, request: Request) -> Response:
        self.asked.append(json.loads(await request.body()))
        match self.misbehaviour:
            case "not_json":
                return PlainTextResponse("<html>")
            case "no_verdict":
                return JSONResponse({"detail": "broken"}, 500)
            case "huge":
                return JSONResponse({"status": "ok", "reason": "x" * 300_000})
        answer = {"status": "ok" if self.works else "fail", "latency_ms": 7, "codex_version": "0.169.0"}
        if not self.works:
            answer["reason"] = "it answered nothing"
        if self.leaves is not None:
            answer["updated_auth"] = self.leaves
        return JSONResponse(answer)
