"""Events of any protocol become a stream that an SDK of this one reads without a complaint."""

import msgspec
import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import RawMessageStreamEvent
from gateway.protocol.messages.shapes import WHOLE, assert_stream, decoded, recorded
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from support import urp_strategies as urps
from support.urp_strategies import frames_of

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.messages.answer_in import decode_response
from monoize.gateway.protocol.messages.answer_out import encode_response
from monoize.gateway.protocol.messages.stream_out import PING, StreamEncoder
from monoize.gateway.protocol.naming import Naming

NAMING = Naming(response_id="req_1", created_at=1_780_000_000)
EVENT = TypeAdapter(RawMessageStreamEvent)
STARTED = urp.Started(id="r1", model="m")


def encoded(events):
    encoder = StreamEncoder(NAMING, None)
    return b"".join(encoder.encode(event) for event in events)


def done(*output, reason="stop", **more):
    return urp.Done(
        response=urp.Response(id="r1", model="m", output=output, finish=urp.Finish(reason=reason), **more)
    )


def bodies(wire):
    return [msgspec.json.decode(data) for _, data in frames_of(wire)]


def blocks(wire):
    return [body["content_block"]["type"] for body in bodies(wire) if body["type"] == "content_block_start"]


def deltas(wire, kind):
    found = [body["delta"] for body in bodies(wire) if body["type"] == "content_block_delta"]
    return [delta for delta in found if delta["type"] == kind]


def read_again(wire):
    """As our own decoder understands it, without what only the wire knows."""
    frames = assert_stream(wire)
    return urps.assert_contract(decoded(frames)[0])


def accumulated(wire):
    """As the SDK does it."""
    snapshot, buffers = None, {}
    for name, data in frames_of(wire):
        if name != "ping":
            event = EVENT.validate_json(data)
            snapshot = accumulate_event(event=event, current_snapshot=snapshot, json_bufs=buffers)
    return snapshot


@given(urps.protocols.flatmap(lambda origin: urps.streams(origin)))
def test_a_stream_says_what_the_plain_answer_says(events):
    response = events[-1].response
    plain = decode_response(encode_response(response, model=None, naming=NAMING))
    streamed = read_again(encoded(events))
    assert plain.output == streamed.output
    assert plain.finish == streamed.finish
    assert (plain.id, plain.model, plain.usage) == (streamed.id, streamed.model, streamed.usage)


@given(urps.protocols.flatmap(lambda origin: urps.streams(origin, interleaved=True)))
def test_nodes_that_grow_side_by_side_come_one_after_the_other(events):
    plain = decode_response(encode_response(events[-1].response, model=None, naming=NAMING))
    assert plain.output == read_again(encoded(events)).output


@given(urps.streams("messages"), st.data())
def test_what_was_never_streamed_is_added_at_the_end(events, data):
    last = max((event.index for event in events if isinstance(event, urp.NodeStarted)), default=-1)
    kept = data.draw(st.integers(-1, last))
    fewer = [event for event in events if getattr(event, "index", -1) <= kept]
    assert read_again(encoded(events)).output == read_again(encoded(fewer)).output


@given(urps.streams("chat", interleaved=True), st.data())
def test_a_failure_at_any_moment_is_one_error_and_the_end(events, data):
    place = data.draw(st.integers(0, len(events) - 1))
    failed = urp.Failed(message="It broke.", kind="overloaded_error", status=529)
    wire = encoded([*events[:place], failed, *events[place:]])
    frames = assert_stream(wire)
    assert "error" == frames[-1][0]
    assert 1 == sum(name == "error" for name, _ in frames)
    assert "overloaded_error" == msgspec.json.decode(frames[-1][1])["error"]["type"]


@given(urps.streams("messages"))
def test_the_sdk_adds_it_up_to_the_plain_answer(events):
    response = events[-1].response
    expected = encode_response(response, model=None, naming=NAMING)
    message = accumulated(encoded(events))
    found = [block.to_dict() for block in message.content]
    assert expected["content"] == [
        {name: value for name, value in block.items() if value is not None} for block in found
    ]
    assert expected["stop_reason"] == message.stop_reason


@pytest.mark.parametrize("name", WHOLE)
def test_recorded_streams_come_out_as_they_went_in(name):
    events, _ = decoded(recorded(name))
    wire = encoded(events)
    again = urps.assert_contract(decoded(frames_of(wire))[0])
    before = events[-1].response
    assert (before.output, before.finish.reason) == (again.output, again.finish.reason)
    assert before.usage == again.usage
    if name not in ("compaction", "unnamed_events"):
        assert_stream(wire)


