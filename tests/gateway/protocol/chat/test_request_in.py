"""What callers send, made into requests; and that nothing they can send does anything else than that."""

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.chat_wire import bodies
from support.cost_strategies import at_leisure
from support.urp_strategies import any_json, damaged

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.chat.request_in import asks_in_the_old_way, decode_request, wants_usage
from monoize.gateway.protocol.errors import BadRequest


def request(*messages: urp.Json, **members: object) -> urp.Request:
    return decode_request(
        {"model": "gpt-5", "messages": list(messages) or [{"role": "user", "content": "Hi"}], **members}
    )


def refused(*messages: object, **members: object) -> str | None:
    with pytest.raises(BadRequest) as refusal:
        decode_request(
            {"model": "gpt-5", "messages": list(messages) or [{"role": "user", "content": "Hi"}], **members}
        )
    return refusal.value.param


@at_leisure
@given(bodies)
def test_every_body_of_this_protocol_is_a_request(body: urp.Json):
    decoded = decode_request(body)
    assert body["model"] == decoded.model
    assert "chat" == decoded.origin


@at_leisure
@given(any_json | damaged(bodies))
@example(
    {
        "model": "m",
        "messages": [
            {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": {"a": 2**70}}}]}
        ],
    }
)
def test_anything_else_is_refused_and_nothing_worse(body: object):
    with contextlib.suppress(BadRequest):
        assert isinstance(decode_request(body), urp.Request)


def test_depth_is_no_way_to_exhaust_us():
    part: urp.Json = {"type": "tool_result", "tool_use_id": "t", "content": []}
    for _ in range(5_000):
        part = {"type": "tool_result", "tool_use_id": "t", "content": [part]}
    arguments: urp.Json = {}
    for _ in range(5_000):
        arguments = {"a": arguments}
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
    assert 1 == len(request({"role": "user", "content": [part]}).input)
    assert 1 == len(request({"role": "assistant", "tool_calls": [call]}).input)


@pytest.mark.parametrize("n", [0, 2, -1, True, 1.0, "1"])
def test_n_other_than_one_is_refused(n: object):
    assert "n" == refused(n=n)


@pytest.mark.parametrize("n", [None, 1])
def test_n_may_be_one_or_left_out(n: object):
    assert "gpt-5" == request(n=n).model


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"model": 5}, "model"),
        ({"model": ""}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": "Hi"}, "messages"),
        ({"messages": ["Hi"]}, "messages[0]"),
        ({"messages": [{"content": "Hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [5]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "messages[0].content[0].image_url.url",
        ),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "a", "function": {}}]}]},
            "messages[0].tool_calls[0].function.name",
        ),
        ({"stream": "yes"}, "stream"),
        ({"temperature": True}, "temperature"),
        ({"max_completion_tokens": 0}, "max_completion_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"reasoning_effort": "utmost"}, "reasoning_effort"),
        ({"reasoning": {"effort": 3}}, "reasoning.effort"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "function", "function": {"name": ""}}]}, "tools[0].function.name"),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"stop": [5]}, "stop"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    ],
)
def test_a_refusal_names_the_place(members: urp.Json, param: str):
    assert param == refused(**members)


def test_max_completion_tokens_beats_max_tokens():
    assert 7 == request(max_tokens=5, max_completion_tokens=7).max_output_tokens
    assert 5 == request(max_tokens=5).max_output_tokens


def test_unknown_members_are_kept():
    assert {"seed": 2**70, "provider": {"order": ["a"]}} == request(seed=2**70, provider={"order": ["a"]}).extra


def test_a_message_of_the_model_is_taken_apart_in_its_order():
    message = {
        "role": "assistant",
        "reasoning_content": "Hm.",
        "content": "Yes.",
        "refusal": "No.",
        "audio": {"id": "audio_1"},
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    }
    assert [
        urp.Reasoning(content="Hm.", extra={"carrier": "reasoning_content"}),
        urp.Audio(role="assistant", source=urp.FileId(file_id="audio_1", origin="chat"), id="audio_1"),
        urp.Text(role="assistant", text="Yes."),
        urp.Refusal(text="No."),
        urp.ToolCall(call_id="a", name="f", arguments="{}"),
    ] == list(request(message).input)


@pytest.mark.parametrize("content", ["", [], None, [{"type": "text", "text": ""}]])
def test_a_model_that_only_called_said_nothing(content: object):
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    nodes = request({"role": "assistant", "content": content, "tool_calls": [call]}).input
    assert [urp.ToolCall] == [type(node) for node in nodes]


