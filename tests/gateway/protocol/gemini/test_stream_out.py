"""Streams for callers of this protocol, read again with the decoder of the provider's side."""

from typing import Any

import msgspec
import pytest
from gateway.protocol.gemini.samples import (
    FAILING,
    NAMES,
    NAMING,
    decoded,
    events_of,
    frames,
    said_response,
    strict,
)
from hypothesis import given
from hypothesis import strategies as st
from support.cost_strategies import at_leisure
from support.urp_strategies import fed, frames_of, protocols, responses, streams, streams_of

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.gemini.stream_in import ArrayReader, StreamDecoder
from monoize.gateway.protocol.gemini.stream_out import StreamEncoder

STARTED = urp.Started(id="x", model="real")
FINISH = urp.Finish(reason="stop")


def wire_of(events: list[urp.StreamEvent], *, model: str | None = "asked", array: bool = False) -> list[bytes]:
    encoder = StreamEncoder(NAMING, model, array=array)
    return [encoder.encode(event) for event in events]


def chunks_of(events: list[urp.StreamEvent], **how: Any) -> list[dict[str, Any]]:
    return [msgspec.json.decode(data) for _, data in frames_of(b"".join(wire_of(events, **how)))]


def parts_of(events: list[urp.StreamEvent]) -> list[list[dict[str, Any]]]:
    return [chunk["candidates"][0]["content"]["parts"] for chunk in chunks_of(events)]


def done(*output: urp.Node, **more: Any) -> urp.Done:
    return urp.Done(response=urp.Response(id="x", model="real", output=output, finish=FINISH, **more))


def said(text: str) -> urp.Text:
    return urp.Text(role="assistant", text=text)


@at_leisure
@given(streams("gemini") | streams("gemini", interleaved=True))
def test_what_was_said_comes_back_as_it_was(events: list[urp.StreamEvent]):
    again = fed(StreamDecoder(), frames_of(b"".join(wire_of(events))))

    assert isinstance(again[-1], urp.Done)
    assert said_response(events[-1].response, "asked") == again[-1].response


@at_leisure
@given(protocols.flatmap(lambda each: streams(each, interleaved=True)))
def test_every_chunk_is_what_the_official_client_reads(events: list[urp.StreamEvent]):
    chunks = chunks_of(events)

    for chunk in chunks:
        assert ("resp-1", "asked") == (strict(chunk).response_id, chunk["modelVersion"])
    assert ["finishReason" in chunk["candidates"][0] for chunk in chunks].index(True) == len(chunks) - 1


@at_leisure
@given(streams("gemini", interleaved=True), st.data())
def test_what_was_not_streamed_is_told_in_the_end(events: list[urp.StreamEvent], data: st.DataObject):
    kept = events[: data.draw(st.integers(0, len(events) - 1))]

    again = fed(StreamDecoder(), frames_of(b"".join(wire_of([*kept, events[-1]]))))

    assert said_response(events[-1].response, "asked").output == again[-1].response.output


@at_leisure
@given(streams("gemini", interleaved=True), st.data())
def test_a_failure_at_any_moment_ends_the_stream(events: list[urp.StreamEvent], data: st.DataObject):
    kept = events[: data.draw(st.integers(0, len(events) - 1))]
    failed = urp.Failed(message="It broke.", code="overloaded", status=503)

    again = fed(StreamDecoder(), frames_of(b"".join(wire_of([*kept, failed]))))

    assert isinstance(again[-1], urp.Failed)
    assert ("It broke.", "OVERLOADED", 503) == (again[-1].message, again[-1].code, again[-1].status)


@at_leisure
@given(streams("gemini", interleaved=True), st.data())
def test_without_events_it_is_one_array(events: list[urp.StreamEvent], data: st.DataObject):
    fails = data.draw(st.booleans())
    kept = [*events[:-1], urp.Failed(message="It broke.")] if fails else events

    array = b"".join(wire_of(kept, array=True))

    elements = msgspec.json.decode(array)
    assert chunks_of(kept) == elements
    assert elements == [msgspec.json.decode(element) for element in ArrayReader().feed(array)]


@pytest.mark.parametrize("name", sorted(set(NAMES) - FAILING))
def test_recordings_come_back_as_they_were(name: str):
    events = fed(StreamDecoder(), frames(name))

    again = fed(StreamDecoder(), frames_of(b"".join(wire_of(events, model=None))))[-1].response

    assert (decoded(name).output, decoded(name).finish) == (again.output, again.finish)
    assert decoded(name).model == again.model


def test_words_are_told_as_they_come():
    events = [
        STARTED,
        urp.NodeStarted(index=0, node=urp.Reasoning()),
        urp.ReasoningDelta(index=0, text="Hm"),
        urp.NodeDone(index=0, node=urp.Reasoning(content="Hm")),
        urp.NodeStarted(index=1, node=said("")),
        urp.TextDelta(index=1, text="a"),
        urp.TextDelta(index=1, text="b"),
        urp.NodeDone(index=1, node=said("ab")),
        done(urp.Reasoning(content="Hm"), said("ab")),
    ]

    assert [
        [{"text": "Hm", "thought": True}],
        [{"text": "a"}],
        [{"text": "b"}],
        [{"text": ""}],
    ] == parts_of(events)


