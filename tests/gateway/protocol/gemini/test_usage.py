"""Tokens, as the provider counts them and as a caller is told."""

from typing import Any

import pytest
from gateway.protocol.gemini.samples import over_wire
from google.genai import types
from hypothesis import given
from hypothesis import strategies as st
from support.cost_strategies import at_leisure
from support.urp_strategies import any_json, usages

from monoize.base.cost.reported import from_google
from monoize.gateway.protocol import urp
from monoize.gateway.protocol.gemini.usage import (
    TOKENS_MOST,
    merged,
    read_report,
    read_usage,
    searches,
    write_usage,
)

counts = st.integers(0, 10**6)
reports = st.fixed_dictionaries(
    {"promptTokenCount": counts},
    optional={
        "candidatesTokenCount": counts,
        "thoughtsTokenCount": counts,
        "toolUsePromptTokenCount": counts,
        "cachedContentTokenCount": st.just(0) | st.none(),
        "totalTokenCount": counts,
    },
)


def test_totals_include_their_parts():
    usage = read_usage(
        {
            "promptTokenCount": 100,
            "toolUsePromptTokenCount": 20,
            "cachedContentTokenCount": 60,
            "candidatesTokenCount": 30,
            "thoughtsTokenCount": 50,
            "totalTokenCount": 200,
        }
    )

    assert (
        urp.Usage(
            input_tokens=120,
            output_tokens=80,
            cache_read_tokens=60,
            reasoning_tokens=50,
            tool_prompt_tokens=20,
        )
        == usage
    )


@given(reports)
def test_it_counts_what_is_paid_for(report: dict[str, Any]):
    paid, usage = from_google(report), read_usage(report)

    assert (paid.input_tokens + paid.cache_read_tokens, paid.output_tokens, paid.reasoning_tokens) == (
        usage.input_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
    )


@at_leisure
@given(usages(), st.data())
def test_what_this_protocol_can_say_comes_back_as_it_was(usage: urp.Usage, data: st.DataObject):
    said = urp.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        # Writing to a cache is not told, and reading from it is part of the prompt itself.
        cache_read_tokens=min(usage.cache_read_tokens, usage.input_tokens),
        reasoning_tokens=usage.reasoning_tokens,
        input_audio_tokens=data.draw(st.integers(0, usage.input_tokens)),
        output_audio_tokens=data.draw(st.integers(0, usage.output_tokens - usage.reasoning_tokens)),
    )

    wire = over_wire(write_usage(said))

    types.GenerateContentResponseUsageMetadata.model_validate(wire)
    assert said == read_usage(wire)
    assert usage.input_tokens + usage.output_tokens == wire["totalTokenCount"]


def test_results_of_tools_come_back_as_they_were():
    usage = urp.Usage(input_tokens=12, output_tokens=3, tool_prompt_tokens=5)

    assert usage == read_usage(write_usage(usage))


@pytest.mark.parametrize("absurd", [-1, True, 1.5, "7", None, [], TOKENS_MOST + 1, 2**70])
def test_absurd_counts_are_not_told(absurd: Any):
    assert urp.Usage(output_tokens=3) == read_usage({"promptTokenCount": absurd, "candidatesTokenCount": 3})
    assert None is read_usage({"promptTokenCount": absurd})


def test_more_from_the_cache_than_there_was_is_not_told():
    assert 0 == read_usage({"promptTokenCount": 5, "cachedContentTokenCount": 6}).cache_read_tokens


def test_aliases_have_an_order_and_are_never_added_up():
    usage = read_usage({"prompt_token_count": 4, "responseTokenCount": 9, "candidatesTokenCount": 5})

    assert (4, 5) == (usage.input_tokens, usage.output_tokens)


@pytest.mark.parametrize(
    ("wire", "tier"),
    [
        ({"trafficType": "ON_DEMAND_PRIORITY"}, "priority"),
        ({"trafficType": "PROVISIONED_THROUGHPUT"}, "provisioned"),
        ({"trafficType": "TRAFFIC_TYPE_UNSPECIFIED"}, None),
        ({"serviceTier": "flex"}, "flex"),
        ({"serviceTier": 1}, None),
        ({}, None),
    ],
)
def test_service_tiers(wire: dict[str, Any], tier: str | None):
    assert tier == read_usage({"promptTokenCount": 1, **wire}).service_tier


def test_the_last_that_was_told_counts_field_by_field():
    first = {"promptTokenCount": 5, "cachedContentTokenCount": 4}

    assert {"promptTokenCount": 5, "cachedContentTokenCount": 4, "candidatesTokenCount": 2} == merged(
        merged(None, first), {"cachedContentTokenCount": None, "candidatesTokenCount": 2}
    )


@pytest.mark.parametrize(("model", "count"), [("gemini-3.1-pro", 2), ("gemini-2.5-pro", 1)])
def test_searches_are_counted_as_they_are_billed(model: str, count: int):
    assert count == searches({"webSearchQueries": ["a", "b", "", 3]}, model)
    assert 0 == searches({"webSearchQueries": []}, model)


@pytest.mark.parametrize("body", [{}, {"usageMetadata": None}, {"usageMetadata": 3}])
def test_no_report(body: dict[str, Any]):
    assert None is read_report(body)


def test_the_report_is_as_it_was():
    assert {"promptTokenCount": 3} == read_report({"usageMetadata": {"promptTokenCount": 3}})


@at_leisure
@given(st.dictionaries(st.sampled_from([*types.UsageMetadata.model_fields, "promptTokenCount"]), any_json))
def test_any_report_is_read(report: dict[str, Any]):
    read_usage(report)
    searches(report, "gemini-3")
