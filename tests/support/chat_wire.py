"""Chat Completions as it stands on the wire, right and nearly right, and what OpenAI's own client takes of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import TypeAdapter

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.naming import Naming
from support.urp_strategies import any_json, frames_of, json_objects, names, words

RECORDED: Final = Path(__file__).parents[1] / "gateway/protocol/chat/recorded"
NAMING: Final = Naming(response_id="chatcmpl-1", created_at=1_700_000_000)
_answer: Final = TypeAdapter(ChatCompletion)
_chunk: Final = TypeAdapter(ChatCompletionChunk)

_maybe_text = st.none() | words
_parts = (
    st.fixed_dictionaries({"type": st.just("text"), "text": words})
    | st.fixed_dictionaries({"type": st.just("image_url"), "image_url": st.fixed_dictionaries({"url": words})})
    | st.fixed_dictionaries(
        {"type": st.just("input_audio"), "input_audio": st.just({"data": "AQI=", "format": "wav"})}
    )
    | st.fixed_dictionaries({"type": st.just("file"), "file": st.fixed_dictionaries({"file_id": names})})
    | st.fixed_dictionaries({"type": st.sampled_from(["refusal", "else"]), "refusal": words})
    | st.just({"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "seen"}]})
)
_contents = _maybe_text | st.lists(_parts, max_size=3)
_said_parts = st.sampled_from(
    [
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": ""},
        {"type": "refusal", "refusal": "no"},
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
        {"type": "else", "of": 1},
        "a",
    ]
)
_functions = st.fixed_dictionaries({"name": names, "arguments": words})
_calls = st.fixed_dictionaries({"id": names, "type": st.just("function"), "function": _functions}) | (
    st.fixed_dictionaries(
        {
            "id": names,
            "type": st.just("custom"),
            "custom": st.fixed_dictionaries({"name": names, "input": words}),
        }
    )
)
_details = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["reasoning.text", "reasoning.summary", "reasoning.encrypted", "else"]),
        "index": st.none() | st.integers(0, 2),
        "format": st.sampled_from(["unknown", "anthropic-claude-v1", "openai-responses-v1", "google-gemini-v1"]),
        "id": _maybe_text,
    },
    optional={"text": _maybe_text, "summary": words, "data": words, "signature": _maybe_text},
)
said = st.fixed_dictionaries(
    {},
    optional={
        "content": _maybe_text | st.lists(_said_parts, max_size=3),
        "refusal": _maybe_text,
        "tool_calls": st.lists(_calls, max_size=2),
        "function_call": _functions,
        "reasoning_content": _maybe_text,
        "reasoning": _maybe_text,
        "reasoning_details": st.lists(_details, max_size=4),
        "audio": st.fixed_dictionaries({"id": names}),
        "images": st.just([{"type": "image_url", "image_url": {"url": "data:image/png;base64,AQI="}}]),
        "annotations": st.just([{"type": "url_citation"}]),
    },
)
_messages = (
    st.builds(lambda message, role: {**message, "role": role}, said, st.just("assistant"))
    | st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "developer", "user", "else"]), "content": _contents}
    )
    | st.fixed_dictionaries({"role": st.just("tool"), "tool_call_id": names, "content": _contents})
    | st.fixed_dictionaries({"role": st.just("function"), "name": names, "content": _maybe_text})
)
_schema = st.fixed_dictionaries({"name": names, "parameters": json_objects})
_tools = st.fixed_dictionaries({"type": st.sampled_from(["function", "else"]), "function": _schema}) | (
    st.fixed_dictionaries({"type": st.just("custom"), "custom": st.fixed_dictionaries({"name": names})})
)
bodies = st.fixed_dictionaries(
    {"model": names, "messages": st.lists(_messages, min_size=1, max_size=5)},
    optional={
        "n": st.just(1),
        "stream": st.booleans(),
        "stream_options": st.just({"include_usage": False, "include_obfuscation": False}),
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "top_k": st.integers(1, 100),
        "max_tokens": st.integers(1, 10**6),
        "max_completion_tokens": st.integers(1, 10**6),
        "reasoning_effort": st.sampled_from(["none", "minimum", "low", "max"]),
        "reasoning": st.sampled_from([{"effort": "high"}, {"max_tokens": 2_000}, {"enabled": False}]),
        "thinking": st.sampled_from([{"type": "disabled"}, {"type": "enabled", "budget_tokens": 2_000}]),
        "tools": st.lists(_tools, max_size=2),
        "functions": st.lists(_schema, max_size=2),
        "tool_choice": st.sampled_from(
            [
                "auto",
                "required",
                {"type": "function", "function": {"name": "f"}},
                {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}},
            ]
        ),
        "function_call": st.just({"name": "f"}),
        "parallel_tool_calls": st.booleans(),
        "stop": words | st.lists(words, max_size=4),
        "response_format": st.sampled_from(
            [{"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "s", "schema": {}}}]
        ),
        "verbosity": st.just("low"),
        "user": words,
        "seed": st.integers(),
        "metadata": json_objects,
    },
)
usages = st.fixed_dictionaries(
    {"prompt_tokens": st.integers(0, 99), "completion_tokens": st.integers(0, 99), "total_tokens": st.just(99)},
    optional={
        "prompt_tokens_details": st.fixed_dictionaries({"cached_tokens": st.integers(0, 99)}),
        "completion_tokens_details": st.fixed_dictionaries({"reasoning_tokens": st.integers(0, 99)}),
    },
)
_reasons = st.sampled_from(["stop", "length", "tool_calls", "function_call", "content_filter", "eos", "else", None])
_head = {"id": names, "model": names, "created": st.integers(0, 2**32)}
answers = st.fixed_dictionaries(
    {
        **_head,
        "object": st.just("chat.completion"),
        "choices": st.lists(
            st.fixed_dictionaries({"index": st.just(0), "message": said, "finish_reason": _reasons}),
            min_size=1,
            max_size=1,
        ),
    },
    optional={"usage": usages, "service_tier": st.just("flex"), "error": st.none()},
)
_delta_calls = st.fixed_dictionaries(
    {},
    optional={
        "index": st.none() | st.integers(0, 2),
        "id": _maybe_text,
        "type": st.sampled_from(["function", "custom"]),
        "function": st.fixed_dictionaries({}, optional={"name": _maybe_text, "arguments": _maybe_text}),
        "custom": st.fixed_dictionaries({}, optional={"name": _maybe_text, "input": _maybe_text}),
        "extra_content": st.just({"google": {"thought_signature": "AQI="}}),
    },
)
deltas = st.builds(
    lambda delta, calls, audio: {**delta, **calls, **audio},
    said,
    st.fixed_dictionaries({}, optional={"tool_calls": st.lists(_delta_calls, max_size=2)}),
    st.fixed_dictionaries({}, optional={"audio": st.just({"id": "audio_1", "data": "AQI=", "transcript": "a"})}),
)
chunks = st.fixed_dictionaries(
    {
        **_head,
        "object": st.just("chat.completion.chunk"),
        "choices": st.lists(
            st.fixed_dictionaries(
                {"index": st.just(0), "delta": deltas, "finish_reason": st.none() | _reasons},
                optional={"message": said},
            ),
            max_size=1,
        ),
    },
    optional={"usage": st.none() | usages, "error": st.none()},
)


def recorded(name: str) -> list[tuple[str | None, bytes]]:
    return frames_of((RECORDED / f"{name}.sse").read_bytes())


def every_recording() -> list[str]:
    return sorted(file.stem for file in RECORDED.glob("*.sse"))


def accepted_answer(body: urp.Json) -> ChatCompletion:
    """As strictly as OpenAI's client can be asked to take it."""
    return _answer.validate_json(msgspec.json.encode(body), strict=True)


