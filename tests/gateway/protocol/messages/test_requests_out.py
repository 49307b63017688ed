"""What becomes of a request on its way to a provider, and what cannot be said there."""

import itertools

import pytest
from gateway.protocol.messages.shapes import assert_sendable

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.messages.request_out import MAX_TOKENS_UNTOLD, encode_request

NOBODYS = "some-model"
NEW, MIDDLE, OLD = "claude-opus-4-8", "claude-opus-4-6", "claude-sonnet-4-5"
CACHED = {"type": "ephemeral", "ttl": "1h"}


def request(*nodes, origin="chat", **more):
    return urp.Request(model="m", input=nodes, origin=origin, **more)


def encoded(*nodes, model=MIDDLE, stream=False, **more):
    body = encode_request(request(*nodes, **more), model=model, stream=stream)
    assert_sendable(body)
    return body


def said(text="Hi"):
    return urp.Text(role="user", text=text)


def call(call_id, name="f", arguments="{}", **more):
    return urp.ToolCall(call_id=call_id, name=name, arguments=arguments, **more)


def result(call_id, text="ok", **more):
    return urp.ToolResult(call_id=call_id, content=(said(text),), **more)


def kinds(message):
    return [block["type"] for block in message["content"]]


def test_system_text_moves_to_the_front_from_anywhere():
    body = encoded(
        urp.Text(role="system", text="One."),
        said("a"),
        urp.Text(role="developer", text="Two."),
        said("b"),
    )
    assert ["One.", "Two."] == [block["text"] for block in body["system"]]
    assert [["text", "text"]] == [kinds(message) for message in body["messages"]]


def test_results_of_parallel_calls_share_one_turn_and_come_first():
    """2.16.13."""
    body = encoded(said(), call("a"), call("b"), result("b"), said("and"), result("a"))
    assert ["text", "tool_use", "tool_use", "tool_result", "tool_result", "text"] == list(
        itertools.chain.from_iterable(map(kinds, body["messages"]))
    )
    assert ["a", "b"] == [block["tool_use_id"] for block in body["messages"][2]["content"][:2]]


def test_a_result_that_comes_late_still_comes_right_after_its_call():
    body = encoded(said(), call("a"), said("Well?"), urp.Text(role="assistant", text="Wait."), result("a"))
    expected = [["text"], ["tool_use"], ["tool_result", "text"], ["text"]]
    assert expected == [kinds(message) for message in body["messages"]]


def test_calls_one_after_the_other_are_turns_one_after_the_other():
    body = encoded(said(), call("a"), result("a"), call("b"), result("b"))
    assert ["user", "assistant", "user", "assistant", "user"] == [each["role"] for each in body["messages"]]


def test_orphans_are_left_out_on_both_sides():
    body = encoded(said("a"), call("lost"), said("b"), result("never"), call("found"), result("found"))
    assert [["text", "text"], ["tool_use"], ["tool_result"]] == [kinds(message) for message in body["messages"]]


def test_an_id_that_comes_again_means_another_call():
    body = encoded(
        said(),
        call("call_0"),
        result("call_0", "1"),
        call("call_0"),
        said("stop"),
        call("call_0"),
        result("call_0", "2"),
    )
    ids = [
        block["id"] for message in body["messages"] for block in message["content"] if block["type"] == "tool_use"
    ]
    assert ["call_0", "call_0_2"] == ids
    *_, asked, answered = body["messages"]
    assert (["tool_use"], ["tool_result"]) == (kinds(asked), kinds(answered))
    assert "2" == answered["content"][0]["content"][0]["text"]


def test_a_call_made_very_often_takes_no_longer_than_others():
    nodes = [node for _ in range(30_000) for node in (call("a"), result("a"))]
    assert 60_000 + 1 == len(encoded(said(), *nodes)["messages"])


def test_ids_are_made_what_anthropic_takes():
    body = encoded(
        said(), call("functions.f:0"), call("functions.f.0"), result("functions.f:0"), result("functions.f.0")
    )
    first, second = (block["id"] for block in body["messages"][1]["content"])
    assert first.startswith("functions_f_0_")
    assert first != second


