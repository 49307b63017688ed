"""What Codex talks to: the server that renews its login, once with each refresh token, and the models behind it.

Of all access tokens that were ever issued the models take the latest only.
"""

import base64
import json
import threading
import time
from collections.abc import Iterator
from typing import Any, Final, Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from fakes.server import LocalServer

ACCOUNT: Final = "00000000-0000-4000-8000-00000000acc0"
ANSWER: Final = "Hello from the model"
LIVES_S: Final = 3600
USED: Final[dict[str, Any]] = {
    "input_tokens": 1_200,
    "input_tokens_details": {"cached_tokens": 200},
    "output_tokens": 50,
    "output_tokens_details": {"reasoning_tokens": 10},
    "total_tokens": 1_250,
}


def jwt(**claims: Any) -> str:
    """As Codex reads it, which leaves the signature to others."""
    about = {"chatgpt_plan_type": "pro", "chatgpt_account_id": ACCOUNT, "chatgpt_user_id": "user-1"}
    body = {
        "exp": int(time.time()) + LIVES_S,
        "email": "fleet@example.com",
        "https://api.openai.com/auth": about,
        **claims,
    }
    parts = ({"alg": "RS256", "typ": "JWT"}, body, {"signed": "by nobody"})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


class CodexCloud:
    def __init__(self) -> None:
        self.refreshed = 0
        self.reused = 0
        self.refused = 0
        self.answered = 0
        self._lock = threading.Lock()
        self._spent: list[str] = []
        self.tokens = self._issue()
        self._server = LocalServer(
            Starlette(
                routes=[
                    Route("/oauth/token", self._token, methods=["POST"]),
                    Route("/v1/responses", self._responses, methods=["POST"]),
                ]
            )
        )
        self.url = self._server.url

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    @property
    def login(self) -> dict[str, Any]:
        """What `codex login` would leave behind now."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        tokens = {**self.tokens, "account_id": ACCOUNT}
        return {"auth_mode": "chatgpt", "OPENAI_API_KEY": None, "tokens": tokens, "last_refresh": moment}

    @property
    def config(self) -> str:
        """Codex's own, so that it asks these models with the account's token."""
        return f"""\
model = "gpt-5-codex"
model_provider = "cloud"
chatgpt_base_url = "{self.url}/backend-api"

[model_providers.cloud]
name = "cloud"
base_url = "{self.url}/v1"
wire_api = "responses"
requires_openai_auth = true
request_max_retries = 0
stream_max_retries = 0
"""

    def _issue(self) -> dict[str, str]:
        number = len(self._spent)
        return {
            "id_token": jwt(sub="fleet"),
            "access_token": jwt(sub="fleet", jti=f"access-{number}"),
            "refresh_token": f"rt-{number}-0123456789abcdef",
        }

    async def _token(self, request: Request) -> Response:
        shown = json.loads(await request.body())["refresh_token"]
        with self._lock:
            if shown != self.tokens["refresh_token"]:
                self.reused += 1
                return JSONResponse({"error": {"code": "refresh_token_reused", "message": "Sign in again."}}, 401)
            self._spent.append(shown)
            self.refreshed += 1
            self.tokens = self._issue()
            return JSONResponse(self.tokens)

    async def _responses(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {self.tokens['access_token']}":
            self.refused += 1
            return JSONResponse({"error": {"code": "token_expired", "message": "Unauthorized"}}, 401)
        self.answered += 1
        return StreamingResponse(_answer(), media_type="text/event-stream")


def _answer() -> Iterator[str]:
    item = {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": ANSWER, "annotations": []}],
    }
    for event in (
        {"type": "response.created", "response": {"id": "resp_1"}},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {"id": "resp_1", "output": [item], "usage": USED}},
    ):
        yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
