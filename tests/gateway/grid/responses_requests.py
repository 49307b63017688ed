"""Responses: how a caller asks, and what a provider reads in it."""

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
from openai.types.responses import ResponseInputItemParam, ToolParam
from openai.types.responses.response_create_params import ResponseCreateParamsBase
from pydantic import TypeAdapter

_WORDS: Final = frozenset(
    {
        *ResponseCreateParamsBase.__annotations__,
        *("type", "role", "content", "image_url", "detail", "file_data", "filename", "refusal", "annotations"),
        *("call_id", "name", "arguments", "output", "status", "id", "summary", "encrypted_content", "logprobs"),
        *("description", "parameters", "strict", "format", "schema", "effort", "stream", "include_obfuscation"),
    }
)
_OPAQUE: Final = ("parameters", "schema")
_item: Final[TypeAdapter[Any]] = TypeAdapter(ResponseInputItemParam)
_tool: Final[TypeAdapter[Any]] = TypeAdapter(ToolParam)


def ask(asked: Asked, stream: bool) -> Json:
    body: Json = {"model": "m", "store": False, "max_output_tokens": asked.most}
    lines = asked.lines
    if lines[0][0] == "system" and isinstance(lines[0][1], Words):
        body["instructions"], lines = lines[0][1].text, lines[1:]
    body["input"] = [item for turn in turns(lines) for item in _said(*turn)]
    if asked.tools:
        body["tools"] = [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.schema,
                "strict": False,
            }
            for tool in asked.tools
        ]
    if asked.choice:
        one = {"type": "function", "name": asked.choice}
        body["tool_choice"] = "required" if asked.choice == "any" else one
    if asked.schema is not None:
        wanted = {"type": "json_schema", "name": "shape", "schema": asked.schema, "strict": True}
        body["text"] = {"format": wanted}
    if asked.effort:
        body["reasoning"] = {"effort": asked.effort, "summary": "auto"}
        body["include"] = ["reasoning.encrypted_content"]
    if asked.temperature is not None:
        body["temperature"] = asked.temperature
    return {**body, "stream": True} if stream else body


def go_on(body: Json, answer: Json, outcomes: Sequence[Outcome]) -> Json:
    body = copy.deepcopy(body)
    body["input"] += [*answer["output"], *map(_outcome, outcomes)]
    return body


def asked(body: Json) -> Asked:
    known(body, _WORDS, _OPAQUE)
    for item in body["input"]:
        # What the types want to be there and the service does not: nobody may make it up.
        _item.validate_python({"id": "", "status": "completed", **item} if _is_models(item) else item)
        # It is only found by its id where it was kept, and it is not.
        assert "reasoning" != item["type"] or ("id" in item) <= bool(item.get("encrypted_content"))
    for tool in body.get("tools", ()):
        _tool.validate_python(tool)
    assert body["store"] is False
    assert ("reasoning" in body) == (["reasoning.encrypted_content"] == body.get("include"))
    choice = body.get("tool_choice")
    instructions = [("system", Words(body["instructions"]))] if "instructions" in body else []
    return Asked(
        lines=(*instructions, *(line for item in body["input"] for line in _lines(item))),
        tools=tuple(_tool_of(tool) for tool in body.get("tools", ())),
        choice=choice["name"] if isinstance(choice, dict) else {"required": "any", None: None}[choice],
        schema=body["text"]["format"]["schema"] if "text" in body else None,
        effort=body["reasoning"]["effort"] if "reasoning" in body else None,
        most=body["max_output_tokens"],
        temperature=body.get("temperature"),
    )


def _tool_of(tool: Json) -> Tool:
    assert tool["strict"] is False, "nobody asked for more"
    return Tool(tool["name"], tool["description"], tool["parameters"])


def _said(who: Who, parts: Sequence[Any]) -> Iterator[Json]:
    match who:
        case "system":
            yield from ({"type": "message", "role": "developer", "content": part.text} for part in parts)
        case "user":
            yield {"type": "message", "role": "user", "content": [_part(part) for part in parts]}
        case "tool":
            yield from map(_outcome, parts)
        case "model":
            yield from map(_of_model, parts)


def _of_model(part: Any) -> Json:
    match part:
        case Thought(text=text, seal=seal):
            summary = [{"type": "summary_text", "text": text}] if text else []
            return {"type": "reasoning", "id": "rs_old", "summary": summary, "encrypted_content": seal}
        case Call(id=id, name=name, arguments=arguments):
            return {"type": "function_call", "call_id": id, "name": name, "arguments": arguments}
        case Refused(text=text):
            said: Json = {"type": "refusal", "refusal": text}
        case _:
            said = {"type": "output_text", "text": part.text, "annotations": []}
    head = {"type": "message", "role": "assistant", "id": "msg_old", "status": "completed"}
    return {**head, "content": [said]}


def _outcome(outcome: Outcome) -> Json:
    pictures = [{"type": "input_image", "image_url": picture.url} for picture in outcome.pictures]
    output = [{"type": "input_text", "text": outcome.text}, *pictures] if pictures else outcome.text
    return {"type": "function_call_output", "call_id": outcome.call, "output": output}


def _part(part: Any) -> Json:
    match part:
        case Picture(url=url):
            return {"type": "input_image", "image_url": url, "detail": "auto"}
        case Document(data=data, name=name):
            url = f"data:application/pdf;base64,{data}"
            return {"type": "input_file", "file_data": url, "filename": name}
    return {"type": "input_text", "text": part.text}


def _lines(item: Json) -> Iterator[Line]:
    match item["type"]:
        case "function_call":
            yield "model", Call(item["call_id"], item["name"], item["arguments"])
        case "function_call_output":
            yield "tool", _read_outcome(item)
        case "reasoning":
            texts = [part["text"] for name in ("summary", "content") for part in item.get(name, ())]
            yield "model", Thought("".join(texts), item.get("encrypted_content"))
        case _:
            who: Who = {"developer": "system", "system": "system", "user": "user", "assistant": "model"}[
                item["role"]
            ]
            content = item["content"]
            for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
                assert (who == "model") == (part["type"] in ("output_text", "refusal"))
                yield who, _read_part(part)


def _is_models(item: Json) -> bool:
    return item["type"] == "reasoning" or item.get("role") == "assistant"


def _read_outcome(item: Json) -> Outcome:
    output = item["output"]
    if isinstance(output, str):
        return Outcome(item["call_id"], output)
    parts = [_read_part(part) for part in output]
    text = "".join(part.text for part in parts if isinstance(part, Words))
    return Outcome(item["call_id"], text, tuple(part for part in parts if isinstance(part, Picture)))


def _read_part(part: Json) -> Words | Picture | Document | Refused:
    match part:
        case {"type": "input_text" | "output_text" | "text", "text": text}:
            return Words(text)
        case {"type": "refusal", "refusal": text}:
            return Refused(text)
        case {"type": "input_image", "image_url": url}:
            return Picture(url)
        case {"type": "input_file", "file_data": data, "filename": name}:
            assert data.startswith("data:application/pdf;base64,")
            return Document(data.partition(",")[2], name)
    raise AssertionError(part)
