"""What passes by is understood as well as what is decoded."""

import msgspec
import pytest
from gateway.protocol.messages.shapes import FAILING, NAMES, WHOLE, decoded, recorded, response_of, written
from hypothesis import given
from hypothesis import strategies as st
from support import urp_strategies as urps

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.messages.answer_out import encode_response
from monoize.gateway.protocol.messages.watch import Watcher, watch_response
from monoize.gateway.protocol.naming import Naming

NAMING = Naming(response_id="req_1", created_at=1_780_000_000)


def watched(frames):
    watcher = Watcher()
    for name, data in frames:
        watcher.see(name, data)
    return watcher


@pytest.mark.parametrize("name", WHOLE)
def test_it_sees_what_the_decoder_sees(name):
    response, (_, decoder) = response_of(recorded(name)), decoded(recorded(name))
    watcher = watched(recorded(name))
    assert (response.usage, decoder.report, response.model) == (watcher.usage, watcher.report, watcher.model)
    assert watcher.is_complete
    assert watcher.is_semantic
    assert watcher.error is None
    assert response.usage.service_tier == watcher.service_tier


@pytest.mark.parametrize("name", WHOLE)
def test_names_of_events_are_not_needed(name):
    named, unnamed = watched(recorded(name)), watched([(None, data) for _, data in recorded(name)])
    assert vars(named) == vars(unnamed)


@pytest.mark.parametrize("name", WHOLE)
def test_an_answer_cut_before_its_end_is_not_complete(name):
    frames = recorded(name)
    proof = next(place for place, (_, data) in enumerate(frames) if b'"stop_reason": "' in data)
    assert not watched(frames[:proof]).is_complete
    assert watched(frames[: proof + 1]).is_complete


@pytest.mark.parametrize("name", sorted(FAILING))
def test_an_error_is_seen_and_is_no_end(name):
    watcher = watched(recorded(name))
    assert ("Overloaded", "overloaded_error", 529) == (
        watcher.error.message,
        watcher.error.kind,
        watcher.error.status,
    )
    assert not watcher.is_complete
    assert (name == "overloaded") == watcher.is_semantic


def test_an_error_that_cannot_be_read_is_one():
    assert watched([("error", b"Overloaded")]).error.message


def test_a_beginning_and_pings_are_nothing_yet():
    frames = recorded("text")
    assert not watched([frames[0], ("ping", b'{"type": "ping"}'), frames[0]]).is_semantic
    assert watched(frames[:2]).is_semantic


def test_an_empty_answer_is_an_answer():
    frames = recorded("text")
    assert watched([frames[0], frames[-2]]).is_semantic
    assert watched([frames[0], frames[-1]]).is_semantic


def test_output_is_counted_for_when_nobody_does():
    assert len("Hello, wörld \U0001f30d!") == watched(recorded("text")).output_chars
    arguments = '{"location": "San Francisco, CA", "zip": 12345678901234567890}'
    said = "Okay, let me check the weather for San Francisco:"
    assert len(said + arguments) == watched(recorded("tool")).output_chars


@given(st.lists(st.tuples(st.none() | urps.words, st.binary(max_size=30)), max_size=5))
def test_bytes_that_are_nothing_prove_nothing(frames):
    watcher = watched(frames)
    assert watcher.usage is None
    assert not watcher.is_complete or any(data.strip() == b"[DONE]" for _, data in frames)


@given(st.data())
def test_damaged_frames_are_seen_without_harm(data):
    frames = [frame for frame in recorded(data.draw(st.sampled_from(NAMES))) if frame[1] != b"[DONE]"]
    place = data.draw(st.integers(0, len(frames) - 1))
    name, found = frames[place]
    frames[place] = (name, msgspec.json.encode(data.draw(urps.damaged(st.just(msgspec.json.decode(found))))))
    watcher = watched(frames)
    assert watcher.usage is None or isinstance(watcher.usage, urp.Usage)


@given(urps.responses("messages"))
def test_plain_answers_are_watched_too(response):
    body = encode_response(response, model=None, naming=NAMING)
    facts = watch_response(written(body))
    assert (response.usage or urp.Usage()) == facts.usage
    assert body["usage"] == facts.report
    assert (response.model, True, True, None) == (facts.model, facts.is_complete, facts.is_semantic, facts.error)
    said = sum(len(node.text) for node in response.output if isinstance(node, urp.Text))
    assert said <= facts.output_chars


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b"null", b'{"content": 5}', b"[" * 9999, b"\xff"])
def test_what_is_no_answer_is_an_error(body):
    facts = watch_response(body)
    assert "upstream_invalid" == facts.error.code
    assert not facts.is_complete
    assert not facts.is_semantic


def test_an_error_in_a_good_reply_is_an_error():
    facts = watch_response(b'{"type":"error","error":{"type":"api_error","message":"Oh."}}')
    assert ("Oh.", "api_error") == (facts.error.message, facts.error.kind)
    assert not facts.is_complete


@given(urps.any_json)
def test_any_json_is_watched(body):
    watch_response(written(body))
