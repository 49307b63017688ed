"""Every provider's own usage report becomes the one usage, or is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cost_strategies import at_leisure

from monoize.base.cost.reported import (
    ITERATIONS_MOST,
    Facts,
    from_anthropic,
    from_anthropic_iterations,
    from_anthropic_passes,
    from_deepseek,
    from_google,
    from_openai_chat,
    from_openai_embeddings,
    from_openai_responses,
    from_totals,
)
from monoize.base.cost.usage import InvalidUsage, Usage
from monoize.base.errors import Refusal

ANTHROPIC = {"input_tokens": 100, "output_tokens": 50}
CHAT = {"prompt_tokens": 100, "completion_tokens": 50}
RESPONSES = {"input_tokens": 100, "output_tokens": 50}
DEEPSEEK = {
    "prompt_tokens": 100,
    "completion_tokens": 50,
    "prompt_cache_hit_tokens": 0,
    "prompt_cache_miss_tokens": 100,
}
GOOGLE = {"promptTokenCount": 100, "candidatesTokenCount": 50}
EVERY_SHAPE = [
    (from_anthropic, ANTHROPIC),
    (from_openai_chat, CHAT),
    (from_openai_responses, RESPONSES),
    (from_deepseek, DEEPSEEK),
    (from_google, GOOGLE),
]
shapes = pytest.mark.parametrize(("read", "report"), EVERY_SHAPE, ids=[read.__name__ for read, _ in EVERY_SHAPE])


def refused_field(read, report):
    with pytest.raises(InvalidUsage) as refused:
        read(report)
    return refused.value.details["field"]


@shapes
def test_plain_counts_mean_the_same_from_everybody(read, report):
    assert Usage(100, 50) == read(report)


@shapes
def test_counts_that_are_not_told_are_nought_and_so_are_nulls(read, report):
    optional = (
        *("cache_creation", "cache_creation_input_tokens", "cache_read_input_tokens", "server_tool_use"),
        *("prompt_tokens_details", "completion_tokens_details", "input_tokens_details", "output_tokens_details"),
        *("cachedContentTokenCount", "thoughtsTokenCount", "toolUsePromptTokenCount", "service_tier"),
    )

    assert read(report) == read({**report, **dict.fromkeys(optional)})


@shapes
def test_counts_that_we_do_not_know_are_passed_over(read, report):
    assert read(report) == read({**report, "total_tokens": 9_999, "something_new": {"tokens": -1}})


@shapes
@pytest.mark.parametrize(
    "count", [-1, 1.5, 1.0, True, "1", [1], {}, float("nan"), float("inf"), 10**9 + 1, 10**400]
)
def test_a_count_that_is_none_is_refused(read, report, count):
    for name in report:
        with pytest.raises(InvalidUsage):
            read({**report, name: count})


@shapes
def test_a_report_without_its_counts_is_refused_and_never_taken_for_nothing(read, report):
    assert refused_field(read, {}) in report
    assert refused_field(read, dict.fromkeys(report)) in report


@shapes
def test_facts_of_the_response_come_along(read, report):
    facts = Facts(web_searches=2, code_seconds=90, code_is_free=True, milli_neurons=7, batch=True, us_only=True)

    usage = read(report, facts)
    assert (2, 90, True, 7) == (usage.web_searches, usage.code_seconds, usage.code_is_free, usage.milli_neurons)
    assert (True, True, False) == (usage.batch, usage.us_only, usage.fast)
    assert read(report, Facts(fast=True)).fast


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 200) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
names = sorted(
    {name for _, report in EVERY_SHAPE for name in report}
    | {"cache_creation", "cache_creation_input_tokens", "cache_read_input_tokens", "server_tool_use", "iterations"}
    | {"prompt_tokens_details", "output_tokens_details", "cachedContentTokenCount", "thoughtsTokenCount", "speed"}
)


@at_leisure
@given(st.sampled_from(EVERY_SHAPE), st.dictionaries(st.sampled_from(names), json_values, max_size=6))
def test_whatever_a_provider_sends_is_either_usage_or_a_refusal(shape, sent):
    read, report = shape
    for one in (read, from_anthropic_iterations, from_anthropic_passes):
        try:
            one({**report, **sent})
        except Refusal as refused:
            json.dumps(refused.details)


def test_anthropic_leaves_cached_tokens_out_of_the_input_and_nothing_is_subtracted():
    usage = from_anthropic({**ANTHROPIC, "cache_read_input_tokens": 8_000})

    assert (100, 8_000, 8_100) == (usage.input_tokens, usage.cache_read_tokens, usage.total_input_tokens)


def test_cache_writes_come_split_by_their_lifetime():
    split = {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 3}

    for report in ({"cache_creation": split}, {"cache_creation": split, "cache_creation_input_tokens": 5}):
        usage = from_anthropic({**ANTHROPIC, **report})
        assert (2, 3, 5, False) == (
            usage.cache_write_5m_tokens,
            usage.cache_write_1h_tokens,
            usage.cache_write_tokens,
            usage.ttl_split_assumed,
        )


def test_cache_writes_without_a_lifetime_count_as_five_minutes_and_say_so():
    usage = from_anthropic({**ANTHROPIC, "cache_creation_input_tokens": 5})

    assert (5, 0, True) == (usage.cache_write_5m_tokens, usage.cache_write_1h_tokens, usage.ttl_split_assumed)
    assert not from_anthropic({**ANTHROPIC, "cache_creation_input_tokens": 0}).ttl_split_assumed


def test_a_split_that_misses_its_total_is_refused():
    split = {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 3}
    for total in (0, 4, 6):
        report = {**ANTHROPIC, "cache_creation": split, "cache_creation_input_tokens": total}
        assert "cache_creation" == refused_field(from_anthropic, report)


def test_anthropic_tells_itself_of_batch_place_speed_searches_and_thinking():
    usage = from_anthropic(
        {
            **ANTHROPIC,
            "service_tier": "batch",
            "inference_geo": "us",
            "server_tool_use": {"web_search_requests": 2},
            "output_tokens_details": {"thinking_tokens": 30},
        }
    )

    assert (True, True, 2, 30) == (usage.batch, usage.us_only, usage.web_searches, usage.reasoning_tokens)
    assert from_anthropic({**ANTHROPIC, "speed": "fast"}).fast
    ordinary = {**ANTHROPIC, "service_tier": "standard", "inference_geo": "global", "speed": "standard"}
    assert Usage(100, 50) == from_anthropic(ordinary)


def test_what_belongs_to_the_whole_response_is_counted_with_its_first_pass_only():
    one = {"input_tokens": 1, "output_tokens": 1, "server_tool_use": {"web_search_requests": 9}}
    report = {
        **ANTHROPIC,
        "inference_geo": "us",
        "server_tool_use": {"web_search_requests": 2},
        "iterations": [one, one, one],
    }
    passes = from_anthropic_iterations(report, Facts(code_seconds=90))

    assert [(2, 90), (0, 0), (0, 0)] == [(usage.web_searches, usage.code_seconds) for usage in passes]
    assert all(usage.us_only for usage in passes)


def test_a_response_of_one_pass_is_its_own_usage():
    for report in (ANTHROPIC, {**ANTHROPIC, "iterations": []}, {**ANTHROPIC, "iterations": None}):
        assert (from_anthropic(report),) == from_anthropic_iterations(report)
        assert from_anthropic(report) == from_anthropic_passes(report)


def test_passes_as_one_usage_have_all_tokens_of_each_and_what_is_of_the_whole_once():
    one = {"input_tokens": 2, "output_tokens": 3, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 7}
    report = {
        **ANTHROPIC,
        "service_tier": "batch",
        "server_tool_use": {"web_search_requests": 2},
        "iterations": [one, {**one, "cache_creation_input_tokens": 0}],
    }

    expected = Usage(4, 6, 7, 0, 10, web_searches=2, batch=True, ttl_split_assumed=True)
    assert expected == from_anthropic_passes(report)
    with pytest.raises(InvalidUsage):
        from_anthropic_passes({**report, "iterations": [{**one, "input_tokens": 10**9 - 9}] * 2})


@pytest.mark.parametrize("passes", ["text", 1, {"a": 1}, [1], [None], [{}], [ANTHROPIC] * (ITERATIONS_MOST + 1)])
def test_passes_of_another_shape_are_refused(passes):
    with pytest.raises(InvalidUsage):
        from_anthropic_iterations({**ANTHROPIC, "iterations": passes})


@pytest.mark.parametrize(
    ("read", "report", "details"),
    [(from_openai_chat, CHAT, "prompt_tokens_details"), (from_openai_responses, RESPONSES, "input_tokens_details")],
)
def test_openai_includes_cached_tokens_in_the_prompt(read, report, details):
    usage = read({**report, details: {"cached_tokens": 80}})

    assert (20, 80, 100) == (usage.input_tokens, usage.cache_read_tokens, usage.total_input_tokens)
    assert "cached_tokens" == refused_field(read, {**report, details: {"cached_tokens": 101}})
    assert details == refused_field(read, {**report, details: 80})


def test_more_reasoning_than_output_is_refused():
    report = {**RESPONSES, "output_tokens_details": {"reasoning_tokens": 51}}

    assert "reasoning_tokens" == refused_field(from_openai_responses, report)


def test_google_counts_thoughts_and_tool_prompts_beside_the_rest():
    usage = from_google(
        {**GOOGLE, "thoughtsTokenCount": 30, "toolUsePromptTokenCount": 7, "cachedContentTokenCount": 60}
    )

    assert (47, 60, 107) == (usage.input_tokens, usage.cache_read_tokens, usage.total_input_tokens)
    assert (80, 30) == (usage.output_tokens, usage.reasoning_tokens)


def test_google_leaves_out_what_is_nought():
    assert Usage(100) == from_google({"promptTokenCount": 100})


def test_google_caches_no_more_than_the_prompt_itself():
    report = {**GOOGLE, "toolUsePromptTokenCount": 50, "cachedContentTokenCount": 101}

    assert "cachedContentTokenCount" == refused_field(from_google, report)


def test_deepseek_splits_the_prompt_into_hits_and_misses():
    hits = {**DEEPSEEK, "prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 36}

    assert (36, 64) == (from_deepseek(hits).input_tokens, from_deepseek(hits).cache_read_tokens)
    assert "prompt_tokens" == refused_field(from_deepseek, {**hits, "prompt_tokens": 101})


def test_embeddings_have_no_output():
    assert Usage(100) == from_openai_embeddings({"prompt_tokens": 100, "total_tokens": 100})


def test_a_prompt_at_the_bound_is_taken_and_one_above_it_not():
    assert 10**9 == from_totals(10**9, 0, cached_tokens=10**8).total_input_tokens
    with pytest.raises(InvalidUsage):
        Usage(10**9, cache_read_tokens=1)


WRONG = [
    *({"milli_neurons": wrong} for wrong in (-1, 1.5, 10**12 + 1)),
    {"variant": "x" * 65},
    {"web_searches": -1},
    {"code_seconds": 0.5},
    {"units": True},
    {"reasoning_tokens": 1},
]


@pytest.mark.parametrize("values", WRONG, ids=str)
def test_every_quantity_of_a_usage_is_whole_bounded_and_named_when_it_is_not(values):
    with pytest.raises(InvalidUsage) as refused:
        Usage(**values)
    assert {"field": next(iter(values))} == refused.value.details
