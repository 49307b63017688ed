"""Plain answers, into the common language and out of it."""

import pytest
from gateway.protocol.messages.shapes import assert_message
from hypothesis import given
from support import urp_strategies as urps

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.errors import BadAnswer
from monoize.gateway.protocol.messages.answer_in import decode_response
from monoize.gateway.protocol.messages.answer_out import encode_response
from monoize.gateway.protocol.naming import Naming

NAMING = Naming(response_id="req_1", created_at=1_780_000_000)
ANSWER = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-opus-4-8",
    "content": [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "ZGF0YQ=="},
        {"type": "text", "text": "I look."},
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"n": 2**70}, "caller": {"type": "direct"}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 3,
        "cache_creation_input_tokens": 2,
        "cache_read_input_tokens": 1,
        "output_tokens": 4,
        "server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0},
        "service_tier": "standard",
    },
    "container": {"id": "c_1", "expires_at": "2026-11-21T10:00:00Z"},
}


def encoded(*output, reason="stop", **more):
    finish = more.pop("finish", urp.Finish(reason=reason))
    response = urp.Response(id="x", model="m", output=output, finish=finish, **more)
    return encode_response(response, model=None, naming=NAMING)


def sayable(response):
    """What is left of an answer in this protocol: readable thinking is a summary of one part, nodes have no id."""
    output = []
    for node in response.output:
        if isinstance(node, urp.Reasoning):
            readable = node.content or "\n\n".join(node.summary)
            node = urp.Reasoning(
                summary=(readable,) if readable else (), encrypted=node.encrypted, origin=node.origin
            )
        output.append(node)
    return tuple(output)


@given(urps.responses("messages"))
def test_answers_come_back_as_they_went(response):
    body = encode_response(response, model=None, naming=NAMING)
    assert_message(body)
    again = decode_response(body)
    assert sayable(response) == again.output
    assert response.finish.reason == again.finish.reason
    assert (response.usage or urp.Usage()) == again.usage
    assert response.model == again.model


@given(urps.protocols.flatmap(urps.responses))
def test_answers_of_every_protocol_are_read_by_the_sdk(response):
    message = assert_message(encode_response(response, model="alias", naming=NAMING))
    assert "alias" == message.model
    has_calls = any(isinstance(node, urp.ToolCall) for node in response.output)
    assert has_calls == (message.stop_reason == "tool_use")


@given(urps.any_json)
def test_what_is_no_answer_is_said_to_be_none(body):
    try:
        decode_response(body)
    except BadAnswer:
        return
    assert isinstance(body["content"], list)


@given(urps.damaged(urps.st.just(ANSWER)))
def test_a_damaged_answer_is_read_or_said_to_be_none(body):
    try:
        response = decode_response(body)
    except BadAnswer:
        return
    encode_response(response, model=None, naming=NAMING)


def test_an_answer_of_this_protocol_comes_back_word_for_word():
    body = encode_response(decode_response(ANSWER), model=None, naming=NAMING)
    assert ANSWER["content"] == body["content"]
    assert ANSWER["usage"] == {name: value for name, value in body["usage"].items() if name in ANSWER["usage"]}
    assert ANSWER["container"] == body["container"]
    assert ("msg_1", "tool_use") == (body["id"], body["stop_reason"])
    assert_message(body)


@pytest.mark.parametrize(
    "body", [{"type": "error", "error": {"type": "api_error", "message": "Oh."}}, {"error": {"message": "Oh."}}]
)
def test_an_error_in_a_good_reply_is_no_answer(body):
    with pytest.raises(BadAnswer, match=r"Oh\."):
        decode_response(body)


