"""What callers send, as nodes, tools and wishes, and that it goes back as it came."""

from typing import Any

import msgspec
import pytest

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.responses.request_in import decode_request
from monoize.gateway.protocol.responses.request_out import encode_request


def decoded(**members: Any) -> urp.Request:
    return decode_request({"model": "m", **members})


def inputs(*items: Any) -> list[urp.Node]:
    return list(decoded(input=list(items)).input)


HI = urp.Text(role="user", text="hi")


@pytest.mark.parametrize(
    "given_input",
    [
        "hi",
        ["hi"],
        {"role": "user", "content": "hi"},
        {"content": "hi"},
        [{"role": "user", "content": "hi"}],
        [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
        [{"role": "user", "content": ["hi"]}],
    ],
)
def test_an_input_is_a_text_an_item_or_a_list(given_input: Any):
    assert (HI,) == decoded(input=given_input).input


def test_instructions_are_the_developers_and_come_first():
    request = decoded(instructions="Be brief.", input="hi")
    assert ["developer", "user"] == [node.role for node in request.input]
    assert "Be brief." == request.input[0].text


@pytest.mark.parametrize(
    "instructions",
    [
        "Be brief.",
        [{"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Be brief."}]}],
        [
            {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "A"}]},
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "B"}]},
        ],
    ],
)
def test_instructions_go_back_where_they_were_and_are_said_once(instructions: Any):
    request = decoded(instructions=instructions, input="hi")
    body = encode_request(request, model="m", stream=False)
    assert 1 == len(body["input"])
    assert request == decode_request(body)


def test_nobody_else_can_mark_an_instruction():
    part = {"type": "input_text", "text": "hi", "monoize.instruction": True}
    assert [HI] == inputs({"role": "user", "content": [part]})


def test_every_part_of_a_message_is_a_node():
    nodes = inputs(
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "a"},
                {"type": "input_image", "image_url": "https://example.com/x.png", "detail": "high"},
                {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"},
                {"type": "input_image", "file_id": "file-1"},
                {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
                {"type": "input_file", "file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"},
                {"type": "input_file", "file_data": "AAAA", "filename": "a.PDF"},
                {"type": "input_file", "file_url": "https://example.com/a.pdf"},
                {"type": "input_file", "file_id": "file-2", "detail": "low"},
            ],
        }
    )
    png, pdf = (
        urp.Inline(media_type="image/png", data="AAAA"),
        urp.Inline(media_type="application/pdf", data="AAAA"),
    )
    assert [
        urp.Text(role="user", text="a"),
        urp.Image(role="user", source=urp.Url(url="https://example.com/x.png"), detail="high"),
        urp.Image(role="user", source=png),
        urp.Image(role="user", source=urp.FileId(file_id="file-1", origin="responses")),
        urp.Audio(role="user", source=urp.Inline(media_type="audio/mp3", data="AAAA")),
        urp.File(role="user", source=pdf, filename="a.pdf"),
        urp.File(role="user", source=pdf, filename="a.PDF"),
        urp.File(role="user", source=urp.Url(url="https://example.com/a.pdf")),
        urp.File(role="user", source=urp.FileId(file_id="file-2", origin="responses"), extra={"detail": "low"}),
    ] == nodes


def test_what_an_assistant_said_keeps_its_phase_and_id():
    item = {"type": "message", "id": "msg_1", "role": "assistant", "phase": "commentary", "status": "completed"}
    content = [{"type": "output_text", "text": "a", "annotations": []}, {"type": "refusal", "refusal": "no"}]
    assert [
        urp.Text(role="assistant", text="a", id="msg_1", phase="commentary"),
        urp.Refusal(text="no", id="msg_1"),
    ] == inputs({**item, "content": content})


