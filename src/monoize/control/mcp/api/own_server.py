"""Our own server of MCP, made anew for each request: it keeps nothing, and knows one caller.

Loaded with the first request to it, since the SDK takes longer to load than all the rest of the API's faces.
"""

from collections.abc import Mapping
from typing import Any, Final

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from monoize import __version__
from monoize.base.principal import Principal
from monoize.control.mcp.api.inside import ask
from monoize.control.mcp.model.own_tools import ANSWER_CHARS_MOST, READING, TOOLS, Tool, asked

INSTRUCTIONS: Final = (
    "Monoize is the control plane that your models, agents, machines and services run under. These tools look at "
    "it and ask things of it in your own name; what you may not do is refused with a code and a hint."
)
_READING: Final = frozenset(tool.name for tool in READING)


async def serve(scope: Scope, receive: Receive, send: Send, principal: Principal) -> None:
    manager = StreamableHTTPSessionManager(_server(Request(scope), principal), json_response=True, stateless=True)
    async with manager.run():
        await manager.handle_request(scope, receive, send)


def _server(request: Request, principal: Principal) -> Server[Any]:
    async def list_tools(
        context: ServerRequestContext[Any], params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_shown(tool) for tool in TOOLS.values() if _may(principal, tool)])

    async def call_tool(
        context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        tool = TOOLS.get(params.name)
        if tool is None or not _may(principal, tool):
            return _told("There is no such tool for you.", is_error=True)
        return await _called(request, tool, params.arguments or {})

    return Server(
        "monoize",
        version=__version__,
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def _may(principal: Principal, tool: Tool) -> bool:
    return tool.permission is None or principal.may(tool.permission)


def _shown(tool: Tool) -> types.Tool:
    reads = tool.name in _READING
    return types.Tool(
        name=tool.name,
        description=tool.description,
        input_schema=tool.input_schema,
        annotations=types.ToolAnnotations(read_only_hint=reads, open_world_hint=False),
    )


async def _called(request: Request, tool: Tool, arguments: Mapping[str, Any]) -> types.CallToolResult:
    try:
        wanted = asked(tool, arguments)
    except ValueError as problem:
        return _told(f"{problem}.", is_error=True)
    answered = await ask(request, tool.method, wanted.path, wanted.query, wanted.body)
    if len(answered.text) > ANSWER_CHARS_MOST:
        return _told("The answer is too long: ask for less, with a smaller limit or a filter.", is_error=True)
    return _told(answered.text, is_error=answered.status >= 400)


def _told(text: str, *, is_error: bool) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=is_error)
