"""What stands on a machine: an agent's own gateway, over HTTP and WebSockets, which says what it was asked."""

import asyncio
import contextlib
import functools
import json
import threading
from typing import Any, Final

from fakes.server import LocalServer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

ANSWERS_AFTER_S: Final = 10


class Agent:
    """`heard`: its calls of RPC, with what opened the connection. It refuses a patch that says so.

    While `is_sulking` it refuses everything, repeating what it was told, and holds no chats; while `answers` is not
    set it is silent.
    """

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.is_sulking = False
        self.answers = threading.Event()
        self.answers.set()
        everything = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        self.app = Starlette(
            routes=[
                Route("/{path:path}", self._http, methods=everything),
                WebSocketRoute("/{path:path}", self._socket),
            ]
        )

    async def _http(self, request: Request) -> Response:
        if request.url.path == "/stream":
            return StreamingResponse(iter(["one ", "two ", "three"]), headers={"set-cookie": "theirs=1"})
        body = await request.body()
        if request.url.path == "/v1/chat/completions":
            return self._chat(json.loads(body))
        told = {
            "method": request.method,
            "path": request.url.path,
            "query": request.url.query,
            "headers": dict(request.headers),
            "body": body.decode(),
        }
        return Response(json.dumps(told), media_type="application/json", headers={"set-cookie": "theirs=1"})

    def _chat(self, asked: dict[str, Any]) -> Response:
        """As OpenClaw answers: not at all, unless it was told to."""
        if self.is_sulking:
            return Response("Not Found", 404)
        deltas: list[dict[str, Any]] = [{"content": f"You said {asked['messages'][-1]['content']}"}, {}]
        chunks = [
            {"id": "c", "object": "chat.completion.chunk", "model": asked["model"], "choices": [choice]}
            for choice in (
                {"index": 0, "delta": deltas[0], "finish_reason": None},
                {"index": 0, "delta": deltas[1], "finish_reason": "stop"},
            )
        ]
        frames = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
        return StreamingResponse(iter([*frames, "data: [DONE]\n\n"]), media_type="text/event-stream")

    async def _socket(self, socket: WebSocket) -> None:
        await socket.accept()
        with contextlib.suppress(Exception):
            while True:
                said = await socket.receive()
                if said["type"] != "websocket.receive":
                    return
                text = said.get("text")
                if text is None:
                    await socket.send_bytes(said["bytes"])
                    continue
                asked = json.loads(text)
                self.heard.append({**asked, "authorization": socket.headers["authorization"]})
                await asyncio.to_thread(self.answers.wait, ANSWERS_AFTER_S)
                if self.is_sulking:
                    await socket.send_text(json.dumps({"id": asked["id"], "error": {"message": text}}))
                elif asked.get("params", {}).get("patch", {}).get("refuse"):
                    await socket.send_text(json.dumps({"id": asked["id"], "error": {"message": "no such key"}}))
                else:
                    await socket.send_text(json.dumps({"event": "tick"}))
                    await socket.send_text(json.dumps({"id": asked.get("id"), "result": {"ok": True}}))


@functools.cache
def standing_agent() -> tuple[Agent, str]:
    """One for all tests, until they end; and where it is."""
    agent = Agent()
    server = LocalServer(agent.app).__enter__()
    return agent, server.url.removeprefix("http://")
