"""What is known of answers whose bytes pass untouched."""

from typing import Any

import msgspec
import pytest
from gateway.protocol.responses.samples import (
    ENDING_WELL,
    FAILING,
    NAMES,
    Frame,
    answer,
    events_of,
    frames,
    last_response,
)
from hypothesis import given
from hypothesis import strategies as st
from support.cost_strategies import at_leisure
from support.urp_strategies import any_json, damaged

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.responses.watch import Watched, Watcher, watch_response


def watched(told: list[Frame]) -> Watcher:
    watcher = Watcher()
    for each in told:
        watcher.see(*each)
    return watcher


def frame(kind: str, **members: Any) -> Frame:
    return kind, msgspec.json.encode({"type": kind, **members})


def plain(**members: Any) -> Watched:
    return watch_response(msgspec.json.encode(members))


def characters(response: urp.Response) -> int:
    return sum(
        len(getattr(node, "text", "") or getattr(node, "arguments", "") or "")
        + len(getattr(node, "content", None) or "")
        + sum(map(len, getattr(node, "summary", ())))
        for node in response.output
    )


@pytest.mark.parametrize("name", ENDING_WELL)
@pytest.mark.parametrize("named", [True, False])
def test_recordings_are_seen_through(name: str, named: bool):
    watcher = watched([(kind if named else None, data) for kind, data in frames(name)])
    response = answer(name)
    assert (True, True, None) == (watcher.is_semantic, watcher.is_complete, watcher.error)
    assert (response.usage, response.model) == (watcher.usage, watcher.model)
    assert last_response(name)["usage"] == watcher.report
    assert "default" == watcher.service_tier
    if not name.startswith("only"):
        assert characters(response) == watcher.output_chars


@pytest.mark.parametrize("name", ENDING_WELL)
def test_nothing_is_complete_before_its_end(name: str):
    told = [each for each in frames(name) if each[1] != b"[DONE]"]
    watcher = watched(told[:-1])
    assert (False, None, None) == (watcher.is_complete, watcher.usage, watcher.report)


@pytest.mark.parametrize("name", sorted(FAILING))
def test_failures_are_seen_as_the_decoder_sees_them(name: str):
    watcher, failed = watched(frames(name)), events_of(frames(name))[-1]
    assert isinstance(failed, urp.Failed)
    assert (failed.message, failed.code) == (watcher.error.message, watcher.error.code)
    assert failed.usage == watcher.usage


def test_a_beginning_a_ping_and_an_error_are_nothing_of_an_answer():
    created = frame("response.created", response={"model": "m", "usage": None})
    silent = [created, frame("response.in_progress", response={}), frame("ping"), (None, b""), frame("keepalive")]
    watcher = watched([*silent, (None, b"[DONE]"), frame("error", message="x", code="c")])
    assert (False, "m") == (watcher.is_semantic, watcher.model)
    watcher = watched([created, frame("response.failed", response={"status": "failed"})])
    assert (False, True) == (watcher.is_semantic, watcher.is_complete)
    assert watcher.error is not None


def test_the_model_that_answers_is_the_last_one_told():
    told = [
        frame("response.created", response={"model": "a"}),
        frame("response.completed", response={"model": "b"}),
    ]
    assert "b" == watched(told).model


def test_a_frame_of_ours_would_have_the_next_number():
    assert len(frames("failed")) == watched(frames("failed")).sequence_number
    assert len(frames("shifting_ids")) == watched(frames("shifting_ids")).sequence_number


def test_an_end_that_is_no_json_proves_nothing():
    watcher = watched([("response.completed", b'{"type":"response.completed","response":{"usage"')])
    assert not watcher.is_complete


def test_text_that_looks_like_events_is_only_text():
    words = '"type":"response.completed","sequence_number":99,"error":{"message":"x"}'
    watcher = watched([frame("response.output_text.delta", sequence_number=0, delta=words)])
    assert (False, None, 1) == (watcher.is_complete, watcher.error, watcher.sequence_number)
    assert len(words) == watcher.output_chars


@pytest.mark.parametrize("name", [name for name in ENDING_WELL if name not in ("empty_end", "shifting_ids")])
def test_a_plain_answer_tells_the_same(name: str):
    seen = watch_response(msgspec.json.encode(last_response(name)))
    watcher = watched(frames(name))
    for fact in ("usage", "report", "is_semantic", "is_complete", "error", "model", "service_tier"):
        assert getattr(watcher, fact) == getattr(seen, fact)
    assert characters(answer(name)) == seen.output_chars


@pytest.mark.parametrize(
    "body", [b"", b"<html><h1>502</h1></html>", b"null", b"[]", b"{}", b'{"a":' * 5_000, b"\xff"]
)
def test_what_is_no_answer_is_an_error(body: bytes):
    seen = watch_response(body)
    assert (False, False, "upstream_invalid") == (seen.is_semantic, seen.is_complete, seen.error.code)


def test_an_error_in_a_good_answer_is_one():
    seen = plain(output=[], error={"code": "server_error", "message": "It broke."}, usage={"input_tokens": 3})
    assert ("server_error", "It broke.", 3) == (seen.error.code, seen.error.message, seen.usage.input_tokens)
    assert not seen.is_complete


def test_an_answer_that_is_still_made_is_not_complete():
    assert not plain(output=[], status="queued").is_complete


@at_leisure
@given(st.lists(st.tuples(st.none() | st.text(max_size=5), any_json), max_size=4))
def test_any_json_may_pass(told: list[tuple[str | None, Any]]):
    watched([(kind, msgspec.json.encode(body)) for kind, body in told])
    for _, body in told:
        watch_response(msgspec.json.encode(body))


@at_leisure
@given(
    st.sampled_from(NAMES).flatmap(
        lambda name: damaged(
            st.just([[kind, msgspec.json.decode(data)] for kind, data in frames(name) if data[:1] == b"{"])
        )
    )
)
def test_damaged_streams_may_pass(told: list[Any]):
    for each in told:
        kind, body = each if isinstance(each, list) and len(each) == 2 else (None, each)
        Watcher().see(kind if isinstance(kind, str) else None, msgspec.json.encode(body))


@at_leisure
@given(st.lists(st.tuples(st.sampled_from([None, "response.completed", "error"]), st.binary(max_size=20))))
def test_any_bytes_may_pass(told: list[Frame]):
    watched(told)
    for _, data in told:
        watch_response(data)
