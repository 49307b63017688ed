"""The guess of how many tokens a request has."""

import pytest
from hypothesis import given
from support import urp_strategies as urps

from monoize.gateway.protocol.messages.count import (
    DOCUMENT_COMMON,
    IMAGE_COMMON,
    IMAGE_MOST,
    PAGE,
    estimate_input_tokens,
)


def of(*content, **more):
    return estimate_input_tokens({"model": "m", "messages": [{"role": "user", "content": list(content)}], **more})


def text(content):
    return {"type": "text", "text": content}


def file(kind, size):
    return {"type": kind, "source": {"type": "base64", "media_type": "x", "data": "A" * size}}


EMPTY = of()


@pytest.mark.parametrize(
    ("content", "letters_per_token"), [("The quick brown fox. ", 3), ("これは日本語の文章です。", 1)]
)
def test_text_has_a_token_for_every_three_bytes(content, letters_per_token):
    many = content * 100
    assert len(many) // letters_per_token <= of(text(many)) - EMPTY <= len(many) // letters_per_token + 10


@given(urps.any_json, urps.any_json, urps.any_json)
def test_it_never_fails(system, messages, tools):
    assert 0 < estimate_input_tokens({"system": system, "messages": messages, "tools": tools})
    assert 0 <= estimate_input_tokens(messages)


@given(urps.words, urps.words)
def test_more_is_not_less(one, other):
    assert of(text(one)) <= of(text(one + other)) <= of(text(one + other), text(one))


def test_everything_counts():
    parts = {"system": "x" * 300, "tools": [{"name": "f", "input_schema": {"description": "x" * 300}}]}
    for name, value in parts.items():
        assert 100 <= of(**{name: value}) - EMPTY
    result = {"type": "tool_result", "tool_use_id": "1", "content": [text("x" * 300)]}
    call = {"type": "tool_use", "id": "1", "name": "f", "input": {"a": ["x" * 300]}}
    assert 200 <= of(call, result) - EMPTY


@pytest.mark.parametrize(
    ("size", "least", "most"), [(40, IMAGE_COMMON, IMAGE_COMMON + 5), (10**7, IMAGE_MOST, IMAGE_MOST + 5)]
)
def test_images_count_by_their_size_within_bounds(size, least, most):
    assert least <= of(file("image", size)) - EMPTY <= most


def test_documents_count_by_their_size_and_have_a_page():
    assert PAGE <= of(file("document", 40)) - EMPTY < PAGE + 5
    assert 10**5 == pytest.approx(of(file("document", 4 * 10**6 // 3)) - EMPTY, rel=0.01)


def test_what_is_only_referred_to_is_of_common_size():
    source = {"type": "url", "url": "https://example.com/a"}
    assert IMAGE_COMMON <= of({"type": "image", "source": source}) - EMPTY < IMAGE_COMMON + 5
    assert DOCUMENT_COMMON <= of({"type": "document", "source": source}) - EMPTY < DOCUMENT_COMMON + 5


def test_documents_that_are_text_count_like_text():
    source = {"type": "text", "media_type": "text/plain", "data": "x" * 3_000}
    assert 1_000 <= of({"type": "document", "source": source}) - EMPTY < 1_050


def test_images_inside_results_count_as_images():
    result = {"type": "tool_result", "tool_use_id": "1", "content": [file("image", 10**7)]}
    assert IMAGE_MOST <= of(result) - EMPTY < IMAGE_MOST + 40


def test_thinking_counts_by_what_is_more_of_it():
    assert 100 <= of({"type": "thinking", "thinking": "x" * 300, "signature": "s"}) - EMPTY < 110
    assert 100 <= of({"type": "thinking", "thinking": "", "signature": "s" * 400}) - EMPTY < 110
    assert 100 <= of({"type": "redacted_thinking", "data": "s" * 400}) - EMPTY < 110


def test_tools_of_the_provider_cost_more_than_they_say():
    assert 1_000 < of(tools=[{"type": "bash_20250124", "name": "bash"}]) - EMPTY
