"""Calls of tools as providers stream them, counted or not, whole or in pieces."""

import pytest
from support.chat_cases import decoded, nodes, said, streamed, text

from monoize.gateway.protocol import urp


def test_parallel_calls():
    assert [
        urp.ToolCall(call_id="call_DdmO9pD3xa9XTPNJ32zg2hcA", name="get_weather", arguments='{"city":"Paris"}'),
        urp.ToolCall(call_id="call_2", name="get_time", arguments='{"n":12345678901234567890123}'),
    ] == said("tools")


def test_calls_that_are_written_at_once():
    assert [
        text("Both."),
        urp.ToolCall(call_id="a", name="one", arguments="{}"),
        urp.ToolCall(call_id="b", name="two", arguments='{"x":1}'),
    ] == said("interleaved_tools")


def test_calls_that_are_all_counted_as_the_first():
    assert [
        urp.ToolCall(
            call_id="function-call-1",
            name="flights",
            arguments='{"to":"OSL"}',
            encrypted="CpcHAQ==",
            origin="gemini",
        ),
        urp.ToolCall(call_id="function-call-2", name="flights", arguments='{"to":"BGO"}'),
    ] == said("gemini_calls")
    assert "tool_calls" == decoded("gemini_calls").finish.reason


@pytest.mark.parametrize("index", [{}, {"index": None}])
def test_calls_that_nobody_counts(index: urp.Json):
    first = {**index, "id": "a", "function": {"name": "f", "arguments": "{"}}
    more = {**index, "function": {"arguments": "}"}}
    second = {**index, "id": "b", "function": {"name": "g", "arguments": "{}"}}
    late = {**index, "id": "a", "function": {"arguments": " "}}
    assert [
        urp.ToolCall(call_id="a", name="f", arguments="{} "),
        urp.ToolCall(call_id="b", name="g", arguments="{}"),
    ] == nodes({"tool_calls": [first]}, {"tool_calls": [more]}, {"tool_calls": [second, late]})


def test_a_name_and_an_id_that_are_repeated():
    piece = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "1"}}
    other = {"index": 0, "id": "new-each-time", "function": {"arguments": "2"}}
    assert [urp.ToolCall(call_id="a", name="f", arguments="112")] == nodes(
        {"tool_calls": [piece]}, {"tool_calls": [piece]}, {"tool_calls": [other]}
    )


def test_a_call_without_an_id_gets_one_that_is_always_the_same():
    delta = {"tool_calls": [{"index": 0, "function": {"name": "f"}}, {"index": 1, "function": {"name": "f"}}]}
    assert ["call_0", "call_1"] == [node.call_id for node in nodes(delta) if isinstance(node, urp.ToolCall)]


def test_arguments_wait_for_the_name():
    events = streamed(
        {"delta": {"tool_calls": [{"index": 0, "id": "a", "function": {"arguments": "{"}}]}},
        {
            "delta": {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "}"}}]},
            "finish_reason": "stop",
        },
    )
    begun = next(event for event in events if isinstance(event, urp.NodeStarted))
    assert urp.ToolCall(call_id="a", name="f", arguments="") == begun.node
    assert ["{}"] == [event.text for event in events if isinstance(event, urp.TextDelta)]


def test_a_call_that_never_says_of_what_is_no_answer():
    call = {"index": 0, "id": "a", "function": {"arguments": "{}"}}
    failed = streamed({"delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"})[-1]
    assert isinstance(failed, urp.Failed)
    assert "upstream_invalid" == failed.code


def test_a_header_alone_is_a_call():
    response = decoded("header_only_call")
    assert [urp.ToolCall(call_id="call_h", name="now", arguments="")] == list(response.output)
    assert urp.Finish(reason="tool_calls", native="stop", origin="chat") == response.finish


def test_custom_tools():
    assert [urp.ToolCall(call_id="call_c", name="exec", arguments="print(1)", kind="custom")] == said("custom_tool")


def test_functions_of_old():
    (call,) = decoded("function_call").output
    assert (
        urp.ToolCall(
            call_id="call_function_0",
            name="get_weather",
            arguments='{"city":"Oslo"}',
            extra={"function_call": True},
        )
        == call
    )
    assert "function_call" == decoded("function_call").finish.native
