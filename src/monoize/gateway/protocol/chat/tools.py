"""Tools that a model may call, and which of them it may choose, as this protocol writes them.

Before there were tools there were `functions`. Who still sends them gets them back: `extra["functions"]` of the
request is what was sent, and says whose names are written in the old way.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final

from monoize.gateway.protocol import fields
from monoize.gateway.protocol.urp import Json, NativeTool, Request, Tool, ToolChoice

FUNCTIONS: Final = "functions"
_FUNCTION: Final = ("name", "description", "parameters", "strict")
_CUSTOM: Final = ("name", "description", "format")


def read_tools(body: Json) -> tuple[Tool | NativeTool, ...]:
    tools = [
        _tool(tool, fields.path("tools", place)) for place, tool in enumerate(fields.list_(body, "tools") or [])
    ]
    for place, function in enumerate(fields.list_(body, FUNCTIONS) or []):
        at = fields.path(FUNCTIONS, place)
        tools.append(_function(_object(function, at), {}, at))
    return tuple(tools)


def _tool(tool: object, at: str) -> Tool | NativeTool:
    tool = _object(tool, at)
    kind = fields.given(fields.text(tool, "type", at), fields.path(at, "type"))
    if kind == "function":
        at = fields.path(at, "function")
        return _function(_object(tool.get("function"), at), fields.rest(tool, ("type", "function")), at)
    if kind == "custom":
        at = fields.path(at, "custom")
        return _custom(_object(tool.get("custom"), at), fields.rest(tool, ("type", "custom")), at)
    return NativeTool(origin="chat", tool_type=kind, body=tool)


def _function(function: Json, extra: Json, at: str) -> Tool:
    parameters = fields.object_(function, "parameters", at)
    return Tool(
        name=_name(function, at),
        description=fields.text(function, "description", at),
        parameters=None if parameters is None else {"type": "object", **parameters},
        strict=fields.flag(function, "strict", at),
        extra=_with_inner(extra, "function", fields.rest(function, _FUNCTION)),
    )


def _custom(custom: Json, extra: Json, at: str) -> Tool:
    return Tool(
        kind="custom",
        name=_name(custom, at),
        description=fields.text(custom, "description", at),
        format=_flat(fields.object_(custom, "format", at)),
        extra=_with_inner(extra, "custom", fields.rest(custom, _CUSTOM)),
    )


def _flat(format: Json | None) -> Json | None:
    """A grammar is a member of its own here, and everywhere else no deeper than its type."""
    grammar = format.get("grammar") if format else None
    return {"type": "grammar", **grammar} if isinstance(grammar, dict) else format


def _nested(format: Json) -> Json:
    if format.get("type") != "grammar" or "grammar" in format:
        return format
    return {"type": "grammar", "grammar": fields.rest(format, ("type",))}


def read_choice(body: Json) -> ToolChoice | None:
    found = body.get("tool_choice")
    if found is not None:
        return _choice(found, "tool_choice")
    found = body.get("function_call")
    if isinstance(found, dict):
        return ToolChoice(mode="required", names=(_name(found, "function_call"),))
    return None if found is None else _choice(found, "function_call")


def _choice(found: Any, at: str) -> ToolChoice:
    if found in ("auto", "none", "required"):
        return ToolChoice(mode=found)
    if not isinstance(found, dict):
        fields.refuse(at, "auto, none, required, or an object that names a tool")
    kind = fields.given(fields.text(found, "type", at), fields.path(at, "type"))
    if kind == "allowed_tools":
        return _allowed(found, fields.path(at, kind))
    if kind not in ("function", "custom"):
        return ToolChoice(mode="required", native=found, origin="chat")
    at = fields.path(at, kind)
    return ToolChoice(mode="required", names=(_name(_object(found.get(kind), at), at),))


def _allowed(found: Json, at: str) -> ToolChoice:
    allowed = _object(found.get("allowed_tools"), at)
    tools = fields.given(fields.list_(allowed, "tools", at), fields.path(at, "tools"))
    mode = allowed.get("mode")
    if mode not in ("auto", "required"):
        fields.refuse(fields.path(at, "mode"), "auto or required")
    names = [_named(tool) for tool in tools]
    if None in names:
        return ToolChoice(mode=mode, native=found, origin="chat")
    return ToolChoice(mode=mode, names=tuple(name for name in names if name))


def _named(tool: object) -> str | None:
    match tool:
        case {"type": "function", "function": {"name": str(name)}} | {
            "type": "custom",
            "custom": {"name": str(name)},
        }:
            return name
    return None


def write_tools(request: Request) -> Json:
    """The members of a request that say what may be called and how; none of them where nothing may."""
    own = request.origin == "chat"
    old = _old_names(request) if own else frozenset()
    tools, functions = [], []
    for tool in request.tools:
        if isinstance(tool, NativeTool):
            tools += [tool.body] if tool.origin == "chat" else []
        elif tool.name in old and tool.kind == "function":
            functions.append(_written_function(tool, own=own))
        else:
            tools.append(_written(tool, own=own))
    choice = _written_choice(request, is_old=bool(functions) and not tools)
    written: Json = {}
    if tools:
        written["tools"] = tools
        if request.parallel_tool_calls is not None:
            written["parallel_tool_calls"] = request.parallel_tool_calls
    if functions:
        written[FUNCTIONS] = functions
    if choice is not None and written:
        written["tool_choice" if tools else "function_call"] = choice
    return written


def _old_names(request: Request) -> Collection[str]:
    functions = request.extra.get(FUNCTIONS)
    if not isinstance(functions, list):
        return frozenset()
    names = (function.get("name") for function in functions if isinstance(function, dict))
    return {name for name in names if isinstance(name, str)}


def _written(tool: Tool, *, own: bool) -> Json:
    extra = fields.rest(tool.extra, (tool.kind,)) if own else {}
    if tool.kind == "function":
        return {**extra, "type": "function", "function": _written_function(tool, own=own)}
    custom: Json = {**_inner(tool, own=own), "name": tool.name}
    if tool.description is not None:
        custom["description"] = tool.description
    if tool.format is not None:
        custom["format"] = _nested(tool.format)
    return {**extra, "type": "custom", "custom": custom}


def _written_function(tool: Tool, *, own: bool) -> Json:
    given = {"description": tool.description, "parameters": tool.parameters, "strict": tool.strict}
    function = {name: value for name, value in given.items() if value is not None}
    return {**_inner(tool, own=own), "name": tool.name, **function}


def _inner(tool: Tool, *, own: bool) -> Json:
    inner = tool.extra.get(tool.kind) if own else None
    return inner if isinstance(inner, dict) else {}


def _written_choice(request: Request, *, is_old: bool) -> object:
    choice = request.tool_choice
    if choice is None:
        return None
    if choice.native is not None:
        return choice.native if choice.origin == "chat" else None
    if not choice.names or choice.mode == "none":
        return choice.mode
    kinds = {tool.name: tool.kind for tool in request.tools if isinstance(tool, Tool)}
    names: Sequence[str] = [name for name in choice.names if name in kinds]
    if not names:
        # It pointed at tools that are not asked for here.
        return None
    selectors: list[Json] = [{"type": kinds[name], kinds[name]: {"name": name}} for name in names]
    if choice.mode == "required" and len(names) == 1:
        return {"name": names[0]} if is_old else selectors[0]
    return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": selectors}}


def _with_inner(extra: Json, name: str, inner: Json) -> Json:
    return {**extra, name: inner} if inner else extra


def _name(body: Json, at: str) -> str:
    return fields.given(fields.text(body, "name", at) or None, fields.path(at, "name"))


def _object(value: Any, at: str) -> Json:
    if not isinstance(value, dict):
        fields.refuse(at, "an object")
    return value
