"""Usage in every shape in which providers tell it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.urp_strategies import any_json, usages

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.chat.usage import merged, read_report, read_usage, write_usage


@given(usages())
def test_what_is_written_is_read_again(usage: urp.Usage):
    assert usage == read_usage(write_usage(usage))


@given(any_json)
def test_anything_else_tells_nothing_and_breaks_nothing(wire: Any):
    usage = read_usage(wire)
    assert usage is None or usage.input_tokens >= 0
    if isinstance(wire, dict):
        read_report(wire)
        merged({"prompt_tokens": 1}, wire)


@pytest.mark.parametrize(
    ("wire", "usage"),
    [
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "total_tokens": 150,
                "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10, "audio_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 30, "audio_tokens": 2},
            },
            urp.Usage(
                input_tokens=100,
                output_tokens=50,
                cache_read_tokens=60,
                cache_write_tokens=10,
                reasoning_tokens=30,
                input_audio_tokens=4,
                output_audio_tokens=2,
            ),
        ),
        # DeepSeek.
        (
            {"prompt_cache_hit_tokens": 12, "prompt_cache_miss_tokens": 5, "completion_tokens": 9},
            urp.Usage(input_tokens=17, output_tokens=9, cache_read_tokens=12),
        ),
        # Moonshot.
        (
            {"prompt_tokens": 19, "completion_tokens": 13, "cached_tokens": 7},
            urp.Usage(input_tokens=19, output_tokens=13, cache_read_tokens=7),
        ),
        # xAI counts thoughts beside the output.
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 35,
                "completion_tokens_details": {"reasoning_tokens": 20},
            },
            urp.Usage(input_tokens=10, output_tokens=25, reasoning_tokens=20),
        ),
        # Names of other protocols; the first name counts, and nothing is summed.
        (
            {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 3, "prompt_tokens": None},
            urp.Usage(input_tokens=10, output_tokens=5, cache_read_tokens=3),
        ),
        (
            {
                "prompt_tokens": 10,
                "input_tokens": 7,
                "prompt_tokens_details": {"cached_tokens": 4},
                "cached_tokens": 5,
                "prompt_cache_hit_tokens": 6,
            },
            urp.Usage(input_tokens=10, cache_read_tokens=4),
        ),
        (
            {"prompt_tokens": 3, "server_tool_use": {"web_search_requests": 2}},
            urp.Usage(input_tokens=3, web_searches=2),
        ),
        # A part is not more than its whole.
        (
            {"prompt_tokens": 3, "completion_tokens": 2, "cached_tokens": 5, "reasoning_tokens": 9},
            urp.Usage(input_tokens=5, output_tokens=2, cache_read_tokens=5, reasoning_tokens=2),
        ),
    ],
)
def test_shapes(wire: urp.Json, usage: urp.Usage):
    assert usage == read_usage(wire)


@pytest.mark.parametrize("count", [-1, True, 1.0, "5", None, 10**13, 2**70, [], {}])
def test_what_is_no_count_is_not_told(count: object):
    assert read_usage({"prompt_tokens": count, "completion_tokens": count}) is None
    details = {"cached_tokens": count}
    assert urp.Usage(input_tokens=9) == read_usage({"prompt_tokens": 9, "prompt_tokens_details": details})


@pytest.mark.parametrize("wire", [{}, {"total_tokens": 5}, {"prompt_tokens_details": {}}, [], None, 5])
def test_no_totals_no_usage(wire: Any):
    assert read_usage(wire) is None


@pytest.mark.parametrize(
    "body",
    [
        {"usage": {"prompt_tokens": 1}},
        {"usage": {"prompt_tokens": 1}, "choices": [{"index": 0, "usage": {"prompt_tokens": 2}}]},
        {"usage": None, "choices": [{"index": 0, "usage": {"prompt_tokens": 1}}]},
        {"choices": [], "x_groq": {"usage": {"prompt_tokens": 1}}},
    ],
)
def test_places(body: urp.Json):
    assert {"prompt_tokens": 1} == read_report(body)


def test_what_is_told_last_holds_number_by_number():
    before = {"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 4, "x": 1}}
    after = {
        "prompt_tokens": None,
        "completion_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": None, "y": 2},
    }
    whole = {**after, "prompt_tokens": 5}
    assert {
        "prompt_tokens": 5,
        "completion_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 4, "x": 1, "y": 2},
    } == merged(before, whole)


def test_zeros_after_numbers_tell_nothing():
    before = {"prompt_tokens": 5, "completion_tokens": 9}
    assert before == merged(before, {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0})


def test_a_number_that_is_left_out_holds_still():
    assert {"prompt_tokens": 50, "completion_tokens": 9} == merged({"prompt_tokens": 50}, {"completion_tokens": 9})


@given(st.lists(usages(), min_size=1, max_size=4))
def test_totals_never_shrink(snapshots: list[urp.Usage]):
    report = None
    for snapshot in snapshots:
        report = merged(report, write_usage(snapshot))
    usage = read_usage(report or {})
    assert usage is not None
    assert (
        max(each.input_tokens + each.output_tokens for each in snapshots)
        == usage.input_tokens + usage.output_tokens
    )
