"""What we ask a provider that speaks Gemini, whatever protocol the wish was told in.

Messages keep their order, except that instructions stand apart and results stand right after their calls.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from monoize.gateway.protocol import fields, urp
from monoize.gateway.protocol.gemini import turns_out
from monoize.gateway.protocol.gemini.thinking import write_thinking
from monoize.gateway.protocol.urp import Json

_CONFIG: Final = "generationConfig"
_TOOL_CONFIG: Final = "toolConfig"
_CALLING: Final = "functionCallingConfig"
_COMMON_WORDS: Final = {
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
"""What of another protocol's extras has a meaning here."""


def encode_request(request: urp.Request, *, model: str, stream: bool) -> Json:
    """`stream` is part of the address and changes nothing here."""
    own = request.origin == "gemini"
    contents, instructions = turns_out.contents_of(request.input, model, own=own)
    if not contents:
        # There is no answer to instructions alone.
        contents, instructions = [{"role": "user", "parts": instructions}], []
    body: Json = {"contents": contents}
    if instructions:
        body["systemInstruction"] = {"parts": instructions}
    names = [tool.name for tool in request.tools if isinstance(tool, urp.Tool) and tool.kind == "function"]
    if tools := _tools(request.tools, own=own):
        body["tools"] = tools
    if choice := _calling(request.tool_choice, names):
        body[_TOOL_CONFIG] = {_CALLING: choice}
    if config := _config(request, model, own=own):
        body[_CONFIG] = config
    return _with_own_words(body, request.extra) if own else body


def _config(request: urp.Request, model: str, *, own: bool) -> Json:
    config: Json = {
        "temperature": request.temperature,
        "topP": request.top_p,
        "topK": request.top_k,
        "maxOutputTokens": request.max_output_tokens,
        "stopSequences": list(request.stop) or None,
        "thinkingConfig": write_thinking(request.reasoning, model, own=own) or None,
        **_format(request.response_format),
    }
    for word, name in _COMMON_WORDS.items():
        config[name] = fields.told_number(request.extra.get(word))
    return {name: value for name, value in config.items() if value is not None}


def _format(wanted: urp.ResponseFormat | None) -> Json:
    if wanted is None:
        return {}
    if wanted.kind == "text":
        return {"responseMimeType": "text/plain"}
    return {"responseMimeType": "application/json", "responseJsonSchema": wanted.schema}


def _tools(tools: Sequence[urp.Tool | urp.NativeTool], *, own: bool) -> list[Json]:
    """All functions in one entry, where the first of them stood: several entries are refused."""
    entries: list[Json] = []
    declared: list[Json] = []
    for tool in tools:
        match tool:
            case urp.Tool(kind="function"):
                if not declared:
                    entries.append({"functionDeclarations": declared})
                declared.append(_declaration(tool, own=own))
            case urp.NativeTool(origin="gemini"):
                entries.append(tool.body)
            case _:
                continue
    return entries


def _declaration(tool: urp.Tool, *, own: bool) -> Json:
    declaration: Json = {**(tool.extra if own else {}), "name": tool.name}
    if tool.description is not None:
        declaration["description"] = tool.description
    if tool.parameters is not None:
        declaration["parametersJsonSchema"] = tool.parameters
    return declaration


def _calling(choice: urp.ToolChoice | None, known: Sequence[str]) -> Json | None:
    """None where there is nothing to choose from: the service refuses to be told then."""
    if choice is None or not known:
        return None
    if choice.native is not None and choice.origin == "gemini":
        return choice.native
    names = [name for name in choice.names if name in known]
    if choice.names and not names:
        return None
    match choice.mode:
        case "none":
            return {"mode": "NONE"}
        case "required":
            calling: Json = {"mode": "ANY"}
        case "auto":
            calling = {"mode": "VALIDATED" if names else "AUTO"}
    return calling | {"allowedFunctionNames": names} if names else calling


def _with_own_words(body: Json, extra: Mapping[str, Any]) -> Json:
    """What the caller wrote and only this protocol knows; where both say something, the typed word counts."""
    left = fields.rest(extra, _COMMON_WORDS)
    config = fields.told_object(left.pop(_CONFIG, None)) or {}
    thinking = fields.told_object(config.get("thinkingConfig"))
    if config:
        body[_CONFIG] = config | body.get(_CONFIG, {})
    if thinking:
        body[_CONFIG]["thinkingConfig"] = thinking | body[_CONFIG]["thinkingConfig"]
    if tool_config := fields.told_object(left.pop(_TOOL_CONFIG, None)):
        body[_TOOL_CONFIG] = tool_config | body.get(_TOOL_CONFIG, {})
    return left | body
