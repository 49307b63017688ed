"""Messages: how a provider answers, and what a caller hears."""

import json
from collections.abc import Mapping
from typing import Any, Final

from anthropic.types import Message, RawMessageStreamEvent
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
from gateway.grid.messages_requests import WRITTEN, ask, asked, go_on
from gateway.grid.tongue import Tongue
from pydantic import TypeAdapter

_ENDINGS: Final[Mapping[Ending, str]] = {
    "stop": "end_turn",
    "calls": "tool_use",
    "length": "max_tokens",
    "filtered": "refusal",
}
_HEARD: Final[Mapping[str, Ending]] = {word: ending for ending, word in _ENDINGS.items()}
_WORDS: Final = frozenset(
    {
        *("id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage", "stop_details"),
        *("text", "thinking", "signature", "name", "input", "citations"),
        *("message", "index", "content_block", "delta", "partial_json"),
        *("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"),
        *("output_tokens_details", "thinking_tokens", "service_tier"),
    }
)
_OPAQUE: Final = ("input",)
_message: Final[TypeAdapter[Any]] = TypeAdapter(Message)
_event: Final[TypeAdapter[Any]] = TypeAdapter(RawMessageStreamEvent)
_HEAD: Final[Json] = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-4-6-20260205"}


def answer(answered: Answered) -> Json:
    return {
        **_HEAD,
        "content": [_block(part) for part in answered.parts],
        "stop_reason": _ENDINGS[answered.ending],
        "stop_sequence": None,
        "usage": _usage(answered.used),
    }


def frames(answered: Answered) -> list[bytes]:
    usage = {**_usage(answered.used), "output_tokens": 1, "output_tokens_details": None}
    begun = {**_HEAD, "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
    told: list[Json] = [{"type": "message_start", "message": begun}]
    for index, part in enumerate(answered.parts):
        block, deltas = _growth(part)
        told.append({"type": "content_block_start", "index": index, "content_block": block})
        told.append({"type": "ping"})
        told += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        told.append({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": _ENDINGS[answered.ending], "stop_sequence": None}
    usage = _usage(answered.used)
    late = {name: usage[name] for name in ("output_tokens", "output_tokens_details")}
    told += [{"type": "message_delta", "delta": delta, "usage": late}, {"type": "message_stop"}]
    return [_frame(event) for event in told]


def gathered(wire: bytes) -> Json:
    """The message that the events make, as clients put it together."""
    body: Json = {}
    open_one: Json | None = None
    kinds = []
    for name, data in events(wire):
        event = json.loads(data)
        assert name == event["type"]
        if name == "ping":
            continue
        _event.validate_json(data, strict=True)
        known(event, _WORDS, _OPAQUE)
        kinds.append(name)
        match name:
            case "message_start":
                body = event["message"]
            case "content_block_start":
                assert open_one is None
                assert len(body["content"]) == event["index"]
                open_one = event["content_block"]
                body["content"].append(open_one)
            case "content_block_delta":
                assert open_one is not None
                assert len(body["content"]) - 1 == event["index"]
                _grow(open_one, event["delta"])
            case "content_block_stop":
                assert open_one is not None
                _close(open_one)
                open_one = None
            case "message_delta":
                body |= event["delta"]
                body["usage"] |= {name: count for name, count in event["usage"].items() if count is not None}
    assert ["message_delta", "message_stop"] == kinds[-2:]
    assert 1 == kinds.count("message_start") == kinds.count("message_delta")
    return body


def heard(body: Json) -> Answered:
    blocks = [{name: value for name, value in block.items() if name != WRITTEN} for block in body["content"]]
    _message.validate_json(json.dumps({**body, "content": blocks}), strict=True)
    known({**body, "content": blocks}, _WORDS, _OPAQUE)
    parts = tuple(_read(block) for block in body["content"])
    ending = _HEARD[body["stop_reason"]]
    return Answered(parts, ending, _used(body["usage"]))


def _block(part: Part) -> Json:
    match part:
        case Thought(text=text, seal=seal):
            return {"type": "thinking", "thinking": text, "signature": seal}
        case Call(id=id, name=name, arguments=arguments):
            return {"type": "tool_use", "id": id, "name": name, "input": json.loads(arguments)}
        case Words(text=text):
            return {"type": "text", "text": text}
    raise AssertionError(part)


def _growth(part: Part) -> tuple[Json, list[Json]]:
    block = _block(part)
    match part:
        case Thought(text=text, seal=seal):
            deltas: list[Json] = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(text)]
            signed = {"type": "signature_delta", "signature": seal}
            return {**block, "thinking": "", "signature": ""}, [*deltas, signed]
        case Call(arguments=arguments):
            told = ["", *pieces(arguments)]
            return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in told]
        case Words(text=text):
            return {**block, "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces(text)]
    raise AssertionError(part)


def _grow(block: Json, delta: Json) -> None:
    match delta:
        case {"type": "text_delta", "text": text}:
            block["text"] += text
        case {"type": "thinking_delta", "thinking": text}:
            block["thinking"] += text
        case {"type": "signature_delta", "signature": signature}:
            assert "" == block["signature"], "it is told once"
            block["signature"] = signature
        case {"type": "input_json_delta", "partial_json": text}:
            block[WRITTEN] = block.get(WRITTEN, "") + text
        case _:
            raise AssertionError(delta)


def _close(block: Json) -> None:
    if block["type"] == "tool_use":
        assert {} == block["input"]
        block["input"] = json.loads(block[WRITTEN])


def _read(block: Json) -> Part:
    match block["type"]:
        case "thinking":
            return Thought(block["thinking"], block["signature"] or None)
        case "tool_use":
            written = block.get(WRITTEN) or compact(json.dumps(block["input"]))
            return Call(block["id"], block["name"], written)
    assert "text" == block["type"]
    return Words(block["text"])


def _usage(used: Used | None) -> Json:
    used = used or Used(0, 0)
    return {
        "input_tokens": used.input - used.read - used.written,
        "cache_creation_input_tokens": used.written,
        "cache_read_input_tokens": used.read,
        "output_tokens": used.output,
        "output_tokens_details": {"thinking_tokens": used.thought},
        "service_tier": "standard",
    }


def _used(usage: Json) -> Used:
    read, written = usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]
    details = usage.get("output_tokens_details") or {}
    total = usage["input_tokens"] + read + written
    return Used(total, usage["output_tokens"], read, written, details.get("thinking_tokens", 0))


def _frame(event: Json) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json.dumps(event).encode())


MESSAGES: Final = Tongue(
    name="messages",
    channel="messages",
    model="claude-opus-4-6",
    path="/v1/messages",
    stream_path="/v1/messages",
    ask=ask,
    go_on=go_on,
    gathered=gathered,
    heard=heard,
    asked=asked,
    answer=answer,
    frames=frames,
)
