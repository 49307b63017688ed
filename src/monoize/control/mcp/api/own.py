"""/mcp: our own server of MCP, for whoever has a credential of ours."""

import asyncio
import importlib
from typing import Final

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from monoize.control.edge.caller import identify
from monoize.control.edge.problem import MethodNotAllowed, problem

_SERVER: Final = "monoize.control.mcp.api.own_server"


class Own:
    """An ASGI application: the SDK answers."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        call = await identify(request)
        if request.method != "POST":
            # It says nothing unasked and knows no sessions.
            refused = problem(MethodNotAllowed(), call.request_id, headers={"allow": "POST"})
            await refused(scope, receive, send)
            return
        server = await asyncio.to_thread(importlib.import_module, _SERVER)
        await server.serve(scope, receive, send, call.principal)