def test_what_is_said_of_a_later_node_waits():
    events = [
        STARTED,
        urp.NodeStarted(index=0, node=said("")),
        urp.NodeStarted(index=1, node=urp.Reasoning()),
        urp.ReasoningDelta(index=1, text="Hm"),
        urp.TextDelta(index=0, text="a"),
        urp.NodeDone(index=0, node=said("a")),
        urp.ReasoningDelta(index=1, text="m"),
    ]

    assert [[{"text": "a"}], [{"text": "Hm", "thought": True}], [{"text": "m", "thought": True}]] == parts_of(
        events
    )


def test_a_call_is_told_when_it_is_complete():
    call = urp.ToolCall(call_id="a", name="f", arguments='{"n":1}', encrypted="c2ln", origin="gemini")
    events = [
        STARTED,
        urp.NodeStarted(index=0, node=msgspec.structs.replace(call, arguments="", encrypted=None)),
        urp.TextDelta(index=0, text='{"n"'),
        urp.TextDelta(index=0, text=":1}"),
        urp.NodeDone(index=0, node=call),
    ]

    part = {"functionCall": {"id": "a", "name": "f", "args": {"n": 1}}, "thoughtSignature": "c2ln"}
    assert [[part]] == parts_of(events)


def test_a_signature_follows_the_words_it_is_of():
    whole = urp.Reasoning(content="Hm", encrypted="c2ln", origin="gemini")
    events = [
        STARTED,
        urp.NodeStarted(index=0, node=urp.Reasoning()),
        urp.ReasoningDelta(index=0, text="Hm"),
        urp.NodeDone(index=0, node=whole),
    ]

    assert {"text": "", "thought": True, "thoughtSignature": "c2ln"} == parts_of(events)[-1][0]
    assert whole == events_of([*map(msgspec.json.encode, chunks_of([*events, done(whole)]))])[-1].response.output[0]


def test_parts_of_a_summary_stand_apart():
    node = urp.Reasoning(summary=("a", "b"))
    events = [
        STARTED,
        urp.NodeStarted(index=0, node=urp.Reasoning()),
        urp.ReasoningDelta(index=0, text="a", summary_index=0),
        urp.ReasoningDelta(index=0, text="b", summary_index=1),
        urp.NodeDone(index=0, node=node),
    ]

    assert "a\n\nb" == "".join(part["text"] for parts in parts_of(events) for part in parts)


def test_thoughts_are_told_once_even_if_they_come_twice():
    node = urp.Reasoning(content="all of it", summary=("short",))
    events = [
        STARTED,
        urp.NodeStarted(index=0, node=urp.Reasoning()),
        urp.ReasoningDelta(index=0, text="short", summary_index=0),
        urp.ReasoningDelta(index=0, text="all of it"),
        urp.NodeDone(index=0, node=node),
    ]

    assert [[{"text": "short", "thought": True}]] == parts_of(events)


def test_a_complete_text_that_was_told_differently_is_not_told_again():
    events = [
        STARTED,
        urp.NodeStarted(index=0, node=said("")),
        urp.TextDelta(index=0, text="Hello"),
        urp.NodeDone(index=0, node=said("Good day")),
    ]

    assert [[{"text": "Hello"}]] == parts_of(events)


def test_usage_is_told_in_the_end():
    usage = urp.Usage(input_tokens=5, output_tokens=7, reasoning_tokens=3)

    chunks = chunks_of([STARTED, done(said("a"), usage=usage)])

    assert [{"promptTokenCount": 5, "candidatesTokenCount": 4, "totalTokenCount": 12, "thoughtsTokenCount": 3}] == [
        chunk["usageMetadata"] for chunk in chunks
    ]


def test_the_model_that_served_is_named_where_none_was_asked_for():
    assert "real" == chunks_of([STARTED, done(said("a"))], model=None)[0]["modelVersion"]


def test_a_failure_before_anything_else_is_an_array_too():
    array = b"".join(wire_of([urp.Failed(message="No.", status=429)], array=True))

    assert [("RESOURCE_EXHAUSTED", 429)] == [
        (each["error"]["status"], each["error"]["code"]) for each in msgspec.json.decode(array)
    ]


def test_frames_are_as_the_official_client_reads_them():
    """It knows data by one space, and an error by how its object begins."""
    wire = wire_of([STARTED, done(said("a"))]) + wire_of([urp.Failed(message="No.")])

    assert all(frame.startswith(b'data: {"') and frame.endswith(b"}\n\n") for frame in wire if frame)
    assert wire[-1].startswith(b'data: {"error":')


@at_leisure
@given(responses("messages").flatmap(streams_of))
def test_what_others_encrypted_is_not_told(events: list[urp.StreamEvent]):
    assert "thoughtSignature" not in str(chunks_of(events))
