"""What was used, in the wire's counts and in ours."""

import pytest
from anthropic.types import MessageDeltaUsage, Usage
from gateway.protocol.messages.shapes import written
from hypothesis import given
from hypothesis import strategies as st
from support import urp_strategies as urps

from monoize.base.cost.reported import from_anthropic
from monoize.gateway.protocol import urp
from monoize.gateway.protocol.messages.usage import merged, read_report, read_usage, write_usage

counts = st.integers(0, 10**7)


@st.composite
def usages(draw):
    usage = draw(urps.usages())
    split = draw(st.none() | st.integers(0, usage.cache_write_tokens))
    return urp.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cache_write_5m_tokens=split,
        cache_write_1h_tokens=None if split is None else usage.cache_write_tokens - split,
        reasoning_tokens=usage.reasoning_tokens,
        web_searches=draw(st.integers(0, 9)),
        service_tier=draw(st.sampled_from([None, "standard", "priority", "batch"])),
    )


@given(usages())
def test_usage_comes_back_as_it_went_and_costs_the_same(usage):
    wire = write_usage(usage)
    Usage.model_validate_json(written(wire), strict=True)
    MessageDeltaUsage.model_validate_json(written(wire), strict=True)
    assert usage == read_usage(wire)
    cost = from_anthropic(wire)
    assert usage.input_tokens == cost.total_input_tokens
    assert (usage.output_tokens, usage.cache_read_tokens) == (cost.output_tokens, cost.cache_read_tokens)


@given(urps.any_json)
def test_any_json_is_read_and_makes_sense(wire):
    usage = read_usage(wire)
    if usage is not None:
        assert usage.cache_read_tokens + usage.cache_write_tokens <= usage.input_tokens
        assert usage.reasoning_tokens <= usage.output_tokens


def test_cached_tokens_stand_beside_the_input_and_are_part_of_ours():
    """2.16.8."""
    wire = {
        "input_tokens": 10,
        "cache_creation_input_tokens": 200,
        "cache_read_input_tokens": 3000,
        "output_tokens": 5,
    }
    usage = read_usage(wire)
    assert (3210, 3000, 200) == (usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens)
    assert wire == {name: value for name, value in write_usage(usage).items() if name in wire}


@pytest.mark.parametrize(
    "wire",
    [
        {"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 40}},
        {"input_tokens": 100, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 40}},
        {"input_tokens": 100, "output_tokens": 5, "cached_tokens": 40},
        {"input_tokens": 60, "output_tokens": 5, "cache_read_input_tokens": 40, "cached_tokens": 40},
        {"input_tokens": 60, "prompt_tokens": 900, "output_tokens": 5, "cache_read_input_tokens": 40},
    ],
)
def test_names_of_others_are_understood_and_never_added_up(wire):
    usage = read_usage(wire)
    assert (100, 40, 5) == (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens)


@pytest.mark.parametrize("wrong", [-1, True, 1.5, "7", 10**13, [], {}, None])
def test_a_count_that_is_none_is_not_told(wrong):
    assert (
        7 == read_usage({"input_tokens": 7, "output_tokens": wrong, "cache_read_input_tokens": wrong}).input_tokens
    )
    assert read_usage({"input_tokens": wrong, "output_tokens": wrong}) is None


def test_a_total_of_cache_writes_that_was_left_out_is_that_of_its_parts():
    split = {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4}
    usage = read_usage({"input_tokens": 1, "output_tokens": 1, "cache_creation": split})
    assert (8, 7, 3, 4) == (
        usage.input_tokens,
        usage.cache_write_tokens,
        usage.cache_write_5m_tokens,
        usage.cache_write_1h_tokens,
    )


def test_a_split_is_never_invented():
    usage = urp.Usage(input_tokens=5, cache_write_tokens=5)
    assert "cache_creation" not in write_usage(usage)
    assert read_usage(write_usage(usage)).cache_write_5m_tokens is None


def test_tiers_of_others_are_not_written():
    assert "service_tier" not in write_usage(urp.Usage(service_tier="flex"))


def test_nothing_told_is_still_written_where_it_must_be():
    Usage.model_validate_json(written(write_usage(None)), strict=True)


def test_reports_are_merged_field_by_field():
    report = merged(None, {"input_tokens": 9, "output_tokens": 1, "server_tool_use": {"web_search_requests": 1}})
    report = merged(
        report, {"input_tokens": None, "output_tokens": 0, "server_tool_use": {"web_fetch_requests": 2}}
    )
    assert {
        "input_tokens": 9,
        "output_tokens": 1,
        "server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 2},
    } == report
    assert 30 == merged(report, {"output_tokens": 30, "speed": "fast"})["output_tokens"]


@given(st.lists(urps.any_json, max_size=4))
def test_reports_of_any_shape_are_merged(updates):
    report = None
    for update in updates:
        report = merged(report, update)
    assert report is None or isinstance(report, dict)


def test_the_report_of_an_answer_is_untouched():
    usage = {"input_tokens": 1, "new": [1]}
    assert usage is read_report({"usage": usage})
    assert read_report({"usage": 5}) is None
