"""The backend of ChatGPT as far as the fleet asks it: how much of an account's allowance is used."""

import copy
from typing import Any, Final, Self

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from fakes.server import LocalServer

SLOW_S: Final = 30
FIVE_HOURS_S: Final = 18_000
WEEK_S: Final = 604_800
ANSWER: Final[dict[str, Any]] = {
    "plan_type": "pro",
    "rate_limit": {
        "allowed": True,
        "limit_reached": False,
        "primary_window": {
            "used_percent": 40,
            "limit_window_seconds": FIVE_HOURS_S,
            "reset_after_seconds": 9_000,
            "reset_at": 1_795_003_200,
        },
        "secondary_window": {
            "used_percent": 30,
            "limit_window_seconds": WEEK_S,
            "reset_after_seconds": 302_400,
            "reset_at": 1_795_300_000,
        },
    },
    "credits": {
        "has_credits": False,
        "unlimited": False,
        "balance": "0",
        "approx_local_messages": [10, 20],
        "approx_cloud_messages": [3, 4],
    },
}


class ChatGpt:
    """`access_token` is the one it knows, `answer` what it says; `misbehaviour` names a fault."""

    def __init__(self, access_token: str) -> None:
        self.access_token = access_token
        self.answer = copy.deepcopy(ANSWER)
        self.misbehaviour = ""
        self.asked: list[dict[str, str]] = []
        self._server = LocalServer(Starlette(routes=[Route("/backend-api/wham/usage", self._usage)]))
        self.url = f"{self._server.url}/backend-api"

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    def uses(self, *, primary: int | None = None, secondary: int | None = None) -> None:
        for window, percent in (("primary_window", primary), ("secondary_window", secondary)):
            if percent is not None:
                self.answer["rate_limit"][window]["used_percent"] = percent

    async def _usage(self, request: Request) -> Response:
        self.asked.append(dict(request.headers))
        match self.misbehaviour:
            case "slow":
                await anyio.sleep(SLOW_S)
            case "away":
                return JSONResponse({"detail": "Bad gateway"}, 502)
            case "not_json":
                return PlainTextResponse("<html>")
            case "a_list":
                return JSONResponse([self.answer])
            case "huge":
                return JSONResponse({**self.answer, "padding": "x" * 1_000_000})
            case "elsewhere":
                return Response(status_code=302, headers={"location": "/backend-api/wham/usage"})
        if request.headers.get("authorization") != f"Bearer {self.access_token}":
            return JSONResponse({"detail": "Unauthorized"}, 401)
        return JSONResponse(self.answer)