def test_the_order_of_a_message():
    events, _ = decoded(recorded("thinking"))
    names = [name for name, _ in frames_of(encoded(events))]
    expected = [
        "message_start",
        "content_block_start",
        *["content_block_delta"] * 3,
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert expected == names


def test_there_is_no_done_of_other_protocols_and_no_ping_of_its_own():
    events, _ = decoded(recorded("text"))
    assert b"[DONE]" not in encoded(events)
    assert b"ping" not in encoded(events)
    assert b'event: ping\ndata: {"type":"ping"}\n\n' == PING


def test_the_granularity_of_what_was_thought_is_kept():
    events, _ = decoded(recorded("thinking"))
    assert 2 == len(deltas(encoded(events), "thinking_delta"))


def test_omitted_thinking_is_one_signature_and_nothing_else():
    events, _ = decoded(recorded("omitted_thinking"))
    wire = encoded(events)
    assert [] == deltas(wire, "thinking_delta")
    assert [{"type": "signature_delta", "signature": "EosnCkYICxIMMb3LzNrMu"}] == deltas(wire, "signature_delta")


def test_thinking_without_a_signature_has_an_empty_one():
    node = urp.Reasoning(content="Hm.", encrypted="rs", origin="responses")
    wire = encoded([STARTED, done(node)])
    assert_stream(wire)
    assert [{"type": "signature_delta", "signature": ""}] == deltas(wire, "signature_delta")


def test_what_somebody_else_encrypted_leaves_no_trace():
    sealed = urp.Reasoning(encrypted="rs", origin="responses")
    text = urp.Text(role="assistant", text="Hi")
    events = [
        STARTED,
        urp.NodeStarted(index=0, node=urp.Reasoning()),
        urp.NodeDone(index=0, node=sealed),
        urp.NodeStarted(index=1, node=urp.Text(role="assistant", text="")),
        urp.TextDelta(index=1, text="Hi"),
        urp.NodeDone(index=1, node=text),
        done(sealed, text),
    ]
    assert ["text"] == blocks(encoded(events))
    assert_stream(encoded(events))


def test_parts_of_a_summary_are_paragraphs():
    node = urp.Reasoning(summary=("One.", "Two."))
    events = [
        STARTED,
        urp.NodeStarted(index=0, node=urp.Reasoning()),
        urp.ReasoningDelta(index=0, text="One.", summary_index=0),
        urp.ReasoningDelta(index=0, text="Two", summary_index=1),
        urp.NodeDone(index=0, node=node),
        done(node),
    ]
    assert "One.\n\nTwo." == "".join(delta["thinking"] for delta in deltas(encoded(events), "thinking_delta"))


def test_a_block_that_cannot_open_yet_waits_for_the_one_before_it():
    text, call = urp.Text(role="assistant", text="ab"), urp.ToolCall(call_id="c", name="f", arguments='{"a":1}')
    events = [
        STARTED,
        urp.NodeStarted(index=0, node=urp.Text(role="assistant", text="")),
        urp.TextDelta(index=0, text="a"),
        urp.NodeStarted(index=1, node=urp.ToolCall(call_id="c", name="f", arguments="")),
        urp.TextDelta(index=1, text='{"a"'),
        urp.TextDelta(index=0, text="b"),
        urp.TextDelta(index=1, text=":1}"),
        urp.NodeDone(index=1, node=call),
        urp.NodeDone(index=0, node=text),
        done(text, call, reason="tool_calls"),
    ]
    wire = encoded(events)
    assert_stream(wire)
    assert ["text", "tool_use"] == blocks(wire)
    assert ['{"a"', ":1}"] == [delta["partial_json"] for delta in deltas(wire, "input_json_delta")]


def test_a_header_only_call_ends_the_turn_for_tools():
    call = urp.ToolCall(call_id="c", name="f", arguments="")
    events = [STARTED, urp.NodeStarted(index=0, node=call), urp.NodeDone(index=0, node=call), done(call)]
    message = accumulated(encoded(events))
    assert "tool_use" == message.stop_reason
    assert {} == message.content[0].input


@pytest.mark.parametrize("arguments", ["[1]", "not json", '"text"', "12"])
def test_arguments_that_are_no_object_are_wrapped_and_not_streamed(arguments):
    call = urp.ToolCall(call_id="c", name="f", arguments=arguments)
    events = [
        STARTED,
        urp.NodeStarted(index=0, node=urp.ToolCall(call_id="c", name="f", arguments="")),
        *(urp.TextDelta(index=0, text=letter) for letter in arguments),
        urp.NodeDone(index=0, node=call),
        done(call),
    ]
    assert {"_raw": arguments} == accumulated(encoded(events)).content[0].input


def test_a_refusal_and_a_picture_are_text():
    refusal = urp.Refusal(text="No.")
    image = urp.Image(role="assistant", source=urp.Inline(media_type="image/png", data="aGk="))
    wire = encoded([STARTED, done(refusal, image, reason="content_filter")])
    assert ["No.", "![image](data:image/png;base64,aGk=)"] == [each["text"] for each in deltas(wire, "text_delta")]
    assert "refusal" == bodies(wire)[-2]["delta"]["stop_reason"]


def test_a_search_of_the_provider_keeps_its_input_and_its_citations():
    events, _ = decoded(recorded("web_search"))
    wire = encoded(events)
    assert ["text", "server_tool_use", "web_search_tool_result", "text"] == blocks(wire)
    assert ['{"query":"weather NYC today"}'] == [each["partial_json"] for each in deltas(wire, "input_json_delta")]
    assert 1 == len(deltas(wire, "citations_delta"))


def test_usage_is_told_at_the_end_and_what_is_known_of_it_at_the_beginning():
    events, _ = decoded(recorded("thinking"))
    first, *_, last, _ = bodies(encoded(events))
    assert (10, 200, 3000) == tuple(
        first["message"]["usage"][name]
        for name in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    )
    assert {"thinking_tokens": 180} == last["usage"]["output_tokens_details"]
    assert (10, 210) == (last["usage"]["input_tokens"], last["usage"]["output_tokens"])


def test_an_end_without_a_beginning_has_one():
    assert read_again(encoded([done(urp.Text(role="assistant", text="Hi"))])).output


def test_an_error_before_anything_is_only_that():
    wire = encoded([urp.Failed(message="Gone.", code="upstream_truncated")])
    ((name, data),) = assert_stream(wire)
    assert ("error", "api_error") == (name, msgspec.json.decode(data)["error"]["type"])


def test_the_model_is_the_one_that_was_asked_for_if_we_say_so():
    encoder = StreamEncoder(NAMING, "claude-alias")
    (body,) = bodies(encoder.encode(STARTED))
    assert "claude-alias" == body["message"]["model"]
    assert "req_1" == body["message"]["id"]
