"""The faces of the room: what administrators configure, the way to servers, and our own server."""

from fastapi import FastAPI

from monoize.control.edge.routers import Router
from monoize.control.mcp.api import calls, own, passing, services, tools


def router() -> Router:
    return Router.joined(services.router, tools.router, calls.router)


def install(app: FastAPI) -> None:
    """No part of our own API: what is spoken there is MCP."""
    app.add_route("/mcp", own.Own(), include_in_schema=False)  # type: ignore[arg-type]
    app.add_route("/mcp/{service}", passing.Passing(), include_in_schema=False)  # type: ignore[arg-type]
