"""What a caller of Gemini asks for. The model and whether to stream stand in the address, not in the body."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from monoize.gateway.protocol import fields, urp
from monoize.gateway.protocol.gemini import parts_in
from monoize.gateway.protocol.gemini.schemas import json_schema, object_schema
from monoize.gateway.protocol.gemini.thinking import read_thinking
from monoize.gateway.protocol.gemini.turns_in import Conversation
from monoize.gateway.protocol.gemini.wire import spelled
from monoize.gateway.protocol.urp import Json

_CONFIG: Final = "generationConfig"
_KNOWN: Final = ("model", "contents", "systemInstruction", "tools", "toolConfig", _CONFIG)
_CONFIG_KNOWN: Final = (
    "temperature",
    "topP",
    "topK",
    "maxOutputTokens",
    "stopSequences",
    "candidateCount",
    "thinkingConfig",
    *("seed", "presencePenalty", "frequencyPenalty"),
)
_FORMAT_KNOWN: Final = ("responseMimeType", "responseSchema", "responseJsonSchema", "responseFormat")
_DECLARED: Final = ("name", "description", "parameters", "parametersJsonSchema")
_JSON: Final = ("application/json", "APPLICATION_JSON")
_CALLING: Final = "functionCallingConfig"
_MODES: Final[Mapping[str, Literal["auto", "none", "required"]]] = {
    "MODE_UNSPECIFIED": "auto",
    "AUTO": "auto",
    "VALIDATED": "auto",
    "ANY": "required",
    "NONE": "none",
}


def decode_request(body: Json) -> urp.Request:
    if not isinstance(body, dict):
        fields.refuse("", "an object")
    body = spelled(body)
    config = spelled(fields.object_(body, _CONFIG) or {})
    if fields.integer(config, "candidateCount", _CONFIG) not in (None, 1):
        fields.refuse(f"{_CONFIG}.candidateCount", "1")
    reasoning, thinking_left = read_thinking(fields.object_(config, "thinkingConfig", _CONFIG) or {})
    response_format, format_left = _response_format(config)
    tool_config = spelled(fields.object_(body, "toolConfig") or {})
    left = fields.rest(config, (*_CONFIG_KNOWN, *_FORMAT_KNOWN)) | format_left
    if thinking_left:
        left["thinkingConfig"] = thinking_left
    tool_left = fields.rest(tool_config, (_CALLING,))
    return urp.Request(
        model=(fields.text(body, "model") or "").removeprefix("models/"),
        input=tuple(_nodes(body)),
        temperature=fields.number(config, "temperature", _CONFIG),
        top_p=fields.number(config, "topP", _CONFIG),
        top_k=_whole(config, "topK"),
        max_output_tokens=_whole(config, "maxOutputTokens"),
        reasoning=reasoning,
        tools=tuple(_tools(body)),
        tool_choice=_tool_choice(spelled(fields.object_(tool_config, _CALLING, "toolConfig") or {})),
        stop=_texts(config, "stopSequences", _CONFIG),
        response_format=response_format,
        origin="gemini",
        extra={
            **fields.rest(body, _KNOWN),
            **_common_words(config),
            **({_CONFIG: left} if left else {}),
            **({"toolConfig": tool_left} if tool_left else {}),
        },
    )


def _nodes(body: Json) -> Iterator[urp.Node]:
    yield from _instruction(body.get("systemInstruction"))
    contents = fields.given(body.get("contents"), "contents")
    if isinstance(contents, dict):
        contents = [contents]
    if not isinstance(contents, list) or not contents:
        fields.refuse("contents", "a list that is not empty")
    conversation = Conversation(contents)
    for place, content in enumerate(contents):
        yield from conversation.nodes_of(content, fields.path("contents", place))


def _instruction(value: Any) -> Iterator[urp.Node]:
    at = "systemInstruction"
    if value is None:
        return
    if isinstance(value, str):
        value = {"parts": [{"text": value}]}
    if not isinstance(value, dict):
        fields.refuse(at, "a content")
    for part, where in parts_in.parts_of(value, at):
        if parts_in.data_of(part) not in (None, "text"):
            fields.refuse(where, "text")
        node = parts_in.node_of(part, "system", where, lambda given, name: given or name)
        if isinstance(node, urp.Text):
            yield node


def _common_words(config: Json) -> Json:
    """What other protocols have as well, as most of them call it."""
    words = {
        "seed": fields.integer(config, "seed", _CONFIG),
        "presence_penalty": fields.number(config, "presencePenalty", _CONFIG),
        "frequency_penalty": fields.number(config, "frequencyPenalty", _CONFIG),
    }
    return {name: value for name, value in words.items() if value is not None}


def _response_format(config: Json) -> tuple[urp.ResponseFormat | None, Json]:
    """The format, and what only this protocol knows of it."""
    chosen, schema = _newer_format(config)
    mime_type = chosen or fields.text(config, "responseMimeType", _CONFIG)
    if schema is None:
        schema = fields.object_(config, "responseJsonSchema", _CONFIG)
    older = fields.object_(config, "responseSchema", _CONFIG)
    if schema is None and older is not None:
        schema = json_schema(older)
    if mime_type in _JSON:
        if schema is None:
            return urp.ResponseFormat(kind="json_object"), {}
        return urp.ResponseFormat(kind="json_schema", schema=schema), {}
    if mime_type == "text/plain" and schema is None and "responseFormat" not in config:
        return urp.ResponseFormat(kind="text"), {}
    return None, {name: config[name] for name in _FORMAT_KNOWN if config.get(name) is not None}


def _newer_format(config: Json) -> tuple[str | None, Json | None]:
    formats = config.get("responseFormat")
    for wanted in formats if isinstance(formats, list) else [formats]:
        text = spelled(fields.told_object(spelled(fields.told_object(wanted) or {}).get("text")) or {})
        if text.get("mimeType") in _JSON:
            return _JSON[0], fields.object_(text, "schema", f"{_CONFIG}.responseFormat.text")
    return None, None


def _tools(body: Json) -> Iterator[urp.Tool | urp.NativeTool]:
    tools = body.get("tools")
    for place, entry in enumerate([tools] if isinstance(tools, dict) else fields.list_(body, "tools") or []):
        at = fields.path("tools", place)
        if not isinstance(entry, dict):
            fields.refuse(at, "an object")
        for name, value in spelled(entry).items():
            if name == "functionDeclarations":
                for index, declared in enumerate(fields.list_({name: value}, name, at) or []):
                    yield _tool(declared, f"{at}.{name}[{index}]")
            elif value is not None:
                yield urp.NativeTool(origin="gemini", tool_type=name, body={name: value})


def _tool(declared: Any, at: str) -> urp.Tool:
    if not isinstance(declared, dict):
        fields.refuse(at, "an object")
    declared = spelled(declared)
    parameters = fields.object_(declared, "parametersJsonSchema", at)
    older = fields.object_(declared, "parameters", at)
    if parameters is None and older is not None:
        parameters = json_schema(older)
    return urp.Tool(
        name=fields.given(fields.text(declared, "name", at) or None, f"{at}.name"),
        description=fields.text(declared, "description", at),
        parameters=None if parameters is None else object_schema(parameters),
        extra=fields.rest(declared, _DECLARED),
    )


def _tool_choice(calling: Json) -> urp.ToolChoice | None:
    if not calling:
        return None
    at = f"toolConfig.{_CALLING}"
    names = _texts(calling, "allowedFunctionNames", at)
    word = (fields.text(calling, "mode", at) or "AUTO").upper()
    if word not in _MODES:
        fields.refuse(f"{at}.mode", "AUTO, ANY, NONE or VALIDATED")
    # Nobody else tells calls that must fit their schema from calls that should.
    is_own = word == "VALIDATED" and not names
    if is_own or fields.rest(calling, ("mode", "allowedFunctionNames")):
        return urp.ToolChoice(mode=_MODES[word], names=names, native=calling, origin="gemini")
    return urp.ToolChoice(mode=_MODES[word], names=names if word in ("ANY", "VALIDATED") else ())


def _texts(holder: Json, name: str, at: str) -> tuple[str, ...]:
    found = fields.list_(holder, name, at) or []
    for place, value in enumerate(found):
        if not isinstance(value, str):
            fields.refuse(fields.path(fields.path(at, name), place), "a string")
    return tuple(found)


def _whole(config: Json, name: str) -> int | None:
    """The service's own client writes whole numbers with a decimal point."""
    value = fields.number(config, name, _CONFIG)
    if value is None:
        return None
    whole = fields.told_integer(int(value))
    if whole is None or whole != value:
        fields.refuse(f"{_CONFIG}.{name}", "an integer")
    return whole
