"""Chat Completions: how a caller asks, and what a provider reads in it."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any, Final

from gateway.grid.meaning import (
    Asked,
    Call,
    Document,
    Json,
    Line,
    Outcome,
    Picture,
    Refused,
    Thought,
    Tool,
    Who,
    Words,
    known,
    turns,
)
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolUnionParam
from openai.types.chat.completion_create_params import CompletionCreateParamsBase
from pydantic import TypeAdapter

_WORDS: Final = frozenset(
    {
        *CompletionCreateParamsBase.__annotations__,
        *("role", "content", "refusal", "type", "text", "image_url", "url", "file", "file_data", "filename"),
        *("tool_call_id", "tool_calls", "id", "function", "name", "arguments", "description", "parameters"),
        *("json_schema", "schema", "strict", "include_usage", "stream", "reasoning_details", "signature", "index"),
        *("format", "extra_content"),
    }
)
_OPAQUE: Final = ("parameters", "schema", "extra_content")
_message: Final[TypeAdapter[Any]] = TypeAdapter(ChatCompletionMessageParam)
_tool: Final[TypeAdapter[Any]] = TypeAdapter(ChatCompletionToolUnionParam)


def ask(asked: Asked, stream: bool) -> Json:
    body: Json = {"model": "m", "messages": [message for turn in turns(asked.lines) for message in _said(*turn)]}
    if asked.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {"name": tool.name, "description": tool.description, "parameters": tool.schema},
            }
            for tool in asked.tools
        ]
    if asked.choice:
        one = {"type": "function", "function": {"name": asked.choice}}
        body["tool_choice"] = "required" if asked.choice == "any" else one
    if asked.schema is not None:
        json_schema = {"name": "shape", "schema": asked.schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": json_schema}
    if asked.effort:
        body["reasoning_effort"] = asked.effort
    if asked.temperature is not None:
        body["temperature"] = asked.temperature
    if asked.stop:
        body["stop"] = list(asked.stop)
    body["max_completion_tokens"] = asked.most
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body


def go_on(body: Json, answer: Json, outcomes: Sequence[Outcome]) -> Json:
    body = copy.deepcopy(body)
    body["messages"] += [answer["choices"][0]["message"], *map(_outcome, outcomes)]
    return body


def asked(body: Json) -> Asked:
    known(body, _WORDS, _OPAQUE)
    for message in body["messages"]:
        _message.validate_python(message)
    for tool in body.get("tools", ()):
        _tool.validate_python(tool)
    assert not body.get("stream") or body["stream_options"]["include_usage"] is True
    choice = body.get("tool_choice")
    stop = body.get("stop", ())
    return Asked(
        lines=tuple(line for message in body["messages"] for line in _lines(message)),
        tools=tuple(_tool_of(tool["function"]) for tool in body.get("tools", ())),
        choice=choice["function"]["name"] if isinstance(choice, dict) else {"required": "any", None: None}[choice],
        schema=body["response_format"]["json_schema"]["schema"] if "response_format" in body else None,
        effort=body.get("reasoning_effort"),
        most=body["max_completion_tokens"],
        temperature=body.get("temperature"),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
    )


def _tool_of(function: Json) -> Tool:
    return Tool(function["name"], function["description"], function["parameters"])


def _said(who: Who, parts: Sequence[Any]) -> Iterator[Json]:
    match who:
        case "system":
            yield from ({"role": "system", "content": part.text} for part in parts)
        case "user" if len(parts) == 1 and isinstance(parts[0], Words):
            yield {"role": "user", "content": parts[0].text}
        case "user":
            yield {"role": "user", "content": [_part(part) for part in parts]}
        case "tool":
            yield from map(_outcome, parts)
        case "model":
            yield _of_model(parts)


def _of_model(parts: Sequence[Any]) -> Json:
    message: Json = {"role": "assistant", "content": None}
    for part in parts:
        match part:
            case Words(text=text):
                message["content"] = text
            case Refused(text=text):
                message["refusal"] = text
            case Thought(text=text, seal=seal):
                entry = {"type": "reasoning.text", "text": text, "signature": seal, "format": "unknown", "index": 0}
                message["reasoning_details"] = [entry]
            case Call(id=id, name=name, arguments=arguments):
                call = {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}
                message.setdefault("tool_calls", []).append(call)
    return message


def _outcome(outcome: Outcome) -> Json:
    return {"role": "tool", "tool_call_id": outcome.call, "content": outcome.text}


def _part(part: Any) -> Json:
    match part:
        case Picture(url=url):
            return {"type": "image_url", "image_url": {"url": url}}
        case Document(data=data, name=name):
            file = {"file_data": f"data:application/pdf;base64,{data}", "filename": name}
            return {"type": "file", "file": file}
    return {"type": "text", "text": part.text}


def _lines(message: Json) -> Iterator[Line]:
    role, content = message["role"], message.get("content")
    match role:
        case "system" | "developer":
            yield "system", Words(_text_of(content))
        case "tool":
            yield "tool", Outcome(message["tool_call_id"], _text_of(content))
        case "user":
            for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
                yield "user", _read_part(part)
        case _:
            assert "assistant" == role
            yield from _lines_of_model(message)


def _lines_of_model(message: Json) -> Iterator[Line]:
    for entry in message.get("reasoning_details", ()):
        yield "model", Thought(entry["text"], entry.get("signature"))
    if message.get("content"):
        yield "model", Words(_text_of(message["content"]))
    if message.get("refusal"):
        yield "model", Refused(message["refusal"])
    for call in message.get("tool_calls", ()):
        function = call["function"]
        yield "model", Call(call["id"], function["name"], function["arguments"])


def _text_of(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _read_part(part: Json) -> Words | Picture | Document:
    match part:
        case {"type": "text", "text": text}:
            return Words(text)
        case {"type": "image_url", "image_url": {"url": url}}:
            return Picture(url)
        case {"type": "file", "file": {"file_data": data, "filename": name}}:
            assert data.startswith("data:application/pdf;base64,")
            return Document(data.partition(",")[2], name)
    raise AssertionError(part)
