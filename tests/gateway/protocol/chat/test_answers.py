"""Whole answers: a provider's made into the common language, and anybody's made into what callers take."""

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from support.chat_wire import NAMING, accepted_answer, answers, bare
from support.cost_strategies import at_leisure
from support.urp_strategies import any_json, damaged, protocols, responses

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.chat.answer_in import decode_response
from monoize.gateway.protocol.chat.answer_out import encode_response
from monoize.gateway.protocol.chat.request_in import decode_request
from monoize.gateway.protocol.errors import BadAnswer
from monoize.gateway.protocol.naming import Naming


def answer(message: urp.Json, finish_reason: str | None = "stop", **members: Any) -> urp.Json:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason}
    return {
        "id": "chatcmpl-9",
        "object": "chat.completion",
        "created": 5,
        "model": "gpt-5",
        "choices": [choice],
        **members,
    }


def response(*output: urp.Node, reason: urp.FinishReason = "stop", **members: Any) -> urp.Response:
    finish = urp.Finish(
        reason=reason, **{name: members.pop(name) for name in ("native", "origin") if name in members}
    )
    return urp.Response(id="r", model="served", output=output, finish=finish, **members)


def written(*output: urp.Node, **members: Any) -> urp.Json:
    return encode_response(response(*output, **members), model=None, naming=NAMING)["choices"][0]


def passed_on(body: urp.Json) -> urp.Json:
    """As after a transform between two who speak this protocol."""
    return encode_response(decode_response(body), model=None, naming=Naming(response_id=body["id"], created_at=5))


@at_leisure
@given(responses("chat"))
def test_what_this_protocol_can_say_comes_back_the_same(given_response: urp.Response):
    naming = Naming(response_id=given_response.id, created_at=given_response.created_at or 0)
    body = encode_response(given_response, model=None, naming=naming)
    decoded = decode_response(msgspec.json.decode(msgspec.json.encode(body)))
    assert bare(given_response.output) == bare(decoded.output)
    assert (given_response.id, given_response.model) == (decoded.id, decoded.model)
    assert given_response.finish.reason == decoded.finish.reason
    assert given_response.usage == decoded.usage


@at_leisure
@given(protocols.flatmap(responses))
def test_every_answer_is_one_that_the_client_takes(given_response: urp.Response):
    taken = accepted_answer(encode_response(given_response, model="alias", naming=NAMING))
    assert ("alias", NAMING.response_id, NAMING.created_at) == (taken.model, taken.id, taken.created)
    calls = [node for node in given_response.output if isinstance(node, urp.ToolCall)]
    assert [call.call_id for call in calls] == [call.id for call in taken.choices[0].message.tool_calls or ()]


@at_leisure
@given(protocols.flatmap(responses))
def test_what_was_encrypted_comes_back_with_its_maker_when_a_caller_goes_on(given_response: urp.Response):
    message = encode_response(given_response, model=None, naming=NAMING)["choices"][0]["message"]
    again = decode_request({"model": "m", "messages": [message]})
    before = [node for node in given_response.output if isinstance(node, urp.Reasoning)]
    after = [node for node in again.input if isinstance(node, urp.Reasoning)]
    assert [(node.encrypted, node.origin) for node in before] == [(node.encrypted, node.origin) for node in after]
    texts = [node.content or "\n\n".join(node.summary) for node in before]
    assert texts == [node.content or "\n\n".join(node.summary) for node in after]
    if any(node.origin != "messages" for node in before):
        assert [node.id for node in before] == [node.id for node in after]


@at_leisure
@given(answers)
def test_every_answer_of_a_provider_is_read(body: urp.Json):
    with contextlib.suppress(BadAnswer):
        decoded = decode_response(body)
        assert encode_response(decoded, model=None, naming=NAMING)


@at_leisure
@given(any_json | damaged(answers))
def test_anything_else_is_no_answer_and_nothing_worse(body: Any):
    with contextlib.suppress(BadAnswer):
        encode_response(decode_response(body), model=None, naming=NAMING)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": {"message": "No funds.", "code": "insufficient_quota"}}, "No funds. (insufficient_quota)"),
        ({"error": "Overloaded"}, "Overloaded"),
        ({"choices": [{"error": {"message": "Late.", "code": 504}}]}, "Late. (504)"),
        (answer({"content": ""}, "error"), "The provider reports an error."),
        ({"object": "error", "message": "Too long.", "code": 400}, "Too long. (400)"),
        ({"choices": []}, "The answer has no message."),
        ({}, "The answer has no message."),
        ([], "The answer is no object."),
    ],
)
def test_an_error_with_a_good_status_is_a_failure_with_its_code(body: Any, said: str):
    with pytest.raises(BadAnswer, match="^" + said.replace("(", r"\(").replace(")", r"\)") + "$"):
        decode_response(body)


