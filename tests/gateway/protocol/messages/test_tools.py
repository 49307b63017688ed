"""Tools and the choice among them, both ways."""

import pytest
from gateway.protocol.messages.shapes import assert_sendable

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.messages.request_in import decode_request
from monoize.gateway.protocol.messages.request_out import encode_request

F, G = (urp.Tool(name=name, parameters={"type": "object"}) for name in "fg")
SEARCH = urp.NativeTool(
    origin="messages", tool_type="web_search_20250305", body={"type": "web_search_20250305", "name": "web_search"}
)
FOREIGN = urp.NativeTool(origin="responses", tool_type="file_search", body={"type": "file_search"})
CUSTOM = urp.Tool(name="patch", kind="custom", format={"type": "grammar"})
NEEDED = urp.ToolChoice(mode="required")


def sent(*tools, choice=None, in_parallel=None):
    found = urp.Request(
        model="m",
        input=(urp.Text(role="user", text="Hi"),),
        origin="chat",
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=in_parallel,
    )
    body = encode_request(found, model="claude-opus-4-6", stream=False)
    assert_sendable(body)
    return [tool["name"] for tool in body.get("tools", ())], body.get("tool_choice")


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, None),
        (urp.ToolChoice(mode="auto"), {"type": "auto"}),
        (urp.ToolChoice(mode="none"), {"type": "none"}),
        (NEEDED, {"type": "any"}),
        (urp.ToolChoice(mode="required", names=("g",)), {"type": "tool", "name": "g"}),
        (urp.ToolChoice(mode="required", names=("lost",)), None),
    ],
)
def test_choices_out(choice, expected):
    assert (["f", "g"], expected) == sent(F, G, choice=choice)


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_a_choice_among_some_offers_only_those(mode):
    choice = urp.ToolChoice(mode=mode, names=("g", "lost", "h"))
    assert (["g"], {"type": "any" if mode == "required" else "auto"}) == sent(F, G, choice=choice)


def test_a_choice_among_none_that_are_there_is_none():
    assert (["f"], None) == sent(F, choice=urp.ToolChoice(mode="auto", names=("a", "b")))


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, {"type": "auto", "disable_parallel_tool_use": True}),
        (NEEDED, {"type": "any", "disable_parallel_tool_use": True}),
        (urp.ToolChoice(mode="none"), {"type": "none"}),
    ],
)
def test_one_call_at_a_time(choice, expected):
    assert (["f"], expected) == sent(F, choice=choice, in_parallel=False)


def test_without_tools_there_is_no_choice():
    assert ([], None) == sent(choice=NEEDED, in_parallel=False)
    assert ([], None) == sent(CUSTOM, FOREIGN, choice=NEEDED)


def test_tools_of_other_providers_are_left_out_with_the_choice_of_them():
    theirs = urp.ToolChoice(mode="required", native={"type": "file_search"}, origin="responses")
    assert (["f", "web_search"], None) == sent(F, SEARCH, FOREIGN, CUSTOM, choice=theirs)
    assert (["f"], None) == sent(F, CUSTOM, choice=urp.ToolChoice(mode="required", names=("patch",)))


def test_custom_calls_and_their_results_are_left_out():
    nodes = (
        urp.Text(role="user", text="Hi"),
        urp.ToolCall(call_id="a", name="patch", arguments="*** Begin", kind="custom"),
        urp.ToolResult(call_id="a", content=(urp.Text(role="user", text="ok"),), kind="custom"),
    )
    found = urp.Request(model="m", input=nodes, origin="responses")
    body = encode_request(found, model="claude-opus-4-6", stream=False)
    assert [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}] == body["messages"]


def test_a_tool_without_parameters_takes_none():
    found = urp.Request(
        model="m", input=(urp.Text(role="user", text="Hi"),), origin="chat", tools=(urp.Tool(name="f"),)
    )
    (tool,) = encode_request(found, model="claude-opus-4-6", stream=False)["tools"]
    assert {"type": "object", "properties": {}} == tool["input_schema"]


def decoded(**more):
    return decode_request({"model": "m", "messages": [{"role": "user", "content": "x"}], **more})


@pytest.mark.parametrize(
    ("choice", "expected", "in_parallel"),
    [
        ({"type": "auto"}, urp.ToolChoice(mode="auto"), None),
        ({"type": "any", "disable_parallel_tool_use": True}, NEEDED, False),
        ({"type": "tool", "name": "f"}, urp.ToolChoice(mode="required", names=("f",)), None),
        ({"type": "none"}, urp.ToolChoice(mode="none"), None),
        ({"type": "auto", "disable_parallel_tool_use": False}, urp.ToolChoice(mode="auto"), None),
    ],
)
def test_choices_in(choice, expected, in_parallel):
    found = decoded(tool_choice=choice)
    assert (expected, in_parallel) == (found.tool_choice, found.parallel_tool_calls)


def test_tools_in_keep_their_extras_and_schemas_get_their_type():
    wire = {"name": "f", "input_schema": {"properties": {}}, "strict": True, "defer_loading": True}
    (tool,) = decoded(tools=[wire]).tools
    expected = urp.Tool(
        name="f", parameters={"type": "object", "properties": {}}, strict=True, extra={"defer_loading": True}
    )
    assert expected == tool


@pytest.mark.parametrize(
    "kind", ["web_search_20260318", "bash_20250124", "computer_toolset_20260801", "mcp_toolset"]
)
def test_tools_of_the_provider_stay_what_they_are(kind):
    wire = {"type": kind, "name": "t"}
    assert (urp.NativeTool(origin="messages", tool_type=kind, body=wire),) == decoded(tools=[wire]).tools
