"""A request goes through the common language and comes out as one that Anthropic takes."""

import contextlib

import msgspec
import pytest
from gateway.protocol.messages.shapes import assert_sendable, assert_typed
from hypothesis import assume, given
from hypothesis import strategies as st
from support import urp_strategies as urps

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.messages.request_in import SCHEMA_NAME, decode_request
from monoize.gateway.protocol.messages.request_out import MAX_TOKENS_UNTOLD, encode_request

NOBODYS = "some-model"
NEW, MIDDLE, OLD = "claude-opus-4-8", "claude-opus-4-6", "claude-sonnet-4-5"
CACHED = {"type": "ephemeral", "ttl": "1h"}

# Every field that a caller may send, written as we would write it.
WIRE = {
    "model": NOBODYS,
    "max_tokens": 9_000,
    "system": [{"cache_control": CACHED, "type": "text", "text": "Be brief."}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look."},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
                {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
                {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
                {
                    "cache_control": CACHED,
                    "citations": {"enabled": True},
                    "context": "old",
                    "type": "document",
                    "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="},
                    "title": "A paper",
                },
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Once."}},
                {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "x"}]},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
                {"type": "thinking", "thinking": "", "signature": "b21pdHRlZA=="},
                {"type": "redacted_thinking", "data": "ZGF0YQ=="},
                {"type": "text", "text": "I call two."},
                {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
                {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
                {"cache_control": CACHED, "type": "tool_use", "id": "toolu_1", "name": "f", "input": {"n": 2**70}},
                {"type": "tool_use", "id": "toolu_2", "name": "f", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "content": [
                        {"type": "text", "text": "one"},
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
                        {"type": "tool_reference", "tool_name": "g"},
                    ],
                },
                {"type": "tool_result", "tool_use_id": "toolu_2", "is_error": True},
                {"type": "text", "text": "And?"},
            ],
        },
    ],
    "tools": [
        {
            "cache_control": CACHED,
            "defer_loading": True,
            "name": "f",
            "description": "It does.",
            "input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}},
            "strict": True,
        },
        {"type": "web_search_20260318", "name": "web_search", "max_uses": 3},
    ],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "temperature": 1,
    "top_p": 0.96,
    "stop_sequences": ["END"],
    "thinking": {"type": "enabled", "budget_tokens": 2_000, "display": "omitted"},
    "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": {"type": "object"}}},
    "metadata": {"user_id": "u_1"},
    "service_tier": "standard_only",
    "container": "container_1",
    "inference_geo": "us",
    "mcp_servers": [{"type": "url", "url": "https://example.com", "name": "m"}],
    "context_management": {"edits": []},
    "something_new": {"a": [1]},
    "stream": True,
}


def is_blank(node):
    return isinstance(node, urp.Text) and not node.text.strip()


def sayable(found):
    """What this protocol can say of a request: system text first, thinking readable as one text, nothing blank."""
    system, others = [], []
    for node in found.input:
        if is_blank(node):
            continue
        match node:
            case urp.Text(role="system" | "developer"):
                system.append(msgspec.structs.replace(node, role="system"))
                continue
            case urp.Image():
                node = msgspec.structs.replace(node, detail=None)
            case urp.Reasoning():
                node = thought(node)
            case urp.ToolResult():
                node = msgspec.structs.replace(node, content=tuple(p for p in node.content if not is_blank(p)))
        others.append(node)
    wanted = found.response_format
    choice, in_parallel = found.tool_choice, found.parallel_tool_calls
    if in_parallel or (choice and choice.mode == "none"):
        in_parallel = None
    if in_parallel is False and choice is None:
        choice = urp.ToolChoice(mode="auto")
    return msgspec.structs.replace(
        found,
        model=NOBODYS,
        input=(*system, *others),
        reasoning=None,
        max_output_tokens=MAX_TOKENS_UNTOLD if found.max_output_tokens is None else found.max_output_tokens,
        tool_choice=choice,
        parallel_tool_calls=in_parallel,
        stop=tuple(each for each in found.stop if each.strip()),
        verbosity=None,
        response_format=urp.ResponseFormat(kind="json_schema", name=SCHEMA_NAME, schema=wanted.schema)
        if wanted and wanted.kind == "json_schema"
        else None,
        extra={"output_config": {"format": {"type": "json_schema", "schema": wanted.schema}}}
        if wanted and wanted.kind == "json_schema"
        else {},
    )


def thought(node):
    readable = node.content or "\n\n".join(node.summary)
    if node.encrypted is None:
        return urp.Reasoning(content=readable)
    return urp.Reasoning(summary=(readable,) if readable else (), encrypted=node.encrypted, origin="messages")


@given(urps.requests("messages"))
def test_requests_come_back_as_they_went(found):
    expected = sayable(msgspec.structs.replace(found, reasoning=None))
    assume(any(not isinstance(node, urp.Text) or node.role != "system" for node in expected.input))
    body = encode_request(msgspec.structs.replace(found, reasoning=None), model=NOBODYS, stream=found.stream)
    assert_sendable(body)
    assert expected == decode_request(body)


def test_everything_a_caller_may_send_comes_back_word_for_word():
    assert_sendable(WIRE)
    assert_typed(WIRE)
    assert WIRE == encode_request(decode_request(WIRE), model=NOBODYS, stream=True)


@given(urps.protocols.flatmap(urps.requests), st.sampled_from([NEW, MIDDLE, OLD, "claude-fable-5-1", NOBODYS]))
def test_whatever_is_sent_is_what_anthropic_takes(found, model):
    with contextlib.suppress(BadRequest):
        body = encode_request(found, model=model, stream=True)
        assert_sendable(body)
        assert_typed(body)
        msgspec.json.encode(body)


@given(urps.any_json)
def test_any_json_is_a_request_or_a_bad_one(body):
    with pytest.raises(BadRequest):
        decode_request(body)


@given(urps.damaged(st.just(WIRE)))
def test_a_damaged_request_is_a_request_or_a_bad_one(body):
    with contextlib.suppress(BadRequest):
        encode_request(decode_request(body), model=OLD, stream=False)
