"""Responses: how a provider answers, and what a caller hears."""

import json
from collections.abc import Mapping
from typing import Any, Final

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
from gateway.grid.responses_requests import ask, asked, go_on
from gateway.grid.tongue import Tongue
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

_WHY: Final[Mapping[Ending, str]] = {"length": "max_output_tokens", "filtered": "content_filter"}
_HEARD: Final[Mapping[str, Ending]] = {word: ending for ending, word in _WHY.items()}
_WORDS: Final = frozenset(
    {
        *Response.model_fields,
        *("store", "reason", "effort", "summary", "format", "type", "role", "content", "phase"),
        *("arguments", "call_id", "name"),
        *("encrypted_content", "annotations", "logprobs", "refusal"),
        *("input_tokens", "input_tokens_details", "cached_tokens", "cache_write_tokens", "output_tokens"),
        *("output_tokens_details", "reasoning_tokens", "total_tokens"),
    }
)
_response: Final[TypeAdapter[Any]] = TypeAdapter(Response)
_event: Final[TypeAdapter[Any]] = TypeAdapter(ResponseStreamEvent)


def answer(answered: Answered) -> Json:
    return _body(answered, [_item(part, place) for place, part in enumerate(answered.parts)])


def frames(answered: Answered) -> list[bytes]:
    begun = _body(answered, [], status="in_progress")
    told: list[Json] = [{"type": "response.created", "response": begun}]
    told.append({"type": "response.in_progress", "response": begun})
    items = []
    for place, part in enumerate(answered.parts):
        item = _item(part, place)
        items.append(item)
        told.append({"type": "response.output_item.added", "output_index": place, "item": _begun(item)})
        at = {"item_id": item["id"], "output_index": place}
        told += [{**event, **at} for event in _growth(part)]
        told.append({"type": "response.output_item.done", "output_index": place, "item": item})
    last = _body(answered, items)
    told.append({"type": f"response.{last['status']}", "response": last})
    return [_frame({**event, "sequence_number": number}) for number, event in enumerate(told)]


def gathered(wire: bytes) -> Json:
    """What its last event says, with which all that was told before has to agree."""
    told = []
    for name, data in events(wire):
        event = _event.validate_json(data, strict=True)
        assert name == event.type
        told.append(json.loads(data))
    assert list(range(len(told))) == [event["sequence_number"] for event in told]
    kinds = [event["type"] for event in told]
    assert ["response.created", "response.in_progress"] == kinds[:2]
    last = told[-1]
    assert f"response.{last['response']['status']}" == last["type"]
    _assert_agrees(told[2:-1], last["response"]["output"])
    body = last["response"]
    assert isinstance(body, dict)
    return body


def heard(body: Json) -> Answered:
    _response.validate_json(json.dumps(body), strict=True)
    known(body, _WORDS, ())
    parts: list[Part] = []
    for item in body["output"]:
        match item["type"]:
            case "reasoning":
                texts = [part["text"] for name in ("summary", "content") for part in item.get(name) or ()]
                parts.append(Thought("".join(texts), item.get("encrypted_content")))
            case "function_call":
                parts.append(Call(item["call_id"], item["name"], item["arguments"]))
            case _:
                assert "message" == item["type"]
                parts += [_read_part(part) for part in item["content"]]
    ending: Ending = "calls" if any(isinstance(part, Call) for part in parts) else "stop"
    if body["status"] == "incomplete":
        ending = _HEARD[body["incomplete_details"]["reason"]]
    else:
        assert ("completed", None) == (body["status"], body["incomplete_details"])
    return Answered(tuple(parts), ending, body["usage"] and _used(body["usage"]))


def _body(answered: Answered, output: list[Json], status: str = "") -> Json:
    why = _WHY.get(answered.ending)
    status = status or ("incomplete" if why else "completed")
    is_over = status != "in_progress"
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_760_000_000,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": why} if why and is_over else None,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "model": "gpt-5.1-2025-11-13",
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": "high", "summary": None},
        "service_tier": "default",
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": _usage(answered.used) if answered.used and is_over else None,
        "user": None,
    }


