"""Answers that pass through: what is seen of them is what reading them would tell."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.chat_wire import answers, every_recording, frame, frames, recorded
from support.cost_strategies import at_leisure
from support.urp_strategies import any_json, damaged, fed

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.chat.answer_in import decode_response
from monoize.gateway.protocol.chat.stream_in import StreamDecoder
from monoize.gateway.protocol.chat.watch import Watched, Watcher, watch_response
from monoize.gateway.protocol.errors import BadAnswer


def watched(given_frames: list[tuple[str | None, bytes]]) -> Watcher:
    watcher = Watcher()
    for event, data in given_frames:
        watcher.see(event, data)
    return watcher


def seen(*deltas: urp.Json, **choice: Any) -> Watcher:
    return watched([frame({"choices": [{"index": 0, "delta": delta, **choice}]}) for delta in deltas])


@pytest.mark.parametrize("name", every_recording())
def test_recordings_are_seen_as_they_are_read(name: str):
    decoder, watcher = StreamDecoder(), watched(recorded(name))
    last = fed(decoder, recorded(name))[-1]
    assert decoder.report == watcher.report
    assert isinstance(last, urp.Done) == watcher.is_complete
    if isinstance(last, urp.Done):
        assert last.response.usage == watcher.usage
        assert last.response.model == watcher.model
        assert watcher.is_semantic
        assert watcher.error is None
    elif last.code not in ("upstream_truncated", "upstream_invalid"):
        assert watcher.error is not None
        assert last.message == watcher.error.message


@at_leisure
@given(st.lists(frames | any_json.map(frame), max_size=8))
def test_nothing_that_passes_breaks_us(given_frames: list[tuple[str | None, bytes]]):
    watcher = watched(given_frames)
    assert watcher.usage is None or watcher.usage.input_tokens >= 0


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>Bad gateway</html>",
        b"[DONE]",
        b'{"choices":[]}',
        b'{"choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning_content":null}}]}',
        b'{"choices":[],"prompt_filter_results":[]}',
        b'{"choices":[{"delta":{},"finish_reason":null}],"usage":null}',
        b'{"type":"ping"}',
        b'{"error":{"message":"No."}}',
    ],
)
def test_what_is_no_answer_yet(data: bytes):
    assert not watched([(None, data)]).is_semantic


@pytest.mark.parametrize(
    "delta",
    [
        {"content": "a"},
        {"content": [{"type": "text", "text": "a"}]},
        {"reasoning_content": "a"},
        {"reasoning": "a"},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "a"}]},
        {"refusal": "a"},
        {"tool_calls": [{"index": 0, "id": "a"}]},
        {"function_call": {"name": "f"}},
        {"audio": {"id": "a"}},
        {"images": [{"type": "image_url"}]},
    ],
)
def test_what_is_one(delta: urp.Json):
    assert seen(delta).is_semantic


def test_an_answer_that_only_ends_is_one():
    watcher = seen({}, finish_reason="stop")
    assert (True, True) == (watcher.is_semantic, watcher.is_complete)


def test_done_alone_proves_nothing():
    assert not watched([frame({"choices": [{"delta": {"content": "a"}}]}), (None, b"[DONE]")]).is_complete


def test_visible_characters():
    call = {"function": {"name": "f", "arguments": "{}"}}
    assert (
        12
        == seen(
            {"content": "wörld"},
            {"reasoning": "ab", "reasoning_details": [{"text": "ab"}]},
            {"refusal": "no"},
            {"tool_calls": [call]},
        ).output_chars
    )


def test_the_first_failure_counts():
    watcher = watched([frame({"error": {"message": "a"}}), frame({"error": {"message": "b"}})])
    assert watcher.error is not None
    assert "a" == watcher.error.message


@at_leisure
@given(answers)
def test_whole_answers_are_seen_as_they_are_read(body: urp.Json):
    facts = watch_response(msgspec.json.encode(body))
    try:
        response = decode_response(body)
    except BadAnswer:
        return
    assert (response.usage, response.model) == (facts.usage, facts.model or "")
    assert (None, True, True) == (facts.error, facts.is_semantic, facts.is_complete)


@at_leisure
@given(damaged(answers) | any_json)
def test_nothing_that_passes_as_a_whole_breaks_us(body: Any):
    assert isinstance(watch_response(msgspec.json.encode(body)), Watched)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<html>", "upstream_invalid"),
        (b"", "upstream_invalid"),
        (b"[]", "upstream_invalid"),
        (b"{}", "upstream_invalid"),
        (b'{"choices":[]}', "upstream_invalid"),
        (b'{"error":{"message":"No.","code":"overloaded"}}', "overloaded"),
        (b'{"choices":[{"error":{"message":"No.","code":502}}]}', "502"),
    ],
)
def test_what_is_no_answer_at_all(body: bytes, code: str):
    facts = watch_response(body)
    assert facts.error is not None
    assert (code, False, False) == (facts.error.code, facts.is_semantic, facts.is_complete)


def test_the_tier_that_served():
    body = {"choices": [{"message": {"content": "Hi"}}], "usage": {"prompt_tokens": 1}, "service_tier": "priority"}
    facts = watch_response(msgspec.json.encode(body))
    assert facts.usage is not None
    assert ("priority", "priority", 2) == (facts.service_tier, facts.usage.service_tier, facts.output_chars)
