"""Chat Completions: how a provider answers, and what a caller hears. The provider is one that shows its thoughts
as OpenRouter does, with the signature of the house that made them.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from gateway.grid.chat_requests import ask, asked, go_on
from gateway.grid.meaning import (
    Answered,
    Call,
    Ending,
    Json,
    Part,
    Refused,
    Thought,
    Used,
    Words,
    events,
    known,
    pieces,
)
from gateway.grid.tongue import Tongue
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import TypeAdapter

_ENDINGS: Final[Mapping[Ending, str]] = {
    "stop": "stop",
    "calls": "tool_calls",
    "length": "length",
    "filtered": "content_filter",
}
_HEARD: Final[Mapping[str, Ending]] = {"function_call": "calls"} | {
    word: ending for ending, word in _ENDINGS.items()
}
_WORDS: Final = frozenset(
    {
        *("id", "object", "created", "model", "choices", "usage", "service_tier", "system_fingerprint", "index"),
        *("message", "delta", "logprobs", "finish_reason", "role", "content", "refusal", "annotations"),
        *("tool_calls", "type", "function", "name", "arguments"),
        # What was before it, and what grew around it.
        *(
            "function_call",
            "reasoning",
            "reasoning_details",
            "text",
            "summary",
            "data",
            "signature",
            "format",
            "extra_content",
        ),
        *("prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details", "cached_tokens"),
        *("cache_write_tokens", "audio_tokens", "completion_tokens_details", "reasoning_tokens"),
    }
)
_OPAQUE: Final = ("extra_content",)
_answer: Final[TypeAdapter[Any]] = TypeAdapter(ChatCompletion)
_chunk: Final[TypeAdapter[Any]] = TypeAdapter(ChatCompletionChunk)
_HEAD: Final[Json] = {"id": "chatcmpl-1", "created": 1_760_000_000, "model": "gpt-5.1-2025-11-13"}


def answer(answered: Answered) -> Json:
    message: Json = {"role": "assistant", "content": None, "refusal": None, "annotations": []}
    for part in answered.parts:
        match part:
            case Words(text=text):
                message["content"] = text
            case Refused(text=text):
                message["refusal"] = text
            case Thought(text=text, seal=seal):
                message |= {"reasoning": text, "reasoning_details": [_detail(text=text, signature=seal)]}
            case Call():
                message.setdefault("tool_calls", []).append(_call(part, part.arguments))
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _ENDINGS[answered.ending]}
    told = {"usage": _usage(answered.used)} if answered.used else {}
    return {**_HEAD, "object": "chat.completion", "choices": [choice], **told, "service_tier": "default"}


def frames(answered: Answered) -> list[bytes]:
    deltas: list[Json] = [{"role": "assistant", "content": "", "refusal": None}]
    place = 0
    for part in answered.parts:
        match part:
            case Words(text=text):
                deltas += [{"content": piece} for piece in pieces(text)]
            case Refused(text=text):
                deltas += [{"refusal": piece} for piece in pieces(text)]
            case Thought(text=text, seal=seal):
                for piece in pieces(text):
                    deltas.append({"reasoning": piece, "reasoning_details": [_detail(text=piece)]})
                deltas.append({"reasoning_details": [_detail(signature=seal)]})
            case Call():
                deltas.append({"tool_calls": [{"index": place, **_call(part, "")}]})
                for piece in pieces(part.arguments):
                    deltas.append({"tool_calls": [{"index": place, "function": {"arguments": piece}}]})
                place += 1
    told = [_frame(delta, None) for delta in deltas]
    told.append(_frame({}, _ENDINGS[answered.ending]))
    if answered.used:
        told.append(
            _data({**_HEAD, "object": "chat.completion.chunk", "choices": [], "usage": _usage(answered.used)})
        )
    return [*told, b"data: [DONE]\n\n"]


def gathered(wire: bytes) -> Json:
    """The answer that the chunks make, as clients put it together."""
    names, told = zip(*events(wire), strict=True)
    assert {None} == set(names)
    assert "[DONE]" == told[-1]
    message: Json = {"content": None, "refusal": None}
    body: Json = {}
    for data in told[:-1]:
        _chunk.validate_json(data, strict=True)
        chunk = json.loads(data)
        known(chunk, _WORDS, _OPAQUE)
        assert body.get("id", chunk["id"]) == chunk["id"]
        body |= {name: chunk[name] for name in ("id", "model", "created")}
        if chunk.get("usage"):
            body["usage"] = chunk["usage"]
        for choice in chunk["choices"]:
            assert "choices" not in body, "nothing comes after the end"
            _grow(message, choice["delta"])
            if choice["finish_reason"]:
                body["choices"] = [{"index": 0, "message": message, "logprobs": None, **choice, "delta": None}]
    body["choices"][0].pop("delta")
    return {**body, "object": "chat.completion"}


def heard(body: Json) -> Answered:
    _answer.validate_json(json.dumps(body), strict=True)
    known(body, _WORDS, _OPAQUE)
    [choice] = body["choices"]
    message = choice["message"]
    parts: list[Part] = []
    details = message.get("reasoning_details", ())
    if details or message.get("reasoning"):
        seals = [entry.get("signature") or entry.get("data") for entry in details]
        parts.append(Thought(message.get("reasoning", ""), next(filter(None, seals), None)))
        texts = (entry.get("text") or entry.get("summary") or "" for entry in details)
        assert message.get("reasoning", "") == "".join(texts), "it is told twice, and alike"
    if message["content"]:
        parts.append(Words(message["content"]))
    if message["refusal"]:
        parts.append(Refused(message["refusal"]))
    for call in message.get("tool_calls", ()):
        seal = call.get("extra_content", {}).get("google", {}).get("thought_signature")
        assert "function" == call["type"]
        parts.append(Call(call["id"], call["function"]["name"], call["function"]["arguments"], seal))
    if "function_call" in message:
        call = message["function_call"]
        parts.append(Call("the only one", call["name"], call["arguments"]))
    usage = body.get("usage")
    return Answered(tuple(parts), _HEARD[choice["finish_reason"]], usage and _used(usage))


def _grow(message: Json, delta: Json) -> None:
    for name, value in delta.items():
        match name:
            case "content" | "refusal" | "reasoning" if value is not None:
                message[name] = (message.get(name) or "") + value
            case "reasoning_details" | "tool_calls":
                for entry in value:
                    _grow_entry(message.setdefault(name, []), entry)
            case "function_call":
                before = message.setdefault(name, {"name": value.get("name"), "arguments": ""})
                before["arguments"] += value["arguments"]
            case "role":
                message[name] = value


def _grow_entry(entries: list[Json], entry: Json) -> None:
    """Those of one index and kind are one, and their texts go on."""
    key = [entry["index"], entry.get("format") and entry["type"]]
    before = next((each for each in entries if key == [each["index"], each.get("format") and each["type"]]), None)
    if before is None:
        entries.append(json.loads(json.dumps(entry)))
        return
    for name, value in entry.items():
        if name in ("text", "summary", "arguments"):
            before[name] = (before.get(name) or "") + value
        elif name == "function":
            before[name]["arguments"] += value["arguments"]
        elif value is not None:
            before[name] = value


def _detail(**members: str | None) -> Json:
    return {"type": "reasoning.text", "text": "", **members, "format": "anthropic-claude-v1", "index": 0}


def _call(call: Call, arguments: str) -> Json:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _usage(used: Used) -> Json:
    return {
        "prompt_tokens": used.input,
        "completion_tokens": used.output,
        "total_tokens": used.input + used.output,
        "prompt_tokens_details": {"cached_tokens": used.read, "cache_write_tokens": used.written},
        "completion_tokens_details": {"reasoning_tokens": used.thought},
    }


def _used(usage: Json) -> Used:
    assert usage["prompt_tokens"] + usage["completion_tokens"] == usage["total_tokens"]
    of_input, of_output = usage["prompt_tokens_details"], usage["completion_tokens_details"]
    return Used(
        usage["prompt_tokens"],
        usage["completion_tokens"],
        of_input["cached_tokens"],
        of_input["cache_write_tokens"],
        of_output["reasoning_tokens"],
    )


def _frame(delta: Json, finish: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return _data({**_HEAD, "object": "chat.completion.chunk", "choices": [choice]})


def _data(chunk: Json) -> bytes:
    return b"data: %b\n\n" % json.dumps(chunk).encode()


CHAT: Final = Tongue(
    name="chat",
    channel="chat_completion",
    model="gpt-5.1",
    path="/v1/chat/completions",
    stream_path="/v1/chat/completions",
    ask=ask,
    go_on=go_on,
    gathered=gathered,
    heard=heard,
    asked=asked,
    answer=answer,
    frames=frames,
)
