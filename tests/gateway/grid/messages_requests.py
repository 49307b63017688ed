"""Messages: how a caller asks, and what a provider reads in it."""

import copy
import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from anthropic.types import ContentBlockParam, MessageCreateParams, ToolUnionParam
from anthropic.types.message_create_params import MessageCreateParamsBase
from gateway.grid.meaning import (
    Asked,
    Call,
    Document,
    Json,
    Line,
    Outcome,
    Part,
    Picture,
    Thought,
    Tool,
    Who,
    Words,
    compact,
    known,
    turns,
)
from pydantic import TypeAdapter

_WORDS: Final = frozenset(
    {
        *MessageCreateParamsBase.__annotations__,
        *("role", "content", "type", "text", "source", "media_type", "data", "url", "title", "stream"),
        *("id", "name", "input", "tool_use_id", "is_error", "thinking", "signature"),
        *("description", "input_schema", "strict", "effort", "format", "schema"),
        # Models of the time before 4.7 take these, which the SDK has forgotten.
        *("temperature", "stop_sequences"),
    }
)
_OPAQUE: Final = ("input", "input_schema", "schema")
WRITTEN: Final = "as it was written"
"""In a call that streamed, for those who want to know: an object has lost its spelling."""
_request: Final[TypeAdapter[Any]] = TypeAdapter(MessageCreateParams)
_block: Final[TypeAdapter[Any]] = TypeAdapter(ContentBlockParam)
_tool: Final[TypeAdapter[Any]] = TypeAdapter(ToolUnionParam)


def ask(asked: Asked, stream: bool) -> Json:
    body: Json = {"model": "m", "max_tokens": asked.most}
    system = [part.text for who, part in asked.lines if who == "system" and isinstance(part, Words)]
    if system:
        body["system"] = [{"type": "text", "text": text} for text in system]
    body["messages"] = _turns(asked.lines)
    if asked.tools:
        body["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.schema}
            for tool in asked.tools
        ]
    if asked.choice:
        one = {"type": "tool", "name": asked.choice}
        body["tool_choice"] = {"type": "any"} if asked.choice == "any" else one
    output: Json = {}
    if asked.schema is not None:
        output["format"] = {"type": "json_schema", "schema": asked.schema}
    if asked.effort:
        body["thinking"] = {"type": "adaptive"}
        output["effort"] = asked.effort
    if output:
        body["output_config"] = output
    if asked.temperature is not None:
        body["temperature"] = asked.temperature
    if asked.stop:
        body["stop_sequences"] = list(asked.stop)
    return {**body, "stream": True} if stream else body


def go_on(body: Json, answer: Json, outcomes: Sequence[Outcome]) -> Json:
    body = copy.deepcopy(body)
    said = [{name: value for name, value in block.items() if name != WRITTEN} for block in answer["content"]]
    body["messages"].append({"role": "assistant", "content": said})
    body["messages"].append({"role": "user", "content": [_written(outcome) for outcome in outcomes]})
    return body


def asked(body: Json) -> Asked:
    known(body, _WORDS, _OPAQUE)
    _request.validate_python(body)
    sides = [message["role"] for message in body["messages"]]
    assert all(one != other for one, other in itertools.pairwise(sides)), "turns alternate"
    for tool in body.get("tools", ()):
        _tool.validate_python(tool)
    output, choice = body.get("output_config", {}), body.get("tool_choice")
    assert ("effort" in output) == ("thinking" in body)
    assert body.get("thinking", {"type": "adaptive"}) == {"type": "adaptive"}
    return Asked(
        lines=(
            *(("system", Words(block["text"])) for block in body.get("system", ())),
            *(line for message in body["messages"] for line in _lines(message)),
        ),
        tools=tuple(_tool_of(tool) for tool in body.get("tools", ())),
        choice=choice and choice.get("name", choice["type"]),
        schema=output["format"]["schema"] if "format" in output else None,
        effort=output.get("effort"),
        most=body["max_tokens"],
        temperature=body.get("temperature"),
        stop=tuple(body.get("stop_sequences", ())),
    )


def _tool_of(tool: Json) -> Tool:
    return Tool(tool["name"], tool["description"], tool["input_schema"])


def _turns(lines: Sequence[Line]) -> list[Json]:
    """Outcomes begin the turn of the user that follows the calls."""
    said: list[tuple[Who, Part]] = [
        ("user" if who == "tool" else who, part) for who, part in lines if who != "system"
    ]
    roles = {"user": "user", "model": "assistant"}
    return [{"role": roles[who], "content": [_written(part) for part in parts]} for who, parts in turns(said)]


def _written(part: Any) -> Json:
    match part:
        case Thought(text=text, seal=seal):
            return {"type": "thinking", "thinking": text, "signature": seal}
        case Call(id=id, name=name, arguments=arguments):
            return {"type": "tool_use", "id": id, "name": name, "input": json.loads(arguments)}
        case Picture(url=url):
            return {"type": "image", "source": _source(url)}
        case Document(data=data, name=name):
            source = {"type": "base64", "media_type": "application/pdf", "data": data}
            return {"type": "document", "source": source, "title": name}
        case Outcome():
            content = [_written(each) for each in (Words(part.text), *part.pictures)]
            told = {"is_error": True} if part.failed else {}
            return {"type": "tool_result", "tool_use_id": part.call, "content": content, **told}
    return {"type": "text", "text": part.text}


def _source(url: str) -> Json:
    head, _, data = url.partition(";base64,")
    if not data:
        return {"type": "url", "url": url}
    return {"type": "base64", "media_type": head.removeprefix("data:"), "data": data}


def _lines(message: Json) -> Iterator[Line]:
    who: Who = "model" if message["role"] == "assistant" else "user"
    kinds = [block["type"] == "tool_result" for block in message["content"]]
    assert sorted(kinds, reverse=True) == kinds, "results come first"
    for block in message["content"]:
        _block.validate_python(block)
        yield ("tool" if block["type"] == "tool_result" else who), _read(block)


def _read(block: Json) -> Part:
    match block["type"]:
        case "thinking":
            return Thought(block["thinking"], block["signature"])
        case "tool_use":
            return Call(block["id"], block["name"], compact(json.dumps(block["input"])))
        case "image":
            return Picture(_url(block["source"]))
        case "document":
            source = block["source"]
            assert ("base64", "application/pdf") == (source["type"], source["media_type"])
            return Document(source["data"], block.get("title"))
        case "tool_result":
            parts = [_read(each) for each in block.get("content", ())]
            text = "".join(part.text for part in parts if isinstance(part, Words))
            pictures = tuple(part for part in parts if isinstance(part, Picture))
            return Outcome(block["tool_use_id"], text, pictures, block.get("is_error", False))
    assert block["text"].strip()
    return Words(block["text"])


def _url(source: Json) -> str:
    if source["type"] == "url":
        return str(source["url"])
    assert "base64" == source["type"]
    return f"data:{source['media_type']};base64,{source['data']}"
