"""What the protocols share: names of answers, efforts and budgets, and the strict reading of what callers wrote."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.urp_strategies import any_json, efforts

from monoize.gateway.protocol import fields, urp
from monoize.gateway.protocol.efforts import budget_of, effort_named, effort_of_budget
from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.naming import Naming

STRICT = (fields.text, fields.flag, fields.integer, fields.number, fields.object_, fields.list_)


@given(st.text(), st.integers(0, 99), st.integers(0, 99))
def test_nodes_are_named_after_their_answer_and_place(response_id: str, one: int, other: int):
    naming = Naming(response_id=response_id, created_at=0)
    assert naming.node_id(one) == Naming(response_id=response_id, created_at=7).node_id(one)
    assert (one == other) == (naming.node_id(one) == naming.node_id(other))
    assert 24 == len(naming.node_id(one))
    assert int(naming.node_id(one), 16) >= 0


def test_every_effort_has_a_word_and_a_budget():
    for effort in get_args(urp.Effort):
        assert effort == effort_named(effort)
        assert (budget_of(effort) == 0) == (effort == "none")
    assert "minimal" == effort_named("minimum")
    assert effort_named("utmost") is None


@given(efforts)
def test_a_budget_is_never_less_effort_than_it_was_made_of(effort: urp.Effort):
    order = list(get_args(urp.Effort))
    again = effort_of_budget(budget_of(effort))
    assert again is not None
    assert order.index(again) >= min(order.index(effort), order.index("xhigh"))


@pytest.mark.parametrize(
    ("tokens", "effort"),
    [(-1, None), (0, "none"), (1, "low"), (1_024, "low"), (1_025, "medium"), (16_384, "high"), (16_385, "xhigh")],
)
def test_budgets(tokens: int, effort: str | None):
    assert effort == effort_of_budget(tokens)


@given(st.sampled_from(STRICT), any_json)
def test_a_field_is_of_its_type_or_refused_with_its_path(read: Any, value: Any):
    try:
        found, param = read({"name": value}, "name", "messages[2]"), None
    except BadRequest as refusal:
        found, param = None, refusal.param
    if param is None:
        assert value == found
        assert type(value) is type(found)
    else:
        assert "messages[2].name" == param


@pytest.mark.parametrize("read", STRICT)
def test_null_is_the_same_as_not_there(read: Any):
    assert read({}, "name") is None
    assert read({"name": None}, "name") is None


@pytest.mark.parametrize("value", [True, 2**64, float("inf"), float("nan"), "1"])
def test_numbers_that_are_none(value: object):
    assert fields.told_number(value) is None
    assert fields.told_integer(value) is None


def test_paths():
    assert "messages[2].content" == fields.path(fields.path("messages", 2), "content")
    assert "model" == fields.path("", "model")
