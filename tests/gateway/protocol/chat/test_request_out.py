"""What a provider of this protocol is sent, for requests of this protocol and of all others."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.chat_cases import (
    USER,
    call,
    encoded,
    messages,
    result,
)
from support.chat_wire import bare, bodies
from support.cost_strategies import at_leisure
from support.urp_strategies import protocols, requests

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.chat.request_in import decode_request
from monoize.gateway.protocol.chat.request_out import encode_request


@at_leisure
@given(requests("chat"))
def test_what_this_protocol_can_say_comes_back_the_same(request: urp.Request):
    body = encode_request(request, model=request.model, stream=request.stream)
    decoded = decode_request(msgspec.json.decode(msgspec.json.encode(body)))
    assert bare(request.input) == bare(decoded.input)
    assert msgspec.structs.replace(request, input=()) == msgspec.structs.replace(decoded, input=(), extra={})


@at_leisure
@given(bodies)
def test_a_callers_own_words_survive_twice_as_well_as_once(body: urp.Json):
    """Whatever is lost is lost the first time: what is written is a fixed point."""
    once = encode_request(decode_request(body), model="m", stream=False)
    assert once == encode_request(decode_request(once), model="m", stream=False) if once["messages"] else True


@at_leisure
@given(protocols.flatmap(requests), st.sampled_from(["gpt-5", "deepseek-chat", "kimi-k2"]), st.booleans())
def test_of_others_only_what_this_protocol_knows_is_sent(request: urp.Request, model: str, stream: bool):
    strange = {"container": "c", "fallbacks": [], "store": True, "safetySettings": [], "top_logprobs": 3}
    other = msgspec.structs.replace(request, extra=strange if request.origin != "chat" else {})
    body = encode_request(other, model=model, stream=stream)
    assert not strange.keys() & body.keys()
    assert stream == body.get("stream", False)
    for message in body["messages"]:
        is_other = message["role"] == "assistant" and request.origin != "chat"
        assert not (is_other and {"reasoning_details", "reasoning"} & message.keys())
        assert ("reasoning_content" in message) <= (model != "gpt-5")


@at_leisure
@given(protocols.flatmap(requests))
def test_every_call_is_followed_by_its_results(request: urp.Request):
    waiting: list[str] = []
    for message in messages(*request.input, origin=request.origin):
        if message["role"] == "tool":
            assert waiting.pop(0) == message["tool_call_id"]
        else:
            assert not waiting
            waiting = [each["id"] for each in message.get("tool_calls", ())]
    assert not waiting


def test_orphans_are_left_out():
    said = messages(USER, call("a"), USER, result("b"), call("c"), result("c"), call("d"))
    assert ["user", "assistant", "tool"] == [message["role"] for message in said]
    assert ["c"] == [each["id"] for each in said[1]["tool_calls"]]


def test_results_are_brought_to_their_calls():
    late = messages(call("a"), call("b"), result("b"), urp.Text(role="user", text="and?"), result("a"))
    assert ["assistant", "tool", "tool", "user"] == [message["role"] for message in late]
    assert ["a", "b"] == [message["tool_call_id"] for message in late[1:3]]


def test_an_id_that_is_used_again_means_another_call():
    said = messages(call("a"), USER, call("a"), result("a", urp.Text(role="user", text="second")))
    assert ["user", "assistant", "tool"] == [message["role"] for message in said]


def test_another_result_ends_a_turn_too():
    first, second = call("a"), urp.ToolCall(call_id="a", name="second", arguments="{}")
    said = messages(first, call("b"), result("b"), second, result("a"))
    names = [each["function"]["name"] for message in said for each in message.get("tool_calls", ())]
    assert ["f", "second"] == names
    assert ["b", "a"] == [message["tool_call_id"] for message in said if message["role"] == "tool"]


def test_images_in_results_follow_as_a_message_of_the_user():
    image = urp.Image(role="user", source=urp.Inline(media_type="image/png", data="AQI="))
    said = messages(call("a"), call("b"), result("a", image), result("b"), USER)
    assert ["assistant", "tool", "tool", "user"] == [message["role"] for message in said]
    assert "" == said[1]["content"]
    assert [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AQI="}},
        {"type": "text", "text": "Hi"},
    ] == said[3]["content"]


@pytest.mark.parametrize(
    "after", [(), (urp.Text(role="system", text="s"),), (urp.Text(role="assistant", text="s"),)]
)
def test_images_in_results_stay_those_of_a_user(after: tuple[urp.Node, ...]):
    image = urp.Image(role="user", source=urp.Url(url="https://example.com/a.png"))
    said = messages(call("a"), result("a", image), *after)
    assert "user" == said[2]["role"]
    assert [node.role for node in after if isinstance(node, urp.Text)] == [each["role"] for each in said[3:]]


def test_texts_of_others_are_one_string():
    said = messages(urp.Text(role="system", text="a"), urp.Text(role="developer", text="b"), USER, USER)
    assert [{"role": "system", "content": "a\n\nb"}, {"role": "user", "content": "Hi\n\nHi"}] == said


def test_a_callers_messages_keep_their_borders_and_what_stands_beside_them():
    said = [
        {"role": "user", "name": "ann", "content": "a"},
        {"role": "user", "content": "b"},
        {"role": "assistant", "content": "c", "annotations": []},
        {"role": "assistant", "content": [{"type": "text", "text": "d", "cache_control": {"type": "ephemeral"}}]},
        {"role": "developer", "content": "e"},
    ]
    assert (
        said
        == encode_request(decode_request({"model": "m", "messages": said}), model="m", stream=False)["messages"]
    )


def test_functions_of_old_go_back_as_functions():
    body = {
        "model": "m",
        "messages": [
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "one"},
        ],
        "functions": [{"name": "f", "parameters": {"type": "object"}}],
        "function_call": {"name": "f"},
    }
    assert body == encode_request(decode_request(body), model="m", stream=False)


def test_functions_of_old_are_tools_to_everybody_else():
    """In the common language nothing of them is old."""
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "functions": [{"name": "f"}]}
    request = msgspec.structs.replace(decode_request(body), origin="responses")
    assert [{"type": "function", "function": {"name": "f"}}] == encode_request(request, model="m", stream=False)[
        "tools"
    ]


def test_usage_is_always_asked_for():
    assert {"include_usage": True} == encoded(stream=True)["stream_options"]
    own = encoded(stream=True, origin="chat", extra={"stream_options": {"include_usage": False, "new": 1}})
    assert {"include_usage": True, "new": 1} == own["stream_options"]
    assert not {"stream", "stream_options"} & encoded(origin="chat", extra={"stream_options": {}}).keys()


@pytest.mark.parametrize(
    ("model", "key"),
    [("gpt-5", "max_completion_tokens"), ("deepseek/DeepSeek-V4", "max_tokens"), ("DEEPSEEK", "max_tokens")],
)
def test_the_key_of_the_token_limit(model: str, key: str):
    body = encoded(model=model, max_output_tokens=5)
    assert {key: 5} == {name: value for name, value in body.items() if name.startswith("max")}


@pytest.mark.parametrize(
    ("model", "members"),
    [
        ("gpt-5", {"reasoning_effort": "none"}),
        ("gpt-5", {"thinking": {"type": "disabled"}}),
        ("gpt-5", {"thinking": {"type": "enabled", "budget_tokens": 2_000}}),
        ("deepseek-chat", {"thinking": {"type": "enabled"}, "reasoning_effort": "low"}),
        ("gpt-5", {"reasoning": {"enabled": False, "exclude": True, "effort": "none"}}),
        ("gpt-5", {"provider": {"order": ["a"]}, "plugins": [{"id": "web"}], "route": "fallback", "models": ["b"]}),
        ("gpt-5", {"seed": 2**70, "top_k": 5, "logit_bias": {"5": -100}, "service_tier": "made_up"}),
    ],
)
def test_a_callers_own_extensions_go_along(model: str, members: urp.Json):
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], **members}
    assert body == encode_request(decode_request(body), model=model, stream=False)


def test_custom_tools_and_grammars():
    flat = {"type": "grammar", "syntax": "regex", "definition": "a+"}
    tool = urp.Tool(kind="custom", name="exec", format=flat)
    custom_call = call("c", kind="custom")
    body = encoded(custom_call, result("c", kind="custom"), tools=(tool,), origin="responses")
    nested = {"type": "grammar", "grammar": {"syntax": "regex", "definition": "a+"}}
    assert [{"type": "custom", "custom": {"name": "exec", "format": nested}}] == body["tools"]
    assert [{"id": "c", "type": "custom", "custom": {"name": "f", "input": "{}"}}] == body["messages"][0][
        "tool_calls"
    ]


def test_native_tools_of_others_vanish_with_the_choice_of_them():
    native = urp.NativeTool(origin="messages", tool_type="web_search_20250305", body={})
    choice = urp.ToolChoice(mode="required", names=("web_search",))
    assert (
        not {"tools", "tool_choice", "parallel_tool_calls"}
        & encoded(tools=(native,), tool_choice=choice, parallel_tool_calls=False).keys()
    )


def test_choices_of_tools():
    tools = (urp.Tool(name="f"), urp.Tool(name="g", kind="custom"))

    def choice(**members: Any) -> object:
        return encoded(tools=tools, tool_choice=urp.ToolChoice(**members)).get("tool_choice")

    assert "required" == choice(mode="required")
    assert "none" == choice(mode="none", names=("f",))
    assert {"type": "custom", "custom": {"name": "g"}} == choice(mode="required", names=("g", "gone"))
    selectors = [{"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "g"}}]
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": selectors}}
    assert allowed == choice(mode="auto", names=("f", "g"))
    assert choice(mode="auto", names=("gone",)) is None
    assert {"type": "mcp"} == choice(mode="required", native={"type": "mcp"}, origin="chat")
    assert choice(mode="required", native={"type": "mcp"}, origin="responses") is None


def test_files_that_can_be_said_and_those_that_cannot():
    pdf = urp.Inline(media_type="application/pdf", data="AQI=")
    parts = messages(
        urp.File(role="user", source=pdf),
        urp.File(role="user", source=urp.FileId(file_id="file-1", origin="responses")),
        urp.File(role="user", source=urp.FileId(file_id="file_2", origin="messages")),
        urp.File(role="user", source=urp.Url(url="https://example.com/a.pdf")),
        urp.File(role="user", source=urp.PlainText(text="words")),
        urp.Audio(role="user", source=urp.Inline(media_type="audio/mpeg", data="AQI=")),
        urp.Audio(role="user", source=urp.Inline(media_type="audio/flac", data="AQI=")),
        urp.Image(role="user", source=urp.FileId(file_id="file-3", origin="chat")),
    )[0]["content"]
    assert [
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AQI=", "filename": "file.pdf"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "text", "text": "words"},
        {"type": "input_audio", "input_audio": {"data": "AQI=", "format": "mp3"}},
    ] == parts


def test_a_refusal_is_one():
    assert [{"role": "assistant", "content": None, "refusal": "No."}] == messages(urp.Refusal(text="No."))


def test_items_of_other_protocols_are_never_made_into_words():
    item = urp.ProviderItem(origin="responses", role="assistant", item_type="web_search_call", body={"id": "ws"})
    assert [{"role": "user", "content": "Hi"}] == messages(USER, item)


def test_phases_do_not_leak():
    said = messages(urp.Text(role="assistant", text="a", phase="commentary"), urp.Text(role="assistant", text="b"))
    assert [{"role": "assistant", "content": "a\n\nb"}] == said


def test_nobody_has_to_say_what_text_is():
    text = urp.ResponseFormat(kind="text")
    assert "response_format" not in encoded(response_format=text)
    assert {"type": "text"} == encoded(response_format=text, origin="chat")["response_format"]


def test_a_schema_needs_a_name_here():
    wanted = urp.ResponseFormat(kind="json_schema", schema={"type": "object"})
    schema = {"name": "response", "schema": {"type": "object"}}
    assert {"type": "json_schema", "json_schema": schema} == encoded(response_format=wanted)["response_format"]


def test_a_call_without_arguments_is_still_json():
    silent = urp.ToolCall(call_id="a", name="f", arguments="")
    assert "{}" == messages(silent, result("a"))[0]["tool_calls"][0]["function"]["arguments"]


def test_typed_members_beat_what_was_kept():
    body = encoded(origin="chat", temperature=0.5, extra={"temperature": 2, "model": "x", "seed": 1})
    assert ("gpt-5", 0.5, 1) == (body["model"], body["temperature"], body["seed"])


@pytest.mark.parametrize(("tier", "sent"), [("flex", True), ("standard_only", False), (5, False)])
def test_service_tiers_that_this_protocol_knows(tier: object, sent: bool):
    assert sent == ("service_tier" in encoded(extra={"service_tier": tier}))
