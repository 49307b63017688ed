"""OpenAI's token server as far as refreshing needs it: tokens rotate, and one that was used is gone."""

import asyncio
import json
from typing import Any, Final, Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from support.logins import access_token

from fakes.server import LocalServer

CLIENT_ID: Final = "app_EMoamEEZ73f0CkXaXp7hrann"
SLOW_S: Final = 30


class OpenAiAuth:
    """`good` is the refresh token that it takes next; `misbehaviour` names a fault."""

    def __init__(self, good: str) -> None:
        self.good = good
        self.lives_s = 3600.0
        self.pause_s = 0.0
        self.misbehaviour = ""
        self.used: list[str] = []
        self.issued: list[dict[str, str]] = []
        self._server = LocalServer(Starlette(routes=[Route("/oauth/token", self._token, methods=["POST"])]))
        self.url = f"{self._server.url}/oauth/token"

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    async def _token(self, request: Request) -> Response:
        asked: dict[str, Any] = json.loads(await request.body())
        assert (CLIENT_ID, "refresh_token") == (asked["client_id"], asked["grant_type"])
        await asyncio.sleep(self.pause_s)
        match self.misbehaviour:
            case "away":
                return PlainTextResponse("<html>", 503)
            case "slow":
                await asyncio.sleep(SLOW_S)
            case "not_json":
                return PlainTextResponse("<html>")
            case "no_token":
                return JSONResponse({"id_token": "a.b.c"})
            case "forbids":
                return JSONResponse({"detail": "no"}, 403)
        return self._rotated(asked["refresh_token"])

    def _rotated(self, shown: str) -> Response:
        if shown != self.good:
            code = "refresh_token_reused" if shown in self.used else "refresh_token_invalidated"
            return JSONResponse({"error": {"code": code, "message": "Sign in again."}}, 401)
        self.used.append(shown)
        number = len(self.used)
        self.good = f"rt-rotated-{number}-0123456789"
        answer = {
            "access_token": access_token(f"rotated {number}", lives_s=self.lives_s),
            "id_token": f"id.token.{number}",
            "refresh_token": self.good,
        }
        self.issued.append(answer)
        return JSONResponse(answer)
