"""Answers that pass through: what is seen of them is what reading them in full would have told."""

from typing import Any

import msgspec
import pytest
from gateway.protocol.gemini.samples import FAILING, NAMES, decoded, events_of, frames
from hypothesis import given
from hypothesis import strategies as st
from support.cost_strategies import at_leisure
from support.urp_strategies import any_json, damaged, fed

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.gemini.stream_in import StreamDecoder
from monoize.gateway.protocol.gemini.watch import Watched, Watcher, watch_response


def watched(name: str) -> Watched:
    watcher = Watcher()
    for frame in frames(name):
        watcher.see(*frame)
    return watcher.seen()


def seen(*chunks: Any) -> Watched:
    watcher = Watcher()
    for chunk in chunks:
        watcher.see(None, chunk if isinstance(chunk, bytes) else msgspec.json.encode(chunk))
    return watcher.seen()


def saying(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": list(parts)}}]}


@pytest.mark.parametrize("name", NAMES)
def test_it_sees_what_a_decoder_reads(name: str):
    decoder = StreamDecoder()
    last = fed(decoder, frames(name))[-1]
    found = watched(name)

    assert decoder.report == found.report
    if isinstance(last, urp.Done):
        assert (last.response.usage, last.response.model, None) == (found.usage, found.model, found.error)
        assert (True, True) == (found.is_semantic, found.is_complete)
    else:
        assert last.usage == found.usage


def test_a_blocked_prompt_is_a_complete_answer_that_failed():
    found = watched("prompt_blocked")

    assert (True, False, "content_filter") == (found.is_complete, found.is_semantic, found.error.code)


def test_an_error_midway_is_seen():
    found = watched("error_midway")

    assert (503, False, True) == (found.error.status, found.is_complete, found.is_semantic)


def test_what_was_cut_off_is_not_complete():
    assert (False, None) == (watched("truncated").is_complete, watched("truncated").error)


@pytest.mark.parametrize(
    ("chunk", "is_semantic"),
    [
        (saying({"text": "a"}), True),
        (saying({"text": "a", "thought": True}), True),
        (saying({"functionCall": {"name": "f"}}), True),
        (saying({"text": ""}), False),
        (saying({"text": "", "thoughtSignature": "c2ln"}), False),
        (saying(), False),
        ({"usageMetadata": {"promptTokenCount": 3}, "modelVersion": "m"}, False),
        ({"error": {"message": "No."}}, False),
        (b"[DONE]", False),
        (b"", False),
    ],
)
def test_when_an_answer_has_really_begun(chunk: Any, is_semantic: bool):
    assert is_semantic == seen(chunk).is_semantic


def test_words_that_were_seen_are_counted():
    found = seen(
        saying({"text": "Grüße"}, {"text": "Hm", "thought": True}),
        saying({"functionCall": {"name": "f", "args": {"a": 1}}}),
    )

    assert len("Grüße" + "Hm" + '{"name":"f","args":{"a":1}}') == found.output_chars


def test_the_tier_and_the_searches_are_seen():
    assert ("flex", 2) == (watched("cached").service_tier, watched("grounded").usage.web_searches)


def test_invalid_json_is_seen():
    assert "upstream_invalid" == seen(saying({"text": "a"}), b"<html>").error.code


def test_attributes_of_a_watcher():
    watcher = Watcher()
    for frame in frames("cached"):
        watcher.see(*frame)

    assert ("flex", 4096) == (watcher.service_tier, watcher.usage.cache_read_tokens)
    assert (True, True, None) == (watcher.is_semantic, watcher.is_complete, watcher.error)


@pytest.mark.parametrize("name", sorted(set(NAMES) - FAILING))
def test_a_plain_answer_tells_the_same(name: str):
    """Here as the array that a stream without events is."""
    array = b"[" + b",".join(data for _, data in frames(name)) + b"]"

    assert watched(name) == watch_response(array)
    assert decoded(name).usage == watch_response(array).usage


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b"[]", b'"a"', b'{"candidates":[]}', b'{"error":{"message":"No."}}']
)
def test_what_is_no_answer_is_an_error(body: bytes):
    found = watch_response(body)

    assert (False, False) == (found.is_complete, found.is_semantic)
    assert found.error is not None


def test_a_plain_answer_need_not_say_why_it_finished():
    assert watch_response(msgspec.json.encode(saying({"text": "a"}))).is_complete


chunks = st.sampled_from([msgspec.json.decode(data) for name in NAMES for _, data in frames(name)])


@at_leisure
@given(
    st.lists(chunks | damaged(chunks) | any_json, max_size=4).map(lambda each: [*map(msgspec.json.encode, each)])
)
def test_anything_may_pass(data: list[bytes]):
    found = seen(*data)
    for each in data:
        watch_response(each)

    last = events_of(data)[-1]
    if isinstance(last, urp.Done):
        assert last.response.usage == found.usage
        assert found.is_complete
