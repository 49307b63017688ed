"""Tools and the choice between them. Both are flat here: a tool's name stands beside its type."""

from collections.abc import Mapping, Sequence
from typing import Final

from monoize.gateway.protocol import fields
from monoize.gateway.protocol.responses.items_out import merged, told
from monoize.gateway.protocol.urp import Json, NativeTool, Tool, ToolChoice

_OURS: Final = frozenset({"function", "custom"})
_NO_PARAMETERS: Final[Mapping[str, object]] = {"type": "object", "properties": {}}


def read_tools(body: Json) -> tuple[Tool | NativeTool, ...]:
    tools = fields.list_(body, "tools") or []
    return tuple(_read_tool(tool, fields.path("tools", place)) for place, tool in enumerate(tools))


def _read_tool(tool: object, at: str) -> Tool | NativeTool:
    if not isinstance(tool, dict):
        fields.refuse(at, "an object")
    kind = fields.given(fields.text(tool, "type", at), fields.path(at, "type"))
    if kind == "function":
        return Tool(
            name=_name(tool, at),
            description=fields.text(tool, "description", at),
            parameters=fields.object_(tool, "parameters", at),
            strict=fields.flag(tool, "strict", at),
            extra=fields.rest(tool, ("type", "name", "description", "parameters", "strict")),
        )
    if kind == "custom":
        return Tool(
            kind="custom",
            name=_name(tool, at),
            description=fields.text(tool, "description", at),
            format=fields.object_(tool, "format", at),
            extra=fields.rest(tool, ("type", "name", "description", "format")),
        )
    return NativeTool(origin="responses", tool_type=kind, body=tool)


def written_tools(tools: Sequence[Tool | NativeTool], *, ours: bool) -> list[Json]:
    known = (tool for tool in tools if isinstance(tool, Tool) or tool.origin == "responses")
    return [tool.body if isinstance(tool, NativeTool) else _written_tool(tool, ours=ours) for tool in known]


def _written_tool(tool: Tool, *, ours: bool) -> Json:
    written: Json = {"type": tool.kind, "name": tool.name, **told(description=tool.description)}
    if tool.kind == "custom":
        return merged({**written, **told(format=tool.format)}, tool.extra, ours=ours)
    parameters, strict = tool.parameters, tool.strict
    if not ours:
        # Elsewhere a schema is only kept to when that is asked for; here it is unless one says no.
        strict = bool(strict)
        parameters = {**_NO_PARAMETERS, **(parameters or {})} if "type" not in (parameters or {}) else parameters
    return merged({**written, "parameters": parameters, "strict": strict}, tool.extra, ours=ours)


def read_choice(body: Json) -> ToolChoice | None:
    choice = body.get("tool_choice")
    if choice is None:
        return None
    if isinstance(choice, dict):
        return _read_selector(choice)
    if choice not in ("auto", "none", "required"):
        fields.refuse("tool_choice", "auto, none, required or an object")
    return ToolChoice(mode=choice)


def _read_selector(choice: Json) -> ToolChoice:
    kind = fields.given(fields.text(choice, "type", "tool_choice"), "tool_choice.type")
    if kind in _OURS:
        return ToolChoice(mode="required", names=(_name(choice, "tool_choice"),))
    if kind == "allowed_tools":
        return _read_allowed(choice)
    return ToolChoice(mode="auto", native=choice, origin="responses")


def _read_allowed(choice: Json) -> ToolChoice:
    at = "tool_choice.tools"
    names = []
    allowed = fields.given(fields.list_(choice, "tools", "tool_choice"), at)
    for place, tool in enumerate(allowed):
        if not isinstance(tool, dict):
            fields.refuse(fields.path(at, place), "an object")
        if tool.get("type") in ("function", "custom"):
            names.append(_name(tool, fields.path(at, place)))
    all_named = bool(names) and len(names) == len(allowed)
    native = None if all_named else choice
    if choice.get("mode") not in ("auto", "required"):
        fields.refuse("tool_choice.mode", "auto or required")
    return ToolChoice(
        mode=choice["mode"], names=tuple(names), native=native, origin="responses" if native else None
    )


def written_choice(
    choice: ToolChoice | None, tools: Sequence[Tool | NativeTool], *, ours: bool
) -> str | Json | None:
    """None also for a choice of tools that are not there any more."""
    if choice is None or not (tools or ours):
        return None
    if choice.native and choice.origin == "responses":
        return choice.native
    if choice.mode == "none" or not choice.names:
        return choice.mode
    kinds = {tool.name: tool.kind for tool in tools if isinstance(tool, Tool)}
    named = [{"type": kinds.get(name, "function"), "name": name} for name in choice.names if ours or name in kinds]
    if not named:
        return None
    if len(choice.names) == 1 and choice.mode == "required":
        return named[0]
    return {"type": "allowed_tools", "mode": choice.mode, "tools": named}


def _name(holder: Json, at: str) -> str:
    return fields.given(fields.text(holder, "name", at) or None, fields.path(at, "name"))
