"""How an endpoint is given what the room keeps running."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from monoize.control.mcp.services import Mcp, mcp_of


def _mcp(request: Request) -> Mcp:
    return mcp_of(request)


McpHere = Annotated[Mcp, Depends(_mcp)]