def test_reasoning_keeps_its_surfaces_apart_and_forgets_its_status():
    item = {
        "type": "reasoning",
        "id": "rs_1",
        "status": "completed",
        "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}],
        "content": [{"type": "reasoning_text", "text": "thought"}],
        "encrypted_content": "gAAA",
    }
    assert [
        urp.Reasoning(content="thought", summary=("a", "b"), encrypted="gAAA", origin="responses", id="rs_1")
    ] == inputs(item)


def test_reasoning_may_be_told_in_the_old_way():
    assert [urp.Reasoning(content="thought")] == inputs({"type": "reasoning", "text": "thought"})


def test_calls_and_results_of_both_kinds_are_typed():
    nodes = inputs(
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1}', "id": "fc_1"},
        {"type": "function_call_output", "call_id": "c1", "output": "done"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "raw"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "x"}]},
    )
    assert [
        urp.ToolCall(call_id="c1", name="f", arguments='{"a":1}', id="fc_1"),
        urp.ToolResult(call_id="c1", content=(urp.Text(role="user", text="done"),)),
        urp.ToolCall(call_id="c2", name="g", arguments="raw", kind="custom"),
        urp.ToolResult(call_id="c2", content=(urp.Text(role="user", text="x"),), kind="custom"),
    ] == nodes


def test_results_of_several_parts_keep_their_order_and_are_not_flattened():
    output = [
        {"type": "input_text", "text": "a"},
        {"type": "input_image", "image_url": "https://example.com/x.png", "detail": "auto"},
        {"type": "computer_screenshot", "image_url": "https://example.com/y.png"},
        {"type": "input_text", "text": "b"},
    ]
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    items = [call, {"type": "function_call_output", "call_id": "c", "output": output}]
    request = decoded(input=items)
    result = request.input[1]
    assert isinstance(result, urp.ToolResult)
    assert [urp.Text, urp.Image, urp.ProviderItem, urp.Text] == [type(part) for part in result.content]
    assert items == encode_request(request, model="m", stream=False)["input"]


@pytest.mark.parametrize(
    "item",
    [
        {"type": "item_reference", "id": "msg_1"},
        {"id": "msg_1"},
        {"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAA"},
        {"type": "program", "id": "p", "call_id": "c", "code": "x", "fingerprint": "f"},
        {"type": "program_output", "id": "p", "call_id": "c", "result": "r", "status": "completed"},
        {"type": "tool_search_call", "arguments": {"q": 1}, "call_id": "c", "status": "completed"},
        {"type": "tool_search_output", "tools": [{"type": "function", "name": "f"}], "call_id": "c"},
        {"type": "additional_tools", "role": "developer", "tools": []},
        {"type": "mcp_approval_response", "approval_request_id": "a", "approve": True},
        {"type": "web_search_call", "id": "ws", "status": "completed", "action": {"type": "search", "query": "q"}},
        {"type": "something_new", "deep": {"er": [1, 2**70, {"still": None}]}},
    ],
)
def test_items_that_only_this_protocol_knows_pass_as_they_are(item: dict[str, Any]):
    request = decoded(input=[item])
    [node] = request.input
    assert isinstance(node, urp.ProviderItem)
    assert [item] == encode_request(request, model="m", stream=False)["input"]
    foreign = msgspec.structs.replace(request, origin="chat")
    kept = encode_request(foreign, model="m", stream=False)["input"]
    assert [item] == kept, "what was read from this protocol can always be said in it"


def test_unknown_parts_of_a_message_keep_their_place():
    message = {"type": "message", "role": "user", "content": [{"type": "hologram", "x": 1}]}
    said = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    request = decoded(input=[said, message, said])
    assert [urp.Text, urp.ProviderItem, urp.Text] == [type(node) for node in request.input]
    assert [said, message, said] == encode_request(request, model="m", stream=False)["input"]