def test_empty_assistant_text_before_a_call_is_left_out():
    """2.16.12."""
    body = encoded(said(), urp.Text(role="assistant", text=" \n"), call("a"), result("a", " "))
    assert ["tool_use"] == kinds(body["messages"][1])
    assert "content" not in body["messages"][2]["content"][0]


def test_nothing_said_is_nothing_to_send():
    with pytest.raises(BadRequest) as problem:
        encode_request(request(urp.Text(role="system", text="x"), origin="responses"), model=NEW, stream=False)
    assert "input" == problem.value.param


@pytest.mark.parametrize(("given_most", "sent"), [(None, MAX_TOKENS_UNTOLD), (17, 17), (0, 0)])
def test_max_tokens_are_always_sent_and_never_changed(given_most, sent):
    assert sent == encoded(said(), max_output_tokens=given_most)["max_tokens"]


def test_the_stream_is_asked_for_only_if_it_is_wanted():
    assert encoded(said(), stream=True)["stream"]
    assert "stream" not in encoded(said())


def test_data_urls_become_base64_sources():
    """2.16.21."""
    urls = ["data:image/png;base64,aGk=", "data:image/svg+xml,%3Csvg%2F%3E", "https://example.com/a.png"]
    body = encoded(*(urp.Image(role="user", source=urp.Url(url=url)) for url in urls))
    assert [
        {"type": "base64", "media_type": "image/png", "data": "aGk="},
        {"type": "base64", "media_type": "image/svg+xml", "data": "PHN2Zy8+"},
        {"type": "url", "url": "https://example.com/a.png"},
    ] == [block["source"] for block in body["messages"][0]["content"]]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (urp.Inline(media_type="image/png", data="aGk="), "image"),
        (urp.Inline(media_type="application/pdf", data="aGk="), "document"),
        (urp.Url(url="data:application/pdf;base64,aGk="), "document"),
        (urp.Url(url="data:image/png;base64,aGk="), "image"),
        (urp.Url(url="https://example.com/a.pdf"), "document"),
        (urp.FileId(file_id="file_1", origin="messages"), "document"),
    ],
)
def test_files_are_documents_or_pictures(source, expected):
    (block,) = encoded(urp.File(role="user", source=source, filename="a"))["messages"][0]["content"]
    assert expected == block["type"]
    assert (expected == "document") == (block.get("title") == "a")


def test_text_files_are_sent_as_text():
    source = urp.Inline(media_type="text/markdown", data="IyBIaQ==")
    (block,) = encoded(urp.File(role="user", source=source))["messages"][0]["content"]
    assert {"type": "text", "media_type": "text/plain", "data": "# Hi"} == block["source"]


def test_files_uploaded_elsewhere_are_left_out():
    image = urp.Image(role="user", source=urp.FileId(file_id="file-1", origin="responses"))
    file = urp.File(role="user", source=urp.FileId(file_id="file-1", origin="chat"))
    assert ["text"] == kinds(encoded(said(), image, file)["messages"][0])


def test_sound_is_left_out_and_its_words_are_not():
    sound = urp.Inline(media_type="audio/wav", data="aGk=")
    body = encoded(
        said("a"), urp.Audio(role="user", source=sound), urp.Audio(role="user", source=sound, transcript="b")
    )
    assert ["a", "b"] == [block["text"] for block in body["messages"][0]["content"]]


def test_a_refusal_is_not_lost():
    body = encoded(said(), urp.Refusal(text="No."), said("Why?"))
    assert {"role": "assistant", "content": [{"type": "text", "text": "No."}]} == body["messages"][1]


