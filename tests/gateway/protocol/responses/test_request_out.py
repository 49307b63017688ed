"""What a provider of this protocol is sent for requests of any origin."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cost_strategies import at_leisure
from support.urp_strategies import protocols, requests

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.responses.request_in import decode_request
from monoize.gateway.protocol.responses.request_out import encode_request

HI = urp.Text(role="user", text="hi")
CALL = urp.ToolCall(call_id="c", name="f", arguments="{}")
RESULT = urp.ToolResult(call_id="c", content=(urp.Text(role="user", text="done"),))
TOOL = urp.Tool(name="f", parameters={"type": "object"})


def request(*nodes: urp.Node, origin: urp.Protocol = "chat", **members: Any) -> urp.Request:
    return urp.Request(model="asked-for", input=nodes, origin=origin, **members)


def body(*nodes: urp.Node, origin: urp.Protocol = "chat", **members: Any) -> dict[str, Any]:
    return encode_request(request(*nodes, origin=origin, **members), model="m", stream=False)


def items(*nodes: urp.Node, origin: urp.Protocol = "chat", **members: Any) -> list[dict[str, Any]]:
    found = body(*nodes, origin=origin, **members)["input"]
    assert isinstance(found, list)
    return found


def message(role: str, *parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "message", "role": role, **more, "content": list(parts)}


def test_the_whole_of_a_foreign_request():
    assert {
        "model": "m",
        "input": [message("user", {"type": "input_text", "text": "hi"})],
        "stream": False,
        "store": False,
    } == body(HI)


def test_neighbours_with_the_same_role_share_a_message():
    said = [
        urp.Text(role="system", text="a"),
        urp.Text(role="user", text="b"),
        urp.Image(role="user", source=urp.Url(url="https://example.com/x")),
        urp.Text(role="assistant", text="c"),
        urp.Refusal(text="d"),
    ]
    image = {"type": "input_image", "image_url": "https://example.com/x", "detail": "auto"}
    assert [
        message("system", {"type": "input_text", "text": "a"}),
        message("user", {"type": "input_text", "text": "b"}, image),
        message("assistant", {"type": "output_text", "text": "c"}, {"type": "refusal", "refusal": "d"}),
    ] == items(*said)


def test_a_change_of_phase_begins_a_message_and_unknown_phases_are_not_told():
    said = [urp.Text(role="assistant", text=phase, phase=phase) for phase in ("commentary", "final_answer", "new")]
    phases = [item.get("phase") for item in items(*said)]
    assert ["commentary", "final_answer", None] == phases


@pytest.mark.parametrize("origin", ["chat", "messages", "gemini"])
def test_ids_and_extras_of_others_are_not_sent(origin: urp.Protocol):
    said = urp.Text(role="user", text="hi", id="block_1", extra={"cache_control": {"type": "ephemeral"}})
    call = msgspec.structs.replace(CALL, id="toolu_1", extra={"caller": {"type": "direct"}})
    sent = items(said, call, msgspec.structs.replace(RESULT, id="r", extra={"x": 1}), origin=origin)
    assert [
        message("user", {"type": "input_text", "text": "hi"}),
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "done"},
    ] == sent


def test_ids_are_never_invented_when_history_is_replayed():
    history = [HI, urp.Reasoning(encrypted="gAAA", origin="responses"), urp.Text(role="assistant", text="a")]
    for item in items(*history, CALL, RESULT, origin="responses"):
        assert "id" not in item


def test_reasoning_without_an_id_keeps_what_is_encrypted():
    thought = urp.Reasoning(encrypted="gAAA", origin="responses")
    assert [{"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}] == items(thought, origin="responses")


def test_reasoning_always_has_a_summary_and_never_a_status():
    item = {"type": "reasoning", "id": "rs", "encrypted_content": "gAAA", "status": "completed"}
    sent = encode_request(decode_request({"model": "m", "input": [item]}), model="m", stream=False)
    assert [{"type": "reasoning", "summary": [], "encrypted_content": "gAAA", "id": "rs"}] == sent["input"]


@pytest.mark.parametrize("origin", ["messages", "gemini", "chat"])
def test_what_others_encrypted_is_dropped_with_what_cannot_be_read(origin: urp.Protocol):
    sealed = urp.Reasoning(encrypted="sig", origin=origin, id="x")
    readable = urp.Reasoning(content="I think", encrypted="sig", origin=origin)
    assert [] == items(sealed, origin=origin)
    summary = [{"type": "summary_text", "text": "I think"}]
    assert [{"type": "reasoning", "summary": summary}] == items(readable, origin=origin)


def test_what_we_encrypted_comes_back_from_callers_of_another_protocol_with_its_id():
    thought = urp.Reasoning(summary=("a",), encrypted="gAAA", origin="responses", id="rs_1")
    summary = [{"type": "summary_text", "text": "a"}]
    assert [{"type": "reasoning", "summary": summary, "encrypted_content": "gAAA", "id": "rs_1"}] == items(thought)


@pytest.mark.parametrize(
    "nodes", [[HI, CALL], [HI, RESULT], [HI, RESULT, CALL], [HI, urp.Reasoning(summary=("a",)), CALL]]
)
@pytest.mark.parametrize("origin", ["chat", "responses"])
def test_calls_and_results_without_each_other_are_left_out(nodes: list[urp.Node], origin: urp.Protocol):
    assert ["message"] == [item["type"] for item in items(*nodes, origin=origin)]


def test_reasoning_stays_when_another_of_its_calls_does():
    thought = urp.Reasoning(summary=("a",))
    lost = msgspec.structs.replace(CALL, call_id="lost")
    kinds = [item["type"] for item in items(thought, CALL, lost, RESULT)]
    assert ["reasoning", "function_call", "function_call_output"] == kinds


@pytest.mark.parametrize("rest", [{"previous_response_id": "resp_1"}, {"conversation": "conv_1"}])
def test_a_result_alone_continues_a_conversation_that_is_elsewhere(rest: dict[str, Any]):
    assert [{"type": "function_call_output", "call_id": "c", "output": "done"}] == items(
        RESULT, origin="responses", extra=rest
    )
    assert [] == items(RESULT, origin="chat", extra=rest)


def test_a_result_may_answer_a_call_that_is_only_referred_to():
    reference = {"type": "item_reference", "id": "fc_1"}
    node = urp.ProviderItem(origin="responses", role="assistant", item_type="item_reference", body=reference)
    assert [reference, {"type": "function_call_output", "call_id": "c", "output": "done"}] == items(
        node, RESULT, origin="responses"
    )


@pytest.mark.parametrize("name", ["store", "conversation", "previous_response_id", "include", "background"])
def test_what_only_this_protocol_knows_is_not_taken_from_others(name: str):
    assert body(HI).get(name) == body(HI, extra={name: True}).get(name)


def test_the_harmless_common_members_cross():
    common = {"prompt_cache_key": "k", "safety_identifier": "s", "service_tier": "flex", "metadata": {"a": "b"}}
    sent = body(HI, extra={**common, "frequency_penalty": 1, "seed": 7, "logit_bias": {}})
    assert common.items() <= sent.items()
    assert not {"frequency_penalty", "seed", "logit_bias"} & sent.keys()
    others = body(HI, origin="messages", extra={"service_tier": "standard_only", "metadata": {"a": "b"}})
    assert not {"service_tier", "metadata"} & others.keys()


def test_a_typed_member_wins_over_one_of_the_same_name():
    sent = body(HI, origin="responses", temperature=0.5, extra={"temperature": 2, "model": "other", "new": 1})
    assert (0.5, "m", 1) == (sent["temperature"], sent["model"], sent["new"])


def test_provider_items_of_others_are_left_out():
    native = urp.ProviderItem(origin="messages", role="assistant", item_type="server_tool_use", body={"type": "x"})
    result = urp.ToolResult(call_id="c", content=(native, urp.Text(role="user", text="done")))
    assert ["message", "function_call", "function_call_output"] == [
        item["type"] for item in items(HI, native, CALL, result)
    ]
    assert [{"type": "input_text", "text": "done"}] == items(CALL, result)[1]["output"]


def test_native_tools_of_others_are_left_out_with_the_choice_of_them():
    native = urp.NativeTool(origin="messages", tool_type="bash_20250124", body={"type": "bash_20250124"})
    choice = urp.ToolChoice(mode="required", names=("bash",))
    sent = body(HI, tools=(native,), tool_choice=choice, parallel_tool_calls=False)
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & sent.keys()
    sent = body(HI, tools=(native, TOOL), tool_choice=choice)
    assert "tool_choice" not in sent
    both = urp.ToolChoice(mode="auto", names=("bash", "f"))
    sent = body(HI, tools=(native, TOOL), tool_choice=both)
    assert {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]} == (
        sent["tool_choice"]
    )


def test_native_choices_of_others_are_not_sent():
    choice = urp.ToolChoice(mode="auto", native={"type": "x"}, origin="gemini")
    assert "auto" == body(HI, tools=(TOOL,), tool_choice=choice)["tool_choice"]


def test_custom_tools_and_their_calls_are_said():
    custom = urp.Tool(name="g", kind="custom", description="d", format={"type": "text"})
    call = urp.ToolCall(call_id="c", name="g", arguments="raw", kind="custom", extra={"status": "completed"})
    result = urp.ToolResult(call_id="c", content=(), kind="custom")
    choice = urp.ToolChoice(mode="required", names=("g",))
    sent = body(call, result, tools=(custom,), tool_choice=choice, origin="responses")
    assert [{"type": "custom", "name": "g", "description": "d", "format": {"type": "text"}}] == sent["tools"]
    assert {"type": "custom", "name": "g"} == sent["tool_choice"]
    assert [
        {"type": "custom_tool_call", "call_id": "c", "name": "g", "input": "raw"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": ""},
    ] == sent["input"]


def test_schemas_of_others_are_not_made_strict_behind_their_back():
    loose, bare = urp.Tool(name="f", parameters={"type": "object", "x": 1}), urp.Tool(name="g")
    assert [
        {"type": "function", "name": "f", "parameters": {"type": "object", "x": 1}, "strict": False},
        {
            "type": "function",
            "name": "g",
            "parameters": {"type": "object", "properties": {}},
            "strict": False,
        },
    ] == body(HI, tools=(loose, bare))["tools"]
    [own] = body(HI, tools=(loose,), origin="responses")["tools"]
    assert own["strict"] is None, "nothing said is nothing said"


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (urp.ReasoningWish(effort="high"), {"effort": "high"}),
        (urp.ReasoningWish(effort="max", summary="auto"), {"effort": "max", "summary": "auto"}),
        (urp.ReasoningWish(budget_tokens=4_096), {"effort": "medium"}),
        (urp.ReasoningWish(effort="none"), None),
        (urp.ReasoningWish(budget_tokens=0), None),
        (urp.ReasoningWish(), None),
    ],
)
def test_thinking_is_asked_for_in_words(wish: urp.ReasoningWish, expected: Any):
    sent = body(HI, reasoning=wish)
    assert expected == sent.get("reasoning")
    assert (["reasoning.encrypted_content"] if expected else None) == sent.get("include")


def test_callers_of_this_protocol_may_switch_thinking_off():
    assert {"effort": "none"} == body(HI, origin="responses", reasoning=urp.ReasoningWish(effort="none"))[
        "reasoning"
    ]


def test_stop_sequences_and_top_k_cannot_be_said():
    assert not {"stop", "stop_sequences", "top_k"} & body(HI, stop=("x",), top_k=5).keys()


def test_options_of_streams_are_for_streams():
    asked = request(HI, origin="responses", extra={"stream_options": {"include_obfuscation": False}})
    assert "stream_options" not in encode_request(asked, model="m", stream=False)
    assert {"include_obfuscation": False} == encode_request(asked, model="m", stream=True)["stream_options"]


@pytest.mark.parametrize(
    ("node", "part"),
    [
        (
            urp.Image(role="user", source=urp.Inline(media_type="image/png", data="AAAA"), detail="low"),
            {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"},
        ),
        (
            urp.Image(role="user", source=urp.FileId(file_id="file-1", origin="chat")),
            {"type": "input_image", "file_id": "file-1", "detail": "auto"},
        ),
        (urp.Image(role="user", source=urp.FileId(file_id="file_011", origin="messages")), None),
        (
            urp.Audio(role="user", source=urp.Inline(media_type="audio/mpeg", data="AAAA")),
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
        ),
        (urp.Audio(role="user", source=urp.Inline(media_type="audio/flac", data="AAAA")), None),
        (urp.Audio(role="user", source=urp.Url(url="https://example.com/x.mp3")), None),
        (
            urp.File(role="user", source=urp.Inline(media_type="application/pdf", data="AAAA")),
            {"type": "input_file", "file_data": "data:application/pdf;base64,AAAA", "filename": "file.pdf"},
        ),
        (
            urp.File(role="user", source=urp.Url(url="https://example.com/a.pdf")),
            {"type": "input_file", "file_url": "https://example.com/a.pdf"},
        ),
        (urp.File(role="user", source=urp.FileId(file_id="files/1", origin="gemini")), None),
        (urp.File(role="user", source=urp.PlainText(text="words")), {"type": "input_text", "text": "words"}),
    ],
)
def test_where_the_bytes_of_a_part_are(node: urp.Node, part: dict[str, Any] | None):
    assert ([message("user", part)] if part else []) == items(node, origin="messages")


def test_pictures_that_an_assistant_drew_elsewhere_are_shown_to_it():
    picture = urp.Image(role="assistant", source=urp.Inline(media_type="image/png", data="AAAA"))
    assert ["assistant", "user"] == [
        item["role"] for item in items(urp.Text(role="assistant", text="a"), picture, origin="gemini")
    ]


def test_a_schema_without_a_name_gets_one():
    wanted = urp.ResponseFormat(kind="json_schema", schema={"type": "object"})
    assert {"format": {"type": "json_schema", "name": "response", "schema": {"type": "object"}}} == (
        body(HI, response_format=wanted, origin="messages")["text"]
    )


@at_leisure
@given(protocols.flatmap(requests), st.booleans())
def test_requests_of_every_origin_hold_only_what_this_protocol_knows(request_: urp.Request, stream: bool):
    sent = encode_request(request_, model="m", stream=stream)
    assert sent.keys() <= {
        "model",
        "input",
        "instructions",
        "stream",
        "temperature",
        "top_p",
        "max_output_tokens",
        "reasoning",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "text",
        "user",
        "store",
        "include",
    }
    assert stream is sent["stream"]
    again = decode_request(msgspec.json.decode(msgspec.json.encode(sent)))
    assert [node for node in request_.input if isinstance(node, urp.Text)] == [
        node for node in again.input if isinstance(node, urp.Text)
    ]
    answered = {node.call_id for node in again.input if isinstance(node, urp.ToolResult)}
    assert answered == {node.call_id for node in again.input if isinstance(node, urp.ToolCall)}