def accepted_chunks(wire: bytes) -> list[urp.Json]:
    """The chunks of a stream that ends as it should."""
    frames = [data for _, data in frames_of(wire)]
    assert b"[DONE]" == frames[-1]
    assert 1 == frames.count(b"[DONE]")
    for data in frames[:-1]:
        _chunk.validate_json(data, strict=True)
    return [msgspec.json.decode(data) for data in frames[:-1]]


def bare(nodes: Sequence[urp.Node]) -> list[urp.Node]:
    """Without what a protocol may note beside a node. Parts of a summary are one text here."""
    return [_bare(node) for node in nodes]


def _bare(node: urp.Node) -> urp.Node:
    if isinstance(node, urp.ProviderItem):
        return node
    if isinstance(node, urp.Reasoning) and node.summary:
        node = msgspec.structs.replace(node, summary=("\n\n".join(node.summary),))
    return msgspec.structs.replace(node, extra={})


def frame(chunk: Any) -> tuple[None, bytes]:
    return None, msgspec.json.encode(chunk)


frames: st.SearchStrategy[tuple[str | None, bytes]] = (
    chunks.map(frame)
    | any_json.map(frame)
    | st.sampled_from(
        [(None, b"[DONE]"), (None, b""), ("error", b'{"message":"no"}'), (None, b"<html>"), (None, b"\xff")]
    )
)
