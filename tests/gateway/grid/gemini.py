"""Gemini: how a provider answers, and what a caller hears."""

import json
from collections.abc import Mapping
from typing import Final

from gateway.grid.gemini_requests import ask, asked, go_on
from gateway.grid.meaning import (
    Answered,
    Call,
    Ending,
    Json,
    Part,
    Thought,
    Used,
    Words,
    compact,
    events,
    known,
    pieces,
)
from gateway.grid.tongue import Tongue
from google.genai import types

_ENDINGS: Final[Mapping[Ending, str]] = {
    "stop": "STOP",
    "calls": "STOP",
    "length": "MAX_TOKENS",
    "filtered": "SAFETY",
}
_HEARD: Final[Mapping[str, Ending]] = {"STOP": "stop", "MAX_TOKENS": "length", "SAFETY": "filtered"}
_WORDS: Final = frozenset(
    {
        *("candidates", "content", "role", "parts", "index", "finishReason", "modelVersion", "responseId"),
        *("text", "thought", "thoughtSignature", "functionCall", "id", "name", "args"),
        *("usageMetadata", "promptTokenCount", "candidatesTokenCount", "totalTokenCount"),
        *("cachedContentTokenCount", "thoughtsTokenCount"),
    }
)
_OPAQUE: Final = ("args",)
_HEAD: Final[Json] = {"modelVersion": "gemini-3-pro-preview", "responseId": "resp_1"}


def answer(answered: Answered) -> Json:
    parts = [_part(part) for part in answered.parts]
    # It says nothing at all rather than an empty list.
    content = {"content": {"role": "model", "parts": parts}} if parts else {}
    candidate = {**content, "finishReason": _ENDINGS[answered.ending], "index": 0}
    return {"candidates": [candidate], **_HEAD, **_usage(answered.used)}


def frames(answered: Answered) -> list[bytes]:
    parts: list[Json] = []
    for part in answered.parts:
        match part:
            case Thought(text=text) | Words(text=text):
                whole = _part(part)
                seal = whole.pop("thoughtSignature", None)
                parts += [{**whole, "text": piece} for piece in pieces(text)]
                # It comes by itself, in a part that says nothing.
                parts += [{"text": "", "thoughtSignature": seal}] if seal else []
            case _:
                parts.append(_part(part))
    told: list[Json] = [{"content": {"role": "model", "parts": [part]}, "index": 0} for part in parts]
    told = told or [{"index": 0}]
    told[-1]["finishReason"] = _ENDINGS[answered.ending]
    return [
        b"data: %b\n\n" % json.dumps({"candidates": [candidate], **_HEAD, **_usage(answered.used)}).encode()
        for candidate in told
    ]


def gathered(wire: bytes) -> Json:
    """All parts in a row. The end says why it is one, once."""
    parts: list[Json] = []
    body: Json = {}
    for name, data in events(wire):
        assert name is None
        chunk = json.loads(data)
        _strict(chunk)
        body |= chunk
        [candidate] = chunk["candidates"]
        assert "finishReason" not in candidate or data == events(wire)[-1][1]
        parts += candidate.get("content", {}).get("parts", ())
    [last] = body["candidates"]
    return {**body, "candidates": [{**last, "content": {"role": "model", "parts": _joined(parts)}}]}


def heard(body: Json) -> Answered:
    _strict(body)
    [candidate] = body["candidates"]
    parts = [_read(part) for part in candidate.get("content", {}).get("parts", ()) if part != {"text": ""}]
    ending = _HEARD[candidate["finishReason"]]
    if ending == "stop" and any(isinstance(part, Call) for part in parts):
        ending = "calls"
    return Answered(tuple(parts), ending, _used(body["usageMetadata"]) if "usageMetadata" in body else None)


def _strict(body: Json) -> None:
    """Its client refuses fields that it does not know."""
    types.GenerateContentResponse.model_validate_json(json.dumps(body))
    known(body, _WORDS, _OPAQUE)


def _joined(parts: list[Json]) -> list[Json]:
    """Pieces of the same words, and a signature that came after them."""
    found: list[Json] = []
    for part in parts:
        before = found[-1] if found else None
        is_more = before is not None and "text" in before and "text" in part and "thoughtSignature" not in before
        if before is not None and is_more and (before.get("thought") == part.get("thought") or not part["text"]):
            found[-1] = {**before, **part, "text": before["text"] + part["text"]}
        else:
            found.append(part)
    return found


def _part(part: Part) -> Json:
    match part:
        case Thought(text=text, seal=seal):
            told: Json = {"text": text, "thought": True}
        case Words(text=text, seal=seal):
            told = {"text": text}
        case Call(name=name, arguments=arguments, seal=seal):
            # Whoever makes one call after the other needs no names for them.
            told = {"functionCall": {"name": name, "args": json.loads(arguments)}}
        case _:
            raise AssertionError(part)
    return {**told, "thoughtSignature": seal} if seal else told


def _read(part: Json) -> Part:
    seal = part.get("thoughtSignature")
    if "functionCall" in part:
        call = part["functionCall"]
        # Of a name that nobody gave there is nothing to say.
        return Call(call.get("id", f"unnamed {id(part)}"), call["name"], compact(json.dumps(call["args"])), seal)
    return Thought(part["text"], seal) if part.get("thought") else Words(part["text"], seal)


def _usage(used: Used | None) -> Json:
    if used is None:
        return {}
    told = {
        "promptTokenCount": used.input,
        "candidatesTokenCount": used.output - used.thought,
        "totalTokenCount": used.input + used.output,
    }
    details = {"cachedContentTokenCount": used.read, "thoughtsTokenCount": used.thought}
    return {"usageMetadata": {**told, **{name: count for name, count in details.items() if count}}}


def _used(usage: Json) -> Used:
    thought = usage.get("thoughtsTokenCount", 0)
    output = usage["candidatesTokenCount"] + thought
    assert usage["promptTokenCount"] + output == usage["totalTokenCount"]
    return Used(usage["promptTokenCount"], output, usage.get("cachedContentTokenCount", 0), 0, thought)


GEMINI: Final = Tongue(
    name="gemini",
    channel="gemini",
    model="gemini-3-pro-preview",
    path="/v1beta/models/m:generateContent",
    stream_path="/v1beta/models/m:streamGenerateContent?alt=sse",
    ask=ask,
    go_on=go_on,
    gathered=gathered,
    heard=heard,
    asked=asked,
    answer=answer,
    frames=frames,
)
