"""Gemini: how a caller asks, and what a provider reads in it."""

import copy
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

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
from google.genai import types

_WORDS: Final = frozenset(
    {
        *("contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "role", "parts"),
        *("text", "thought", "thoughtSignature", "inlineData", "fileData", "mimeType", "data", "fileUri"),
        *("displayName", "functionCall", "functionResponse", "id", "name", "args", "response"),
        *("functionDeclarations", "description", "parametersJsonSchema", "functionCallingConfig", "mode"),
        *("allowedFunctionNames", "temperature", "maxOutputTokens", "stopSequences", "responseMimeType"),
        *("responseJsonSchema", "thinkingConfig", "thinkingLevel", "includeThoughts"),
    }
)
_OPAQUE: Final = ("args", "response", "parametersJsonSchema", "responseJsonSchema")
_TYPES: Final = {"png": "image/png", "pdf": "application/pdf"}
UNSIGNED: Final = "skip_thought_signature_validator"
"""What the service wants to see where another model made a call."""


def ask(asked: Asked, stream: bool) -> Json:
    """Whether to stream, its address says."""
    body: Json = {"contents": _turns(asked.lines)}
    system = [part.text for who, part in asked.lines if who == "system" and isinstance(part, Words)]
    if system:
        body["systemInstruction"] = {"parts": [{"text": text} for text in system]}
    if asked.tools:
        declared = [
            {"name": tool.name, "description": tool.description, "parametersJsonSchema": tool.schema}
            for tool in asked.tools
        ]
        body["tools"] = [{"functionDeclarations": declared}]
    if asked.choice:
        names = {} if asked.choice == "any" else {"allowedFunctionNames": [asked.choice]}
        body["toolConfig"] = {"functionCallingConfig": {"mode": "ANY", **names}}
    config: Json = {"maxOutputTokens": asked.most}
    if asked.schema is not None:
        config |= {"responseMimeType": "application/json", "responseJsonSchema": asked.schema}
    if asked.effort:
        config["thinkingConfig"] = {"thinkingLevel": asked.effort.upper(), "includeThoughts": True}
    if asked.temperature is not None:
        config["temperature"] = asked.temperature
    if asked.stop:
        config["stopSequences"] = list(asked.stop)
    return {**body, "generationConfig": config}


def go_on(body: Json, answer: Json, outcomes: Sequence[Outcome]) -> Json:
    body = copy.deepcopy(body)
    said = answer["candidates"][0]["content"]
    calls = [part["functionCall"] for part in said["parts"] if "functionCall" in part]
    written = [_outcome(outcome, call["name"]) for outcome, call in zip(outcomes, calls, strict=True)]
    for part, call in zip(written, calls, strict=True):
        part["functionResponse"] |= {"id": call["id"]} if "id" in call else {}
    body["contents"] += [said, {"role": "user", "parts": written}]
    return body


def asked(body: Json) -> Asked:
    known(body, _WORDS, _OPAQUE)
    for content in body["contents"]:
        types.Content.model_validate_json(json.dumps(content))
    for tool in body.get("tools", ()):
        types.Tool.model_validate_json(json.dumps(tool))
    config, system = body["generationConfig"], body.get("systemInstruction", {"parts": []})
    types.GenerationConfig.model_validate_json(json.dumps(config))
    assert ("responseJsonSchema" in config) == (config.get("responseMimeType") == "application/json")
    calling = body.get("toolConfig", {}).get("functionCallingConfig")
    assert calling is None or "ANY" == calling["mode"]
    declared = [function for tool in body.get("tools", ()) for function in tool["functionDeclarations"]]
    level = config.get("thinkingConfig", {}).get("thinkingLevel")
    return Asked(
        lines=(*(("system", Words(part["text"])) for part in system["parts"]), *_conversation(body["contents"])),
        tools=tuple(Tool(each["name"], each["description"], each["parametersJsonSchema"]) for each in declared),
        choice=calling and calling.get("allowedFunctionNames", ["any"])[0],
        schema=config.get("responseJsonSchema"),
        effort=level and level.lower(),
        most=config["maxOutputTokens"],
        temperature=config.get("temperature"),
        stop=tuple(config.get("stopSequences", ())),
    )


def _turns(lines: Sequence[Line]) -> list[Json]:
    names = {part.id: part.name for _, part in lines if isinstance(part, Call)}
    contents = []
    for who, parts in turns([line for line in lines if line[0] != "system"]):
        written = [
            _outcome(part, names[part.call]) if isinstance(part, Outcome) else _written(part) for part in parts
        ]
        contents.append({"role": "model" if who == "model" else "user", "parts": written})
    return contents


def _written(part: Any) -> Json:
    match part:
        case Thought(text=text, seal=seal):
            return {"text": text, "thought": True, "thoughtSignature": seal}
        case Call(name=name, arguments=arguments, seal=seal):
            signed = {"thoughtSignature": seal} if seal else {}
            return {"functionCall": {"name": name, "args": json.loads(arguments)}, **signed}
        case Picture(url=url):
            return _blob(url)
        case Document(data=data, name=name):
            return {"inlineData": {"mimeType": "application/pdf", "data": data, "displayName": name}}
    return {"text": part.text}


def _blob(url: str) -> Json:
    head, _, data = url.partition(";base64,")
    if data:
        return {"inlineData": {"mimeType": head.removeprefix("data:"), "data": data}}
    return {"fileData": {"mimeType": _TYPES[url.rpartition(".")[2]], "fileUri": url}}


def _outcome(outcome: Outcome, name: str) -> Json:
    result: Json = {"name": name, "response": {"error" if outcome.failed else "output": outcome.text}}
    if outcome.pictures:
        result["parts"] = [_blob(picture.url) for picture in outcome.pictures]
    return {"functionResponse": result}


def _conversation(contents: Sequence[Json]) -> Iterator[Line]:
    """Results follow their calls at once, as many as there were, and have their names."""
    called: list[Call] = []
    for place, content in enumerate(contents):
        results = [part["functionResponse"] for part in content["parts"] if "functionResponse" in part]
        assert len(called) == len(results)
        for result, call in zip(results, called, strict=True):
            assert (call.name, result.get("id", call.id)) == (result["name"], call.id)
            yield "tool", _read_outcome(result, call.id)
        who: Who = "model" if content["role"] == "model" else "user"
        read = [
            _read(part, f"{place}.{number}")
            for number, part in enumerate(content["parts"])
            if "functionResponse" not in part
        ]
        assert not (read and results), "they stand alone"
        called = [part for part in read if isinstance(part, Call)]
        yield from ((who, part) for part in read)
    assert not called


def _read_outcome(result: Json, call: str) -> Outcome:
    response = result["response"]
    text = response.get("error", response.get("output"))
    pictures = [_read(part, "") for part in result.get("parts", ())]
    return Outcome(
        call,
        compact(json.dumps(response)) if text is None else text,
        tuple(part for part in pictures if isinstance(part, Picture)),
        "error" in response,
    )


def _read(part: Json, id: str) -> Part:
    seal = part.get("thoughtSignature")
    match part:
        case {"functionCall": call}:
            return Call(call.get("id", id), call["name"], compact(json.dumps(call["args"])), seal)
        case {"inlineData": {"mimeType": "application/pdf", "data": data, **others}}:
            return Document(data, others.get("displayName"))
        case {"inlineData": {"mimeType": mime_type, "data": data}}:
            return Picture(f"data:{mime_type};base64,{data}")
        case {"fileData": {"fileUri": url, "mimeType": mime_type}}:
            assert _TYPES[url.rpartition(".")[2]] == mime_type
            return Picture(url)
        case {"text": text, "thought": True}:
            return Thought(text, seal)
        case {"text": text}:
            return Words(text, seal)
    raise AssertionError(part)
