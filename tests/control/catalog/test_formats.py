"""Published price lists: exact where they are believable, refused whole where they are something else."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.price_book import pico

from monoize.control.catalog.errors import BadPriceList
from monoize.control.catalog.model import formats
from monoize.control.catalog.model.formats import ListedPrice, PriceList, RefusedRow
from monoize.control.catalog.model.records import ModelKey

SONNET = ModelKey("anthropic", "claude-sonnet-4-5")


def models_dev(cost: str, provider: str = "anthropic", model: str = "claude-sonnet-4-5") -> str:
    return f'{{"{provider}": {{"id": "x", "models": {{"{model}": {{"name": "X", "cost": {cost}}}}}}}}}'


def read(format: formats.Format, document: str, *providers: str) -> PriceList:
    return formats.read(format, document, frozenset(providers) or None)


def test_a_list_of_models_dev_is_usd_for_a_million_tokens():
    cost = '{"input": 3, "output": 15.0, "cache_read": 0.30, "cache_write": 3.75}'

    assert (
        ListedPrice(
            SONNET,
            "standard",
            {
                "input_pico": pico("3"),
                "output_pico": pico("15"),
                "cache_write_5m_pico": pico("3.75"),
                "cache_read_pico": pico("0.3"),
            },
        ),
    ) == read("models_dev", models_dev(cost)).listed


def test_a_premium_for_long_contexts_is_a_price_of_its_own():
    cost = '{"input": 3, "output": 15, "context_over_200k": {"input": 6, "output": 22.5}}'
    plain, long = read("models_dev", models_dev(cost)).listed

    assert ("standard", None, "long_context", 200_000) == (
        plain.kind,
        plain.threshold_tokens,
        long.kind,
        long.threshold_tokens,
    )
    assert {"input_pico": pico("6"), "output_pico": pico("22.5")} == long.rates


def test_a_cost_map_of_litellm_is_usd_for_one_token():
    document = """{
        "sample_spec": {"litellm_provider": "one of https://…", "input_cost_per_token": "text"},
        "claude-sonnet-4-5": {
            "litellm_provider": "anthropic", "mode": "chat",
            "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05,
            "cache_creation_input_token_cost": 0.00000375,
            "cache_creation_input_token_cost_above_1hr": 6e-06,
            "cache_read_input_token_cost": 3e-07,
            "input_cost_per_token_above_200k_tokens": 6e-06,
            "output_cost_per_token_above_200k_tokens": 2.25e-05
        },
        "gemini/gemini-2.5-flash": {
            "litellm_provider": "gemini", "mode": "chat",
            "input_cost_per_token": 3e-07, "output_cost_per_token": 2.5e-06
        },
        "text-embedding-3-small": {
            "litellm_provider": "openai", "mode": "embedding",
            "input_cost_per_token": 2e-08, "output_cost_per_token": 0.0
        },
        "dall-e-3": {"litellm_provider": "openai", "mode": "image_generation", "input_cost_per_pixel": 1e-08}
    }"""
    found = read("litellm", document)

    assert [
        (SONNET, "standard"),
        (SONNET, "long_context"),
        (("google", "gemini-2.5-flash"), "standard"),
        (("openai", "text-embedding-3-small"), "embedding"),
    ] == [(each.model, each.kind) for each in found.listed]
    assert [pico("3"), pico("6"), pico("0.3"), pico("0.02")] == [each.rates["input_pico"] for each in found.listed]
    assert pico("6") == found.listed[0].rates["cache_write_1h_pico"]
    assert ((), 1) == (found.refused, found.unpriced)


@given(st.integers(100, 10**9))
def test_every_price_that_can_be_told_apart_is_read_exactly(rate: int):
    usd_per_mtok = f"{rate // 10**6}.{rate % 10**6:06}"
    usd_per_token = f"{rate}e-12"
    dev = read("models_dev", models_dev(f'{{"input": {usd_per_mtok}, "output": {usd_per_mtok}}}'))
    entry = f'"input_cost_per_token": {usd_per_token}, "output_cost_per_token": {usd_per_token}'
    lite = read("litellm", f'{{"m": {{"litellm_provider": "p", "mode": "chat", {entry}}}}}')

    assert [rate, rate] == [each.listed[0].rates["input_pico"] for each in (dev, lite)]


def test_only_the_named_providers_are_read():
    both = json.loads(models_dev('{"input": 3, "output": 15}')) | json.loads(
        models_dev('{"input": "free", "output": 15}', provider="another")
    )

    assert (SONNET,) == tuple(each.model for each in read("models_dev", json.dumps(both), "anthropic").listed)
    with pytest.raises(BadPriceList):
        read("models_dev", json.dumps(both))


@pytest.mark.parametrize(
    ("cost", "reason"),
    [
        ('{"input": 3000000, "output": 15}', "input_usd_per_mtok is out of range"),
        ('{"input": 0.000003, "output": 0.000015}', "input_usd_per_mtok is out of range"),
        ('{"input": 3, "output": 15, "cache_read": 5000}', "cache_read_usd_per_mtok is out of range"),
        ('{"input": 0, "output": 0}', "it is free of charge, which no list decides"),
        ('{"input": 0.12345678, "output": 15}', "a rate has more than 6 decimals"),
        ('{"input": 1e400, "output": 15}', "a rate is not a number that a rate can be"),
        ('{"input": 1e-400, "output": 15}', "a rate is not a number that a rate can be"),
    ],
)
def test_a_row_that_nobody_charges_is_refused_alone_and_says_why(cost: str, reason: str):
    good = '{"cost": {"input": 1, "output": 5}}'
    found = read("models_dev", f'{{"somebody": {{"models": {{"bad": {{"cost": {cost}}}, "good": {good}}}}}}}')

    assert (("somebody", "good"),) == tuple(each.model for each in found.listed)
    assert (RefusedRow("somebody", "bad", reason),) == found.refused


@pytest.mark.parametrize("cost", ["null", "{}", '{"input": 3}', '{"output": 3}', '{"input": null, "output": 3}'])
def test_a_model_without_both_prices_is_unpriced_and_never_free(cost: str):
    assert PriceList((), (), 1) == read("models_dev", models_dev(cost))


HOSTILE: dict[str, str] = {
    "nothing": "",
    "an array": "[]",
    "a number": "1",
    "null": "null",
    "malformed": '{"anthropic": ',
    "deep arrays": "[" * 100_000,
    "deep objects": '{"a":' * 100_000,
    "deep inside": models_dev("[" * 50_000 + "]" * 50_000),
    "NaN": models_dev('{"input": NaN, "output": 15}'),
    "Infinity": models_dev('{"input": 3, "output": Infinity}'),
    "-Infinity": models_dev('{"input": -Infinity, "output": 15}'),
    "negative": models_dev('{"input": -3, "output": 15}'),
    "a text": models_dev('{"input": "3", "output": 15}'),
    "true": models_dev('{"input": true, "output": 15}'),
    "a list": models_dev('{"input": [3], "output": 15}'),
    "an object": models_dev('{"input": {"usd": 3}, "output": 15}'),
    "5,000 digits": models_dev('{"input": 1' + "0" * 5_000 + ', "output": 15}'),
    "an exponent of 20 digits": models_dev('{"input": 1e99999999999999999999, "output": 15}'),
    "a cost that is none": models_dev("3"),
    "a name with a NUL": models_dev('{"input": 3, "output": 15}', model="a\\u0000b"),
    "a lone surrogate": models_dev('{"input": 3, "output": 15}', model="a\\ud800b"),
    "a long name": models_dev('{"input": 3, "output": 15}', model="x" * 129),
    "a long provider": models_dev('{"input": 3, "output": 15}', provider="x" * 65),
    "models that are a list": '{"anthropic": {"models": []}}',
    "a provider that is a text": '{"anthropic": "models"}',
}


@pytest.mark.parametrize("format", ["models_dev", "litellm"])
@pytest.mark.parametrize("what", HOSTILE)
def test_a_document_that_is_no_price_list_is_refused_whole(what: str, format: formats.Format):
    with pytest.raises(BadPriceList):
        read(format, HOSTILE[what])


def test_a_list_brings_at_most_so_many_prices():
    def document(count: int) -> str:
        models: dict[str, Any] = {f"m{n}": {"cost": {"input": 1, "output": 5}} for n in range(count)}
        return json.dumps({"anthropic": {"models": models}})

    assert formats.ROWS_MOST == len(read("models_dev", document(formats.ROWS_MOST)).listed)
    with pytest.raises(BadPriceList):
        read("models_dev", document(formats.ROWS_MOST + 1))
