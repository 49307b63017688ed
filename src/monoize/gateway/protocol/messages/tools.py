"""Tools that a model may call, and which of them it may or must."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from monoize.gateway.protocol import fields
from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.fields import given, path
from monoize.gateway.protocol.messages.extras import extra_out, others
from monoize.gateway.protocol.urp import Json, NativeTool, Request, Tool, ToolChoice

_FUNCTION: Final = "custom"
_TOOL: Final = frozenset({"type", "name", "description", "input_schema", "strict"})


def tools_in(listed: Sequence[object]) -> tuple[Tool | NativeTool, ...]:
    return tuple(_tool_in(tool, path("tools", place)) for place, tool in enumerate(listed))


def _tool_in(tool: object, at: str) -> Tool | NativeTool:
    if not isinstance(tool, dict):
        fields.refuse(at, "an object")
    kind = fields.text(tool, "type", at)
    if kind not in (None, _FUNCTION):
        return NativeTool(origin="messages", tool_type=kind or "", body=tool)
    return Tool(
        name=given(fields.text(tool, "name", at), path(at, "name")),
        description=fields.text(tool, "description", at),
        parameters=_typed(given(fields.object_(tool, "input_schema", at), path(at, "input_schema"))),
        strict=fields.flag(tool, "strict", at),
        extra=others(tool, _TOOL),
    )


def choice_in(choice: Json | None) -> tuple[ToolChoice | None, bool | None]:
    """With whether calls may be made in parallel, which is said in the same place."""
    if choice is None:
        return None, None
    at = "tool_choice"
    in_parallel = False if fields.flag(choice, "disable_parallel_tool_use", at) else None
    match given(fields.text(choice, "type", at), path(at, "type")):
        case "auto":
            return ToolChoice(mode="auto"), in_parallel
        case "none":
            return ToolChoice(mode="none"), in_parallel
        case "any":
            return ToolChoice(mode="required"), in_parallel
        case "tool":
            name = given(fields.text(choice, "name", at), path(at, "name"))
            return ToolChoice(mode="required", names=(name,)), in_parallel
        case _:
            raise BadRequest("tool_choice.type must be auto, any, tool or none.", param=path(at, "type"))


def tools_out(request: Request) -> tuple[list[Json], Json | None]:
    """What may be called, and how. Tools of other providers and free-form ones cannot be said here."""
    written = [tool for each in request.tools if (tool := _tool_out(each, request)) is not None]
    choice = request.tool_choice
    if choice and choice.names and not _is_one(choice):
        # There is no choice among several, so that the others are not offered at all.
        chosen = [tool for tool in written if tool.get("name") in choice.names]
        written, choice = chosen or written, (ToolChoice(mode=choice.mode) if chosen else None)
    if not written:
        return [], None
    return written, _in_sequence(_choice_out(choice, written), request.parallel_tool_calls)


def _tool_out(tool: Tool | NativeTool, request: Request) -> Json | None:
    if isinstance(tool, NativeTool):
        return tool.body if tool.origin == "messages" else None
    if tool.kind != "function":
        return None
    body: Json = {**extra_out(tool.extra, request.origin), "name": tool.name}
    if tool.description is not None:
        body["description"] = tool.description
    body["input_schema"] = _typed(tool.parameters or {"properties": {}})
    if tool.strict is not None:
        body["strict"] = tool.strict
    return body


def _choice_out(choice: ToolChoice | None, tools: Sequence[Mapping[str, Any]]) -> Json | None:
    if choice is None:
        return None
    if choice.native is not None:
        return choice.native if choice.origin == "messages" else None
    if choice.mode == "required" and choice.names:
        (name,) = choice.names
        return {"type": "tool", "name": name} if any(tool.get("name") == name for tool in tools) else None
    return {"type": "any" if choice.mode == "required" else choice.mode}


def _in_sequence(choice: Json | None, in_parallel: bool | None) -> Json | None:
    if in_parallel is not False or (choice and choice.get("type") == "none"):
        return choice
    return {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}


def _is_one(choice: ToolChoice) -> bool:
    return choice.mode == "required" and len(choice.names) == 1


def _typed(schema: Json) -> Json:
    """Some leave out what it always is."""
    return schema if schema.get("type") is not None else {"type": "object", **fields.rest(schema, {"type"})}
