"""A costing as stored JSON: complete, checkable by itself, and the same when it is read again."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cost_strategies import at_leisure, pools, sheets, usages
from support.price_book import LLAMA_70B, OPUS, SONNET

from monoize.base.cost.breakdown import Breakdown
from monoize.base.cost.costing import Pools, cost_of
from monoize.base.cost.sheet import SUBSCRIPTION, UNPRICED
from monoize.base.cost.usage import Usage

EVENT_TIME_MS = 1_770_508_800_000
USAGE = Usage(2_000, 500, cache_write_5m_tokens=1_000, cache_read_tokens=8_000)


def document():
    return Breakdown(cost_of(USAGE, SONNET), EVENT_TIME_MS, 31_000_000).as_json()


def test_a_breakdown_says_line_by_line_what_was_paid():
    assert {
        "v": 1,
        "currency": "USD",
        "price_id": "claude-sonnet-4-6/standard",
        "book": "list",
        "event_time": EVENT_TIME_MS,
        "kind": "standard",
        "flags": {
            "batch": False,
            "us_only": False,
            "fast": False,
            "long_context": False,
            "ttl_split": "reported",
        },
        "warnings": [],
        "lines": [
            {
                "item": item,
                "qty": quantity,
                "unit": "token",
                "rate_pico": rate_pico,
                "mult_bp": [],
                "nano": nano,
            }
            for item, quantity, rate_pico, nano in (
                ("input", 2_000, 3_000_000, 6_000_000),
                ("cache_write_5m", 1_000, 3_750_000, 3_750_000),
                ("cache_read", 8_000, 300_000, 2_400_000),
                ("output", 500, 15_000_000, 7_500_000),
            )
        ],
        "free": {"nano_neurons": 0, "code_seconds": 0},
        "total_nano": 19_650_000,
        "estimate_nano": 31_000_000,
    } == document()


def test_multipliers_flags_and_warnings_are_told():
    usage = Usage(cache_write_5m_tokens=10, batch=True, us_only=True, ttl_split_assumed=True)
    opus, sonnet = (Breakdown(cost_of(usage, sheet), 0).as_json() for sheet in (OPUS, SONNET))

    assert [[5_000, 11_000]] == [line["mult_bp"] for line in opus["lines"]]
    assert ["ttl_split_assumed"] == opus["warnings"]
    assert ["geo_not_applicable", "ttl_split_assumed"] == sonnet["warnings"]
    assert {
        "batch": True,
        "us_only": True,
        "fast": False,
        "long_context": False,
        "ttl_split": "assumed",
    } == opus["flags"]


def test_a_rate_for_more_than_one_says_for_how_many():
    usage, free = Usage(1_000, code_seconds=400), Pools(nano_neurons=10**9, code_seconds=100)
    told = Breakdown(cost_of(usage, LLAMA_70B, free), 0).as_json()

    assert [("neurons", "nano_neuron", 10**9), ("code_execution", "second", 3_600)] == [
        (line["item"], line["unit"], line["per"]) for line in told["lines"]
    ]
    assert {"nano_neurons": 10**9, "code_seconds": 100} == told["free"]


@pytest.mark.parametrize("sheet", [UNPRICED, SUBSCRIPTION])
def test_what_has_no_price_is_stored_as_it_is(sheet):
    breakdown = Breakdown(cost_of(USAGE, sheet), EVENT_TIME_MS)

    assert breakdown == Breakdown.of_json(breakdown.as_json())
    assert None is breakdown.as_json()["price_id"]


@at_leisure
@given(usages(), sheets(), pools, st.integers(0, 2**53), st.none() | st.integers(0, 10**20))
def test_a_breakdown_comes_back_from_json_as_it_was(usage, sheet, free, event_time_ms, estimate_nano):
    breakdown = Breakdown(cost_of(usage, sheet, free), event_time_ms, estimate_nano)

    assert breakdown == Breakdown.of_json(json.loads(json.dumps(breakdown.as_json())))


def every_place(value, path=()):
    """Each leaf of a document as the path that leads to it."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield (*path, key)
        yield from every_place(inner, (*path, key))


def changed(path, value):
    told = copy.deepcopy(document())
    inner = told
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return told


FREE_TO_SAY = {("price_id",), ("event_time",), ("estimate_nano",)}
AMOUNTS = [
    path
    for path in every_place(document())
    if path[-1] in ("qty", "rate_pico", "nano", "total_nano", "nano_neurons", "code_seconds")
]


@pytest.mark.parametrize("path", AMOUNTS, ids=str)
def test_an_amount_that_was_changed_is_found(path):
    with pytest.raises(ValueError):
        Breakdown.of_json(changed(path, 1))


@pytest.mark.parametrize("path", [path for path in every_place(document()) if path not in FREE_TO_SAY], ids=str)
@pytest.mark.parametrize("value", ["x" * 3, -1, 0.5, {"a": 1}, ["fast"]], ids=str)
def test_another_kind_of_value_is_never_read_as_a_cost(path, value):
    with pytest.raises(ValueError):
        Breakdown.of_json(changed(path, value))


@pytest.mark.parametrize("value", [1, ["p"], {"a": 1}])
def test_the_price_is_named_by_text(value):
    with pytest.raises(ValueError):
        Breakdown.of_json(changed(("price_id",), value))


def test_nothing_may_be_added_to_a_document():
    with pytest.raises(ValueError):
        Breakdown.of_json({**document(), "more": 1})


@pytest.mark.parametrize("value", ["x", -1, 0.5, True])
def test_times_and_estimates_are_whole(value):
    for path in (("event_time",), ("estimate_nano",)):
        with pytest.raises(ValueError):
            Breakdown.of_json(changed(path, value))


@pytest.mark.parametrize("name", document())
def test_a_document_without_one_of_its_parts_is_refused(name):
    rest = {key: value for key, value in document().items() if key != name}

    with pytest.raises(ValueError):
        Breakdown.of_json(rest)


def test_no_more_is_free_than_was_used():
    told = Breakdown(cost_of(Usage(code_seconds=400), SONNET), 0).as_json()
    told["free"]["code_seconds"] = 760
    told["lines"][0]["nano"] = told["total_nano"] = -5_000_000

    with pytest.raises(ValueError):
        Breakdown.of_json(told)


def test_an_item_has_at_most_one_line():
    told = document()
    told["lines"].append(told["lines"][0])
    told["total_nano"] += told["lines"][0]["nano"]

    with pytest.raises(ValueError):
        Breakdown.of_json(told)


@pytest.mark.parametrize("told", [{}, [], None, "text", 1])
def test_something_else_is_no_breakdown(told):
    with pytest.raises(ValueError):
        Breakdown.of_json(told)