@pytest.mark.parametrize(
    "native", ["pause_turn", "refusal", "model_context_window_exceeded", "end_turn", "max_tokens"]
)
def test_the_reason_of_the_same_protocol_is_exact(native):
    body = {**ANSWER, "content": [{"type": "text", "text": "a"}], "stop_reason": native}
    again = encode_response(decode_response(body), model=None, naming=NAMING)
    assert native == again["stop_reason"]


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
        ("pause_turn", "other"),
        ("something_new", "other"),
        (None, "stop"),
    ],
)
def test_reasons_in(native, reason):
    response = decode_response({**ANSWER, "content": [], "stop_reason": native})
    assert (reason, native) == (response.finish.reason, response.finish.native)


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("content_filter", "refusal"),
        ("other", "end_turn"),
        ("tool_calls", "end_turn"),
    ],
)
def test_reasons_out(reason, word):
    assert word == encoded(urp.Text(role="assistant", text="a"), reason=reason)["stop_reason"]


def test_a_stop_sequence_is_its_own_reason():
    body = encoded(finish=urp.Finish(reason="stop", stop_sequence="END"))
    assert ("stop_sequence", "END") == (body["stop_reason"], body["stop_sequence"])


@pytest.mark.parametrize("reason", ["stop", "tool_calls", "other"])
def test_calls_force_the_reason_to_be_tools(reason):
    """2.16.11: providers that say `stop` although tools were called."""
    call = urp.ToolCall(call_id="c", name="f", arguments="{}")
    assert "tool_use" == encoded(call, reason=reason)["stop_reason"]
    native = urp.Finish(reason="stop", native="end_turn", origin="messages")
    assert "tool_use" == encoded(call, finish=native)["stop_reason"]


def test_calls_of_an_answer_cut_short_are_not_to_be_run():
    call = urp.ToolCall(call_id="c", name="f", arguments='{"a"')
    assert "max_tokens" == encoded(call, reason="length")["stop_reason"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [("", {}), ("  ", {}), ("{", {"_raw": "{"}), ("[1]", {"_raw": "[1]"}), ('{"a":1}', {"a": 1})],
)
def test_arguments_that_are_no_object_are_wrapped(arguments, expected):
    (block,) = encoded(urp.ToolCall(call_id="c", name="f", arguments=arguments))["content"]
    assert expected == block["input"]


def test_a_call_without_an_id_gets_one():
    (block,) = encoded(urp.ToolCall(call_id="", name="f", arguments="{}"))["content"]
    assert f"toolu_{NAMING.node_id(0)}" == block["id"]


def test_empty_thinking_keeps_its_signature():
    node = urp.Reasoning(encrypted="sig", origin="messages")
    assert [{"type": "thinking", "thinking": "", "signature": "sig"}] == encoded(node)["content"]


def test_foreign_encrypted_reasoning_is_shown_as_far_as_it_can_be_read():
    hidden = urp.Reasoning(encrypted="rs", origin="responses", id="rs_1")
    shown = urp.Reasoning(summary=("a", "b"), encrypted="rs", origin="responses", id="rs_1")
    assert [] == encoded(hidden)["content"]
    assert [{"type": "thinking", "thinking": "a\n\nb", "signature": ""}] == encoded(shown)["content"]


def test_a_refusal_is_not_lost():
    assert [{"type": "text", "text": "No."}] == encoded(urp.Refusal(text="No."))["content"]


def test_items_of_other_protocols_and_empty_texts_are_left_out():
    item = urp.ProviderItem(origin="responses", role="assistant", item_type="mcp_call", body={"type": "mcp_call"})
    assert [] == encoded(item, urp.Text(role="assistant", text=""))["content"]


def test_extras_of_other_protocols_are_left_out():
    node = urp.Text(role="assistant", text="a", extra={"logprobs": []})
    body = encoded(node, extra={"system_fingerprint": "fp"})
    assert [{"type": "text", "text": "a"}] == body["content"]
    assert "system_fingerprint" not in body


def test_arguments_that_a_provider_wrote_as_text_are_read():
    body = {**ANSWER, "content": [{"type": "tool_use", "id": "1", "name": "f", "input": '{"a": 1}'}]}
    assert '{"a":1}' == decode_response(body).output[0].arguments