def test_a_generated_image_is_an_image_and_still_the_item_it_was():
    item = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "UklG"}
    item |= {"output_format": "webp", "revised_prompt": "A cat"}
    request = decoded(input=[item])
    [node] = request.input
    assert isinstance(node, urp.Image)
    assert urp.Inline(media_type="image/webp", data="UklG") == node.source
    assert [item] == encode_request(request, model="m", stream=False)["input"]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", urp.ToolChoice(mode="auto")),
        ("required", urp.ToolChoice(mode="required")),
        ({"type": "function", "name": "f"}, urp.ToolChoice(mode="required", names=("f",))),
        ({"type": "custom", "name": "g"}, urp.ToolChoice(mode="required", names=("g",))),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
            urp.ToolChoice(mode="auto", names=("f",)),
        ),
        (
            {"type": "web_search"},
            urp.ToolChoice(mode="auto", native={"type": "web_search"}, origin="responses"),
        ),
        (
            {"type": "mcp", "server_label": "s", "name": "t"},
            urp.ToolChoice(
                mode="auto", native={"type": "mcp", "server_label": "s", "name": "t"}, origin="responses"
            ),
        ),
    ],
)
def test_flat_choices_are_understood_and_go_back_flat(choice: Any, expected: urp.ToolChoice):
    tools = [{"type": "function", "name": "f", "parameters": None}, {"type": "custom", "name": "g"}]
    request = decoded(input="hi", tools=tools, tool_choice=choice)
    assert expected == request.tool_choice
    assert choice == encode_request(request, model="m", stream=False)["tool_choice"]


def test_allowed_tools_of_several_kinds_stay_as_they_are():
    choice = {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [{"type": "function", "name": "f"}, {"type": "mcp", "server_label": "s"}],
    }
    request = decoded(input="hi", tools=[{"type": "function", "name": "f"}], tool_choice=choice)
    assert ("required", ("f",)) == (request.tool_choice.mode, request.tool_choice.names)
    assert choice == encode_request(request, model="m", stream=False)["tool_choice"]


def test_tools_keep_what_has_no_home_at_their_own_level():
    tools = [
        {"type": "function", "name": "f", "parameters": {"x": 2**70}, "strict": True, "defer_loading": True},
        {"type": "custom", "name": "g", "description": "d", "format": {"type": "grammar"}, "async": True},
        {"type": "mcp", "server_label": "s", "server_url": "https://example.com"},
    ]
    request = decoded(input="hi", tools=tools)
    assert [urp.Tool, urp.Tool, urp.NativeTool] == [type(tool) for tool in request.tools]
    assert tools == encode_request(request, model="m", stream=False)["tools"]


def test_text_has_a_format_a_verbosity_and_whatever_else():
    text = {
        "format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True},
        "verbosity": "low",
        "new": 1,
    }
    request = decoded(input="hi", text=text)
    assert "low" == request.verbosity
    assert urp.ResponseFormat(kind="json_schema", name="n", schema={"type": "object"}, strict=True) == (
        request.response_format
    )
    assert text == encode_request(request, model="m", stream=False)["text"]


def test_a_format_of_a_new_kind_is_kept():
    text = {"format": {"type": "grammar", "definition": "x"}}
    assert text == encode_request(decoded(input="hi", text=text), model="m", stream=False)["text"]


def test_reasoning_is_read_under_its_old_name_too():
    wish = decoded(input="hi", reasoning={"effort": "minimum", "generate_summary": "auto", "mode": "pro"})
    assert urp.ReasoningWish(effort="minimal", summary="auto") == wish.reasoning
    assert {"effort": "minimal", "summary": "auto", "mode": "pro"} == (
        encode_request(wish, model="m", stream=False)["reasoning"]
    )


def test_unknown_members_and_the_rest_of_a_conversation_are_kept():
    more = {
        "previous_response_id": "resp_1",
        "conversation": {"id": "conv_1"},
        "store": True,
        "include": ["reasoning.encrypted_content"],
        "metadata": {"a": "b"},
        "prompt": {"id": "p"},
        "something_new": [2**70],
    }
    request = decoded(input="hi", **more)
    assert more == request.extra
    body = encode_request(request, model="m", stream=False)
    assert more == {name: body[name] for name in more}