def test_parts_have_types():
    parts = [
        {"type": "text", "text": "Look", "cache_control": {"type": "ephemeral"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AQI="}},
        {"type": "input_audio", "input_audio": {"data": "AQI=", "format": "mp3"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AQI=", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}},
    ]
    assert [
        urp.Text(role="user", text="Look", extra={"cache_control": {"type": "ephemeral"}}),
        urp.Image(role="user", source=urp.Url(url="https://example.com/a.png"), detail="low"),
        urp.Image(role="user", source=urp.Inline(media_type="image/png", data="AQI=")),
        urp.Audio(role="user", source=urp.Inline(media_type="audio/mp3", data="AQI=")),
        urp.File(role="user", source=urp.Inline(media_type="application/pdf", data="AQI="), filename="a.pdf"),
        urp.File(role="user", source=urp.FileId(file_id="file-1", origin="chat")),
        urp.ProviderItem(origin="chat", role="user", item_type="video_url", body=parts[-1]),
    ] == list(request({"role": "user", "content": parts}).input)


def test_an_unknown_role_is_a_user():
    assert [urp.Text(role="user", text="Hi")] == list(request({"role": "critic", "content": "Hi"}).input)


def test_results_inherit_the_kind_of_their_call():
    call = {"id": "c", "type": "custom", "custom": {"name": "exec", "input": "1"}}
    result = {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "1"}]}
    nodes = request({"role": "assistant", "tool_calls": [call]}, result).input
    text = urp.Text(role="user", text="1")
    assert [
        urp.ToolCall(call_id="c", name="exec", arguments="1", kind="custom"),
        urp.ToolResult(call_id="c", content=(text,), kind="custom"),
    ] == list(nodes)


def test_functions_of_old_are_tools_with_ids_of_their_own():
    decoded = request(
        {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "one"},
        {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "two"},
        functions=[{"name": "f", "parameters": {"properties": {}}}],
        function_call={"name": "f"},
    )
    ids = [node.call_id for node in decoded.input if isinstance(node, urp.ToolCall | urp.ToolResult)]
    assert ids[0] == ids[1] != ids[2] == ids[3]
    assert (urp.Tool(name="f", parameters={"type": "object", "properties": {}}),) == decoded.tools
    assert urp.ToolChoice(mode="required", names=("f",)) == decoded.tool_choice
    assert asks_in_the_old_way(decoded)
    assert not asks_in_the_old_way(request())


@pytest.mark.parametrize(
    ("members", "wish"),
    [
        ({"reasoning_effort": "high", "reasoning": {"effort": "low"}}, urp.ReasoningWish(effort="high")),
        ({"reasoning": {"effort": "minimum"}}, urp.ReasoningWish(effort="minimal")),
        ({"reasoning": {"max_tokens": 2_000}}, urp.ReasoningWish(budget_tokens=2_000)),
        ({"reasoning": {"enabled": False}}, urp.ReasoningWish(effort="none")),
        ({"thinking": {"type": "disabled"}}, urp.ReasoningWish(effort="none")),
        ({"thinking": {"type": "enabled", "budget_tokens": 9}}, urp.ReasoningWish(budget_tokens=9)),
        ({"thinking": {"type": "enabled"}}, None),
        ({}, None),
    ],
)
def test_wishes_for_reasoning(members: urp.Json, wish: urp.ReasoningWish | None):
    assert wish == request(**members).reasoning


def test_choices_of_tools():
    function, custom = {"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "c"}}
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [function, custom]}}
    native = {"type": "web_search"}
    assert urp.ToolChoice(mode="required", names=("f",)) == request(tool_choice=function).tool_choice
    assert urp.ToolChoice(mode="required", names=("c",)) == request(tool_choice=custom).tool_choice
    assert urp.ToolChoice(mode="required", names=("f", "c")) == request(tool_choice=allowed).tool_choice
    assert urp.ToolChoice(mode="required", native=native, origin="chat") == request(tool_choice=native).tool_choice


def test_grammars_are_as_flat_as_everywhere_else():
    format = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: x"}}
    tool = {"type": "custom", "custom": {"name": "exec", "format": format}}
    (decoded,) = request(tools=[tool]).tools
    flat = {"type": "grammar", "syntax": "lark", "definition": "start: x"}
    assert urp.Tool(kind="custom", name="exec", format=flat) == decoded


def test_tools_that_only_a_provider_knows_stay_as_they_are():
    native = {"type": "builtin_function", "function": {"name": "$web_search"}}
    assert (urp.NativeTool(origin="chat", tool_type="builtin_function", body=native),) == request(
        tools=[native]
    ).tools


def test_blocks_of_another_protocol_that_clients_mix_in():
    nodes = request(
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}]},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t", "content": "ok", "is_error": True}],
        },
    ).input
    assert [
        urp.ToolCall(call_id="t", name="f", arguments='{"a":1}'),
        urp.ToolResult(call_id="t", content=(urp.Text(role="user", text="ok"),), is_error=True),
    ] == list(nodes)


@given(
    st.sampled_from([({"include_usage": True}, True), ({"include_usage": 1}, False), (None, False), ([], False)])
)
def test_who_asks_for_usage(case: tuple[object, bool]):
    options, wants = case
    assert wants == wants_usage(request(stream_options=options))
