"""Usage in the shape of this protocol, under the names of others, and where it cannot be right."""

from typing import Any

import pytest
from gateway.protocol.responses.samples import strict, written
from hypothesis import given
from support.cost_strategies import at_leisure
from support.urp_strategies import any_json, usages

from monoize.base.cost.reported import from_openai_responses
from monoize.gateway.protocol import urp
from monoize.gateway.protocol.responses.usage import read_answer_usage, read_usage, write_usage


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        ({}, None),
        ({"total_tokens": 5}, None),
        ({"input_tokens": 3, "output_tokens": 2}, urp.Usage(input_tokens=3, output_tokens=2)),
        ({"output_tokens": 2}, urp.Usage(output_tokens=2)),
        ({"prompt_tokens": 3, "completion_tokens": 2}, urp.Usage(input_tokens=3, output_tokens=2)),
        ({"input_tokens": 3, "prompt_tokens": 9}, urp.Usage(input_tokens=3)),
        (
            {
                "input_tokens": 9,
                "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3, "audio_tokens": 1},
                "output_tokens": 7,
                "output_tokens_details": {"reasoning_tokens": 6, "audio_tokens": 1},
            },
            urp.Usage(
                input_tokens=9,
                output_tokens=7,
                cache_read_tokens=4,
                cache_write_tokens=3,
                reasoning_tokens=6,
                input_audio_tokens=1,
                output_audio_tokens=1,
            ),
        ),
        (
            {"input_tokens": 9, "prompt_tokens_details": {"cached_tokens": 4}, "cache_creation_input_tokens": 2},
            urp.Usage(input_tokens=9, cache_read_tokens=4, cache_write_tokens=2),
        ),
        (
            {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4}, "cached_tokens": 8},
            urp.Usage(input_tokens=9, cache_read_tokens=4),
        ),
        (
            {"input_tokens": 9, "input_tokens_details": None, "cached_tokens": 8},
            urp.Usage(input_tokens=9, cache_read_tokens=8),
        ),
        ({"input_tokens": -1, "output_tokens": 2}, urp.Usage(output_tokens=2)),
        ({"input_tokens": True, "output_tokens": 2.5}, None),
        ({"input_tokens": 10**13, "output_tokens": "7"}, None),
        ({"input_tokens": 3, "input_tokens_details": {"cached_tokens": -4}}, urp.Usage(input_tokens=3)),
        ({"input_tokens": 3, "input_tokens_details": [1]}, urp.Usage(input_tokens=3)),
        (
            {"input_tokens": 3, "input_tokens_details": {"cached_tokens": 5}},
            urp.Usage(input_tokens=5, cache_read_tokens=5),
        ),
        (
            {"output_tokens": 3, "output_tokens_details": {"reasoning_tokens": 5}},
            urp.Usage(output_tokens=3, reasoning_tokens=3),
        ),
    ],
)
def test_numbers_count_once_and_only_if_they_can_be_right(wire: dict[str, Any], expected: urp.Usage | None):
    assert expected == read_usage(wire)


def test_searches_and_the_tier_stand_elsewhere_in_the_answer():
    usage = {"input_tokens": 1}
    searches = [
        {"type": "web_search_call", "action": {"type": kind}} for kind in ("search", "open_page", "find_in_page")
    ]
    counted = {"tool_usage": {"web_search": {"num_requests": 3}}}
    body = {"usage": usage, "service_tier": "flex", "output": [*searches, {"type": "web_search_call"}, 3]}
    assert urp.Usage(input_tokens=1, web_searches=2, service_tier="flex") == read_answer_usage(body)
    assert 3 == read_answer_usage({**body, **counted}).web_searches
    assert read_answer_usage({"service_tier": "flex"}) is None


@at_leisure
@given(usages())
def test_what_is_written_is_read_again_satisfies_strict_readers_and_can_be_priced(usage: urp.Usage):
    wire = write_usage(usage)
    assert usage == read_usage(wire)
    strict(written(urp.Response(id="", model="m", output=(), finish=urp.Finish(reason="stop"), usage=usage)))
    priced = from_openai_responses(wire)
    assert (usage.output_tokens, usage.cache_read_tokens) == (priced.output_tokens, priced.cache_read_tokens)


@at_leisure
@given(any_json)
def test_any_json_is_usage_or_none(wire: Any):
    usage = read_usage(wire)
    if usage:
        assert usage.cache_read_tokens + usage.cache_write_tokens <= usage.input_tokens
        assert usage.reasoning_tokens <= usage.output_tokens
