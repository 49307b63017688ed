"""Limits, single members, and how long an event may be."""

import pytest
from gateway.protocol.test_contract import NAMING, every_caller
from gateway.transforms.telling import changed, configured, request, response, retelling, said, told
from hypothesis import given
from hypothesis import strategies as st
from support.cost_strategies import at_leisure

from monoize.gateway.dialects import Dialect
from monoize.gateway.protocol import urp
from monoize.gateway.transforms import remove_field, set_field
from monoize.gateway.transforms.retelling import events_of

MOST = 4_096


def test_the_length_of_an_answer_and_whether_it_streams():
    assert 7 == changed("override_max_tokens", request(max_output_tokens=100)).max_output_tokens
    assert changed("force_stream", request()).stream
    assert not changed("force_stream", request(stream=True), enabled=False).stream


@pytest.mark.parametrize(
    ("before", "path", "after"),
    [
        ({}, "a", {"a": 1}),
        ({"a": 0, "b": 2}, "a", {"a": 1, "b": 2}),
        ({"a": {"c": 3}}, "a.b", {"a": {"c": 3, "b": 1}}),
        ({"a": "text"}, "a.b.c", {"a": {"b": {"c": 1}}}),
    ],
)
def test_a_member_is_set(before: urp.Json, path: str, after: urp.Json):
    config = configured("set_field", phase="request", path=path, value=1)

    assert after == set_field.edited(before, config)


@pytest.mark.parametrize(
    ("before", "path", "after"),
    [
        ({"a": 1, "b": 2}, "a", {"b": 2}),
        ({"a": {"b": 1, "c": 2}}, "a.b", {"a": {"c": 2}}),
        ({"a": "text"}, "a.b", {"a": "text"}),
        ({}, "a.b", {}),
    ],
)
def test_a_member_is_removed(before: urp.Json, path: str, after: urp.Json):
    assert after == remove_field.edited(before, configured("remove_field", phase="request", path=path))


long_texts = st.builds(lambda text, times: text * times, st.text(min_size=1, max_size=8), st.integers(1, 3_000))


@every_caller
@at_leisure
@given(text=long_texts, in_pieces=st.booleans())
def test_no_piece_of_an_answer_is_longer_than_was_asked_for(caller: Dialect, text: str, in_pieces: bool):
    for node, begun in (
        (said(text), said("")),
        (urp.Reasoning(content=text), urp.Reasoning()),
        (urp.Reasoning(summary=(text,)), urp.Reasoning()),
    ):
        events = list(events_of(response(node)))
        if in_pieces and isinstance(node, urp.Text):
            events = [
                *events[:1],
                urp.NodeStarted(index=0, node=begun),
                urp.TextDelta(index=0, text=text),
                *events[2:],
            ]
        encoder = caller.encoder(NAMING, urp.Request(model="m", input=(), origin=caller.name))
        split = told(events, retelling("split_sse_frames", max_frame_length=MOST))
        deltas = [event for event in split if isinstance(event, urp.TextDelta | urp.ReasoningDelta)]
        told_of_deltas = [encoder.encode(event) for event in split if event in deltas or not _is_end(event)]

        lines = [line for frame in told_of_deltas for line in frame.split(b"\n")]
        assert max(map(len, lines)) <= MOST
        assert text == "".join(delta.text for delta in deltas)


def test_pieces_that_are_short_stay_as_they_are():
    events = [urp.TextDelta(index=0, text="a"), urp.TextDelta(index=0, text="b")]

    assert events == told(events, retelling("split_sse_frames"))


def _is_end(event: urp.StreamEvent) -> bool:
    return isinstance(event, urp.NodeDone | urp.Done)
