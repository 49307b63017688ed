"""A configuration of LiteLLM's proxy in our words: what there is a word for is carried over, the rest is told."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.cli.litellm_config import Converted, NotLiteLLM, converted


def deployment(name: str, model: str, **params: Any) -> dict[str, Any]:
    return {"model_name": name, "litellm_params": {"model": model, **params}}


def of(*deployments: dict[str, Any], **sections: Any) -> Converted:
    return converted({"model_list": list(deployments), **sections}, {"BASE": "https://base.example.com/v1/"})


def channels(found: Converted, provider: int = 0) -> list[dict[str, Any]]:
    return found.document["providers"][provider]["channels"]


def noted(found: Converted, words: str) -> bool:
    return any(words in note for note in found.notes)


def test_deployments_become_channels_of_a_provider_of_their_kind():
    found = of(
        deployment("gpt-4o", "openai/gpt-4o", api_key="os.environ/ONE"),
        deployment("gpt-4o", "openai/gpt-4o", api_key="os.environ/TWO", weight=3),
        deployment("mini", "gpt-4o-mini", api_key="os.environ/ONE"),
        deployment("claude", "anthropic/claude-sonnet-5"),
    )
    openai, anthropic = found.document["providers"]

    assert ("openai", "responses", "openai") == (openai["name"], openai["type"], openai["price_provider"])
    mini = {"name": "mini", "redirect": "gpt-4o-mini"}
    first, second = openai["channels"]
    assert ("${ONE}", ["gpt-4o", mini]) == (first["api_key"], first["models"])
    assert ("${TWO}", 3, ["gpt-4o"]) == (second["api_key"], second["weight"], second["models"])
    assert 2 == len({channel["name"] for channel in openai["channels"]})
    assert ["${ANTHROPIC_API_KEY}"] == [channel["api_key"] for channel in anthropic["channels"]]
    assert () == tuple(found.notes) and {} == found.keys


def test_what_only_looks_like_openai_is_spoken_to_in_chat():
    found = of(
        deployment("own", "openai/meta/llama", api_base="http://10.0.0.1:8000/v1/"),
        deployment("named", "llama", custom_llm_provider="hosted_vllm", api_base="os.environ/BASE"),
    )

    assert [("chat_completion", "http://10.0.0.1:8000/v1")] == [
        (channel["type"], channel["base_url"]) for channel in channels(found)
    ]
    assert "api_key" not in channels(found)[0]
    assert [{"name": "own", "redirect": "meta/llama"}] == channels(found)[0]["models"]
    assert "https://base.example.com/v1" == channels(found, 1)[0]["base_url"]


def test_two_models_behind_one_name_at_one_address_need_two_channels():
    found = of(deployment("gpt", "openai/gpt-4o"), deployment("gpt", "openai/gpt-4o-mini"))

    assert ["gpt-4o", "gpt-4o-mini"] == [channel["models"][0]["redirect"] for channel in channels(found)]


def test_settings_of_the_router_that_we_have_words_for_keep_their_meaning():
    found = of(
        deployment("gpt-4o", "openai/gpt-4o"),
        router_settings={
            "num_retries": 2,
            "timeout": "30.5",
            "allowed_fails": 3,
            "cooldown_time": 30,
            "retry_after": 1,
            "model_group_alias": {"gpt-4": "gpt-4o", "hidden": {"model": "gpt-4o", "hidden": True}, "x": "nobody"},
            "redis_host": "localhost",
        },
        litellm_settings={"num_retries": 9, "drop_params": True, "request_timeout": 600},
        general_settings={"master_key": "sk-1234"},
    )
    provider = found.document["providers"][0]

    assert (2, {"total_ms": 30_500}, 1_000) == (
        provider["max_retries"],
        provider["timeouts"],
        provider["channel_retry_interval_ms"],
    )
    assert {"failures": 4, "cooldown_s": 30} == provider["channels"][0]["breaker"]
    assert ["gpt-4o", *({"name": name, "redirect": "gpt-4o"} for name in ("gpt-4", "hidden"))] == (
        provider["channels"][0]["models"]
    )
    for words in ("router_settings that are not carried over: redis_host", "drop_params", "general_settings"):
        assert noted(found, words), words


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (deployment("a", "azure/gpt-4o", api_base="https://x.openai.azure.com"), "cannot speak to azure"),
        (deployment("a", "bedrock/anthropic.claude"), "cannot speak to bedrock"),
        (deployment("a", "some-model"), "provider that is not named"),
        (deployment("*", "openai/*"), "one by one"),
        (deployment("a", "hosted_vllm/x"), "api_base is not known"),
        (deployment("a", "openai/x", api_base="os.environ/NOBODY"), "api_base is not known"),
        ({**deployment("a", "openai/dall-e"), "model_info": {"mode": "image_generation"}}, "image_generation"),
    ],
)
def test_what_cannot_be_carried_over_is_told(entry: dict[str, Any], words: str):
    found = of(entry, deployment("fine", "openai/gpt-4o"))

    assert [["fine"]] == [[m["name"] for m in each["models"]] for each in channels(found)]
    assert noted(found, words)


def test_limits_costs_and_models_of_several_providers_are_told():
    found = of(
        {**deployment("m", "openai/m", rpm=6), "model_info": {"input_cost_per_token": "0.000001"}},
        deployment("m", "groq/m"),
    )

    for words in ("not carried over: rpm", "costs are not carried over", "m is asked of openai first"):
        assert noted(found, words), words


def test_a_key_that_is_written_down_is_not_in_the_document():
    found = of(deployment("a", "openai/a", api_key="sk-secret"), deployment("b", "openai/b", api_key="sk-secret"))

    assert {"OPENAI_KEY_1": "sk-secret"} == found.keys
    assert ["${OPENAI_KEY_1}"] == [channel["api_key"] for channel in channels(found)]
    assert "sk-secret" not in str(found.document) + str(found.notes) + repr(found)


@pytest.mark.parametrize("config", [{}, {"model_list": {}}, {"model_list": ["a"]}, {"model_list": [{"a": 1}]}])
def test_what_is_no_such_configuration_is_refused(config: dict[str, Any]):
    with pytest.raises(NotLiteLLM):
        converted(config, {})


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
PARAMS = st.dictionaries(
    st.sampled_from(["api_base", "api_key", "weight", "custom_llm_provider", "rpm"]),
    ANYTHING | st.sampled_from(["http://[", "https://", "os.environ/", "openai", "x" * 300]),
)
INFO = st.dictionaries(st.sampled_from(["mode", "input_cost_per_token"]), ANYTHING) | ANYTHING
ROUTER = st.sampled_from(["num_retries", "timeout", "allowed_fails", "cooldown_time", "model_group_alias"])


@given(params=PARAMS, router=st.dictionaries(ROUTER, ANYTHING) | ANYTHING, info=INFO)
def test_whatever_stands_in_it_nothing_breaks(params: dict[str, Any], router: Any, info: Any):
    of({**deployment("a", "openai/a", **params), "model_info": info}, router_settings=router, litellm_settings=info)