def test_no_error_is_no_error():
    assert (urp.Text(role="assistant", text="Hi"),) == decode_response(answer({"content": "Hi"}, error=None)).output


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("model_length", "length"),
        ("content_filter", "content_filter"),
        ("insufficient_system_resource", "other"),
        (None, "stop"),
    ],
)
def test_reasons(native: str | None, reason: str):
    assert reason == decode_response(answer({"content": "Hi"}, native)).finish.reason


@pytest.mark.parametrize("native", ["stop", "tool_calls", None])
def test_who_calls_tools_did_not_stop(native: str | None):
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    assert "tool_calls" == decode_response(answer({"tool_calls": [call]}, native)).finish.reason


@pytest.mark.parametrize("content", [[], [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]])
def test_calls_in_an_array_of_content_do_not_end_the_loop(content: list[urp.Json]):
    call = {"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    decoded = decode_response(answer({"content": content, **({} if content else {"tool_calls": [call]})}))
    assert (urp.ToolCall(call_id="t", name="f", arguments="{}"),) == decoded.output
    assert "tool_calls" == decoded.finish.reason


@pytest.mark.parametrize(
    ("reason", "native", "origin", "written_reason"),
    [
        ("stop", "end_turn", "messages", "stop"),
        ("length", "MAX_TOKENS", "gemini", "length"),
        ("content_filter", "refusal", "messages", "content_filter"),
        ("other", "pause_turn", "messages", "stop"),
        ("other", "insufficient_system_resource", "chat", "insufficient_system_resource"),
        ("stop", "eos", "chat", "eos"),
        ("tool_calls", None, None, "stop"),
    ],
)
def test_reasons_for_callers(reason: urp.FinishReason, native: str, origin: urp.Protocol, written_reason: str):
    choice = written(urp.Text(role="assistant", text="Hi"), reason=reason, native=native, origin=origin)
    assert written_reason == choice["finish_reason"]


def test_any_call_is_a_reason_to_call():
    call = urp.ToolCall(call_id="a", name="f", arguments="{}")
    assert "tool_calls" == written(call, reason="stop", native="completed", origin="responses")["finish_reason"]
    assert "length" == written(call, reason="length")["finish_reason"]


def test_texts_are_one_text_and_calls_without_arguments_are_json():
    text, call = urp.Text(role="assistant", text="a"), urp.ToolCall(call_id="a", name="f", arguments="")
    message = written(text, urp.Text(role="assistant", text=""), text, call)["message"]
    assert ("a\n\na", "{}") == (message["content"], message["tool_calls"][0]["function"]["arguments"])


def test_silence_is_null_beside_calls_and_refusals_and_empty_alone():
    assert written(urp.ToolCall(call_id="a", name="f", arguments="{}"))["message"]["content"] is None
    refused = written(urp.Refusal(text="No."))["message"]
    assert (None, "No.") == (refused["content"], refused["refusal"])
    assert "" == written()["message"]["content"]


def test_a_thought_is_readable_in_one_member_and_whole_in_another():
    thought = urp.Reasoning(summary=("Hm.",), encrypted="gAAA", origin="responses", id="rs_1")
    message = written(thought)["message"]
    common = {"id": "rs_1", "format": "openai-responses-v1", "index": 0}
    assert "Hm." == message["reasoning"]
    assert [
        {"type": "reasoning.summary", "summary": "Hm.", **common},
        {"type": "reasoning.encrypted", "data": "gAAA", **common},
    ] == message["reasoning_details"]


@pytest.mark.parametrize(
    "thought",
    [
        urp.Reasoning(summary=("Hm.",), encrypted="sig", origin="messages"),
        urp.Reasoning(encrypted="sig", origin="messages"),
        urp.Reasoning(encrypted="ZGF0YQ==", origin="messages", extra={"type": "redacted_thinking"}),
    ],
)
def test_thinking_of_anthropics_comes_back_as_what_it_was(thought: urp.Reasoning):
    """Shown, left out, or redacted."""
    message = written(thought, urp.Text(role="assistant", text="4"))["message"]
    again = decode_request({"model": "m", "messages": [message]}).input[0]
    assert isinstance(again, urp.Reasoning)
    told = (thought.summary, thought.encrypted, thought.origin, thought.extra.get("type"))
    assert told == (again.summary, again.encrypted, again.origin, again.extra.get("type"))


def test_a_signature_of_geminis_stays_with_its_call():
    call = urp.ToolCall(call_id="a", name="f", arguments="{}", encrypted="c2ln", origin="gemini")
    message = written(call)["message"]
    assert {"google": {"thought_signature": "c2ln"}} == message["tool_calls"][0]["extra_content"]
    assert call == decode_request({"model": "m", "messages": [message]}).input[0]


def test_callers_who_know_functions_are_told_of_one():
    calls = [urp.ToolCall(call_id=id, name=id, arguments="{}") for id in "ab"]
    choice = encode_response(response(*calls), model=None, naming=NAMING, old_calls=True)["choices"][0]
    assert {"name": "a", "arguments": "{}"} == choice["message"]["function_call"]
    assert "tool_calls" not in choice["message"]
    assert "function_call" == choice["finish_reason"]


def test_images_and_sounds_that_a_model_made():
    image = urp.Image(role="assistant", source=urp.Inline(media_type="image/png", data="AQI="))
    sound = urp.Audio(role="assistant", source=urp.Inline(media_type="audio/wav", data="AQI="), transcript="Hi")
    message = encode_response(response(image, sound), model=None, naming=NAMING)["choices"][0]["message"]
    assert [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AQI="}}] == message["images"]
    assert ("AQI=", "Hi") == (message["audio"]["data"], message["audio"]["transcript"])
    accepted_answer(encode_response(response(image, sound), model=None, naming=NAMING))


def test_a_provider_of_this_protocol_is_quoted_with_all_it_said():
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}, "later": 1}
    details = [
        {"type": "reasoning.text", "text": "Hm.", "signature": "c2ln", "format": "anthropic-claude-v1", "index": 0}
    ]
    body = answer(
        {
            "content": "Hi",
            "refusal": None,
            "reasoning": "Hm.",
            "reasoning_details": details,
            "tool_calls": [call],
            "annotations": [{"type": "url_citation"}],
            "unheard": {"of": 1},
        },
        "tool_calls",
        system_fingerprint="fp",
        provider="Anthropic",
    )
    body["choices"][0] |= {"logprobs": None, "native_finish_reason": "tool_use"}
    assert body == passed_on(body)