def _item(part: Part, place: int) -> Json:
    match part:
        case Thought(text=text, seal=seal):
            summary = [{"type": "summary_text", "text": text}] if text else []
            return {"id": f"rs_{place}", "type": "reasoning", "summary": summary, "encrypted_content": seal}
        case Call():
            call = {"call_id": part.id, "name": part.name, "arguments": part.arguments}
            return {"id": f"fc_{place}", "type": "function_call", "status": "completed", **call}
        case Refused(text=text):
            said: Json = {"type": "refusal", "refusal": text}
        case Words(text=text):
            said = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        case _:
            raise AssertionError(part)
    head = {"id": f"msg_{place}", "type": "message", "status": "completed", "role": "assistant"}
    return {**head, "content": [said]}


def _begun(item: Json) -> Json:
    match item["type"]:
        case "reasoning":
            return {**item, "summary": [], "encrypted_content": "begun"}
        case "function_call":
            return {**item, "arguments": "", "status": "in_progress"}
    return {**item, "content": [], "status": "in_progress"}


def _growth(part: Part) -> list[Json]:
    match part:
        case Thought(text=text) if text:
            name, full, where = "reasoning_summary_text", {"text": text}, {"summary_index": 0}
            begun, ended = ({"type": "summary_text", "text": each} for each in ("", text))
            around = "reasoning_summary_part"
        case Thought():
            return []
        case Call(arguments=arguments):
            told: Json = {"arguments": arguments, "name": part.name}
            done = {"type": "response.function_call_arguments.done", **told}
            delta = "response.function_call_arguments.delta"
            return [*({"type": delta, "delta": piece} for piece in pieces(arguments)), done]
        case Refused(text=text):
            name, full, where, around = "refusal", {"refusal": text}, {"content_index": 0}, "content_part"
            begun, ended = ({"type": "refusal", "refusal": each} for each in ("", text))
        case Words(text=text):
            name, full = "output_text", {"text": text, "logprobs": []}
            where, around = {"content_index": 0}, "content_part"
            begun, ended = ({"type": "output_text", "text": each, "annotations": []} for each in ("", text))
        case _:
            raise AssertionError(part)
    more = {"logprobs": [], "obfuscation": "x"} if name == "output_text" else {}
    return [
        {"type": f"response.{around}.added", "part": begun, **where},
        *({"type": f"response.{name}.delta", "delta": piece, **where, **more} for piece in pieces(text)),
        {"type": f"response.{name}.done", **full, **where},
        {"type": f"response.{around}.done", "part": ended, **where},
    ]


def _assert_agrees(told: list[Json], output: list[Json]) -> None:
    places = [event["output_index"] for event in told]
    assert sorted(places) == places, "one item after the other"
    for place, item in enumerate(output):
        mine = [event for event in told if event["output_index"] == place]
        assert "response.output_item.added" == mine[0]["type"]
        assert ("response.output_item.done", item) == (mine[-1]["type"], mine[-1]["item"])
        assert item["id"] == mine[0]["item"]["id"]
        said = "".join(event["delta"] for event in mine if event["type"].endswith(".delta"))
        parts = [*item.get("summary", ()), *(item.get("content") or ())]
        whole = item.get("arguments", "".join(part.get("text", part.get("refusal")) for part in parts))
        assert whole == said, (whole, said)


def _usage(used: Used) -> Json:
    return {
        "input_tokens": used.input,
        "input_tokens_details": {"cached_tokens": used.read, "cache_write_tokens": used.written},
        "output_tokens": used.output,
        "output_tokens_details": {"reasoning_tokens": used.thought},
        "total_tokens": used.input + used.output,
    }


def _used(usage: Json) -> Used:
    assert usage["input_tokens"] + usage["output_tokens"] == usage["total_tokens"]
    of_input, of_output = usage["input_tokens_details"], usage["output_tokens_details"]
    return Used(
        usage["input_tokens"],
        usage["output_tokens"],
        of_input["cached_tokens"],
        of_input["cache_write_tokens"],
        of_output["reasoning_tokens"],
    )


def _read_part(part: Json) -> Words | Refused:
    return Refused(part["refusal"]) if part["type"] == "refusal" else Words(part["text"])


def _frame(event: Json) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json.dumps(event).encode())


RESPONSES: Final = Tongue(
    name="responses",
    channel="responses",
    model="gpt-5.1",
    path="/v1/responses",
    stream_path="/v1/responses",
    ask=ask,
    go_on=go_on,
    gathered=gathered,
    heard=heard,
    asked=asked,
    answer=answer,
    frames=frames,
)