@pytest.mark.parametrize(
    ("node", "kept"),
    [
        (urp.Reasoning(summary=("Hm.",), encrypted="sig", origin="messages"), True),
        (urp.Reasoning(encrypted="sig", origin="messages"), True),
        (urp.Reasoning(content="Hm.", encrypted="rs", origin="responses"), False),
        (urp.Reasoning(content="Hm."), False),
    ],
)
def test_claude_gets_back_only_what_it_signed(node, kept):
    body = encoded(said(), node, urp.Text(role="assistant", text="a"), said())
    assert kept == ("thinking" in kinds(body["messages"][1]))


def test_other_models_of_this_protocol_get_back_what_can_be_read():
    body = encoded(
        said(), urp.Reasoning(content="Hm."), urp.Text(role="assistant", text="a"), said(), model=NOBODYS
    )
    assert {"type": "thinking", "thinking": "Hm.", "signature": ""} == body["messages"][1]["content"][0]


def test_a_thought_and_its_signature_that_came_apart_are_one_block():
    nodes = (urp.Reasoning(content="Hm."), urp.Reasoning(encrypted="sig", origin="messages"))
    body = encoded(said(), *nodes, urp.Text(role="assistant", text="a"), said())
    assert {"type": "thinking", "thinking": "Hm.", "signature": "sig"} == body["messages"][1]["content"][0]


def test_items_of_other_protocols_are_left_out():
    item = urp.ProviderItem(origin="responses", role="assistant", item_type="mcp_call", body={"type": "mcp_call"})
    assert 1 == len(encoded(said(), item)["messages"])


def test_phase_does_not_leak():
    """2.16.14."""
    body = encoded(urp.Text(role="assistant", text="a", phase="commentary"), said(), origin="responses")
    assert {"type": "text", "text": "a"} == body["messages"][0]["content"][0]


def test_marks_for_the_cache_survive_and_other_foreign_extras_do_not():
    node = urp.Text(role="user", text="a", extra={"cache_control": CACHED, "annotations": [1]})
    tool = urp.Tool(name="f", parameters={"type": "object"}, extra={"cache_control": CACHED, "x": 1})
    body = encoded(node, tools=(tool,), extra={"logit_bias": {}, "cache_control": CACHED, "service_tier": "flex"})
    assert {"type": "text", "text": "a", "cache_control": CACHED} == body["messages"][0]["content"][0]
    assert {"name": "f", "input_schema": {"type": "object"}, "cache_control": CACHED} == body["tools"][0]
    assert CACHED == body["cache_control"]
    assert not {"logit_bias", "service_tier"} & {*body}


def test_typed_fields_beat_extras_of_the_same_name():
    node = urp.Text(role="user", text="a", extra={"text": "b", "type": "image"})
    body = encoded(
        node, origin="messages", extra={"model": "x", "max_tokens": 1, "system": "s"}, max_output_tokens=5
    )
    assert (MIDDLE, 5) == (body["model"], body["max_tokens"])
    assert {"type": "text", "text": "a"} == body["messages"][0]["content"][0]


@pytest.mark.parametrize(
    ("temperature", "top_p", "sent"),
    [(0.3, None, {"temperature": 0.3}), (1.7, 1.0, {}), (1, 0.5, {"top_p": 0.5}), (None, None, {})],
)
def test_sampling_of_others_is_fitted_and_what_says_nothing_is_left_out(temperature, top_p, sent):
    body = encoded(said(), model=OLD, temperature=temperature, top_p=top_p)
    assert sent == {name: body[name] for name in ("temperature", "top_p") if name in body}


def test_user_stop_and_verbosity():
    body = encoded(said(), user="u", stop=("END", "\n"), verbosity="low")
    assert {"user_id": "u"} == body["metadata"]
    assert ["END"] == body["stop_sequences"]
    assert "verbosity" not in body


def test_a_schema_goes_without_its_name_and_strictness():
    wanted = urp.ResponseFormat(
        kind="json_schema", name="n", description="d", strict=True, schema={"type": "object"}
    )
    body = encoded(said(), response_format=wanted)
    assert {"format": {"type": "json_schema", "schema": {"type": "object"}}} == body["output_config"]
    assert "output_config" not in encoded(said(), response_format=urp.ResponseFormat(kind="json_object"))