@pytest.mark.parametrize(
    "message",
    [
        {"content": "Hi", "refusal": None, "reasoning_content": "Hm."},
        {"content": None, "refusal": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"content": "", "refusal": None, "audio": {"id": "a", "data": "AQI=", "transcript": "", "expires_at": 7}},
        {"content": [{"type": "text", "text": "Hi"}, {"type": "unheard_of", "x": 1}], "refusal": None},
    ],
)
def test_shapes_of_this_protocol_survive(message: urp.Json):
    reason = "function_call" if "function_call" in message else "stop"
    body = answer(message, reason)
    body["choices"][0]["logprobs"] = None
    assert body == passed_on(body)


def test_what_others_keep_beside_their_answers_stays_there():
    strange = response(urp.Text(role="assistant", text="Hi", extra={"annotations": [1]}), extra={"container": "c"})
    body = encode_response(strange, model=None, naming=NAMING)
    assert "container" not in body
    assert "annotations" not in body["choices"][0]["message"]


def test_big_numbers_in_arguments_survive():
    arguments = '{"n":123456789012345678901234567890,"x":1.10}'
    call = urp.ToolCall(call_id="a", name="f", arguments=arguments)
    assert arguments == written(call)["message"]["tool_calls"][0]["function"]["arguments"]


def test_the_tier_that_served():
    decoded = decode_response(
        answer({"content": "Hi"}, usage={"prompt_tokens": 1, "completion_tokens": 1}, service_tier="flex")
    )
    assert decoded.usage is not None
    assert "flex" == decoded.usage.service_tier
    assert "flex" == encode_response(decoded, model=None, naming=NAMING)["service_tier"]
