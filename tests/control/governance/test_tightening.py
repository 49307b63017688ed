"""Where policies meet, the result is never looser than any of them, and it does not matter who is asked first."""

import dataclasses
import itertools
from typing import Any

import pytest
from control.governance.policy_documents import documents, saying
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from monoize.contract.policies import globs
from monoize.contract.policies.catalogue import NAMES, PolicyName, empty, read, tighten
from monoize.contract.policies.decisions import ToolCall, allows_model, tool_effect
from monoize.contract.policies.tool_permissions import EFFECTS
from monoize.control.governance.model.records import Governed
from monoize.control.governance.model.strictness import loosened

WORDS = st.text("ab", max_size=5)
SHORT_WORDS = ["".join(word) for length in range(7) for word in itertools.product("ab", repeat=length)]
PATTERNS = st.text("ab*", min_size=1, max_size=5)
quickly = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
SAFETY = st.sampled_from(["strict", "moderate", "permissive"])


def normal(name: PolicyName, document: Any) -> Any:
    """Sorted, and everything once."""
    return tighten(name, document, document)


def with_policy(name: PolicyName, document: Any) -> Governed:
    governed = Governed(name="a", role_name="b")
    return dataclasses.replace(governed, policies={**governed.policies, name: document})


def test_two_short_globs_have_exactly_the_names_in_common_that_both_match():
    every = ["".join(glob) for length in (1, 2, 3) for glob in itertools.product("ab*", repeat=length)]
    matched = {glob: {word for word in SHORT_WORDS if globs.matches([glob], word)} for glob in every}

    for one, other in itertools.product(every, repeat=2):
        found = globs.common([one], [other])
        named = {word for word in SHORT_WORDS if globs.matches(found, word)}
        assert matched[one] & matched[other] == named, (one, other)


@settings(deadline=None)
@example(["*"], ["a*", "a**"])
@given(st.lists(PATTERNS, max_size=3), st.lists(PATTERNS, max_size=3))
def test_lists_of_globs_have_exactly_the_names_in_common_that_both_match(these: list[str], those: list[str]):
    found = globs.common(these, those)

    for word in SHORT_WORDS:
        wanted = globs.matches(these, word) and globs.matches(those, word)
        assert wanted == globs.matches(found, word), word


def test_a_hostile_pair_of_globs_is_answered_soon_and_allows_too_little_rather_than_too_much():
    one, other = "*a" * 60, "*b" * 60

    found = globs.common([one], [other])

    assert len(found) <= globs.COMMON_MOST
    assert all(len(glob) <= globs.GLOB_CHARS_MOST for glob in found)


@pytest.mark.parametrize("name", NAMES)
@quickly
@given(st.data())
def test_who_says_nothing_changes_nothing(name: PolicyName, data: st.DataObject):
    document = data.draw(documents(name))

    assert document == tighten(name, document, empty(name)) == tighten(name, empty(name), document)


@pytest.mark.parametrize("name", NAMES)
@quickly
@given(st.data())
def test_what_two_say_together_is_a_policy_to_which_neither_has_anything_to_add(
    name: PolicyName, data: st.DataObject
):
    outer, inner = data.draw(saying(name)), data.draw(saying(name))
    together = tighten(name, outer, inner)

    read(name, together)
    if together:
        assert normal(name, together) == normal(name, tighten(name, outer, together))
    assert [] == loosened(with_policy(name, together), with_policy(name, together))


@pytest.mark.parametrize("name", NAMES)
@quickly
@given(st.data())
def test_it_does_not_matter_which_two_of_three_meet_first(name: PolicyName, data: st.DataObject):
    first, second, third = [data.draw(saying(name)) for _ in range(3)]
    outside, inside = tighten(name, first, second), tighten(name, second, third)

    if outside and inside:
        assert normal(name, tighten(name, outside, third)) == normal(name, tighten(name, first, inside))


@quickly
@given(documents("model_policy_json"), documents("model_policy_json"), WORDS)
def test_a_model_is_allowed_only_where_all_allow_it(outer: Any, inner: Any, model: str):
    name: PolicyName = "model_policy_json"
    both = allows_model(read(name, outer), model) and allows_model(read(name, inner), model)

    assert both == allows_model(read(name, tighten(name, outer, inner)), model)


@quickly
@given(
    saying("tool_permissions_json"),
    saying("tool_permissions_json"),
    SAFETY,
    WORDS,
    st.sampled_from([None, "a", "ab"]),
    st.sampled_from([None, {}, {"a": "a"}, {"a": 1, "b": {"c": "b"}}]),
)
def test_a_tool_has_the_strictest_effect_that_any_level_gives_it(
    outer: Any, inner: Any, safety: Any, tool: str, operation: str | None, args: Any
):
    name: PolicyName = "tool_permissions_json"
    call = ToolCall(tool=tool, operation=operation, environment=operation, args=args)
    each = [tool_effect(read(name, document), safety, call) for document in (outer, inner)]

    assert max(each, key=EFFECTS.index) == tool_effect(read(name, tighten(name, outer, inner)), safety, call)


def test_disjoint_lists_of_what_is_allowed_leave_nothing_and_not_everything():
    name: PolicyName = "model_policy_json"
    nothing = tighten(name, {"allowed_models": ["gpt-*"]}, {"allowed_models": ["claude-*"]})

    assert [] == nothing["allowed_models"]
    assert not allows_model(read(name, tighten(name, nothing, {"allowed_models": ["gpt-*"]})), "gpt-5")


def test_what_was_left_to_no_integration_stays_left_to_none():
    name: PolicyName = "integrations_json"

    assert {} == tighten(name, {"github": {}}, {"slack": {}}, {"slack": {}})


def test_limits_denials_permissions_and_protections_are_merged_each_by_its_own_rule():
    assert {"requests_per_day": 5, "burst": 2, "key": "agent", "per_tool": {"d1_*": {"per_minute": 3}}} == tighten(
        "rate_limits_json",
        {"requests_per_day": 5, "key": "agent", "per_tool": {"d1_*": {"per_minute": 9}}},
        {"requests_per_day": 7, "burst": 2, "key": "agent_user", "per_tool": {"d1_*": {"per_minute": 3}}},
    )
    assert {
        "blocked_models": ["a", "b"],
        "allowed_models": ["gpt-*-mini", "gpt-mini"],
        "max_tool_loop": 5,
        "effort": "low",
        "default_model": "inner",
    } == tighten(
        "model_policy_json",
        {"blocked_models": ["b"], "allowed_models": ["*-mini"], "max_tool_loop": 5, "default_model": "outer"},
        {
            "blocked_models": ["a"],
            "allowed_models": ["gpt-*"],
            "max_tool_loop": 7,
            "effort": "low",
            "default_model": "inner",
        },
    )
    assert {"deny_private_networks": True, "shell": {"enabled": False, "deny": ["rm"]}} == tighten(
        "security_policy_json",
        {"deny_private_networks": True, "shell": {"enabled": False}},
        {"deny_private_networks": False, "shell": {"enabled": True, "deny": ["rm"]}},
    )
    assert (
        "0.5"
        == tighten("cost_policy_json", {"max_cost_per_call_usd": "10"}, {"max_cost_per_call_usd": "0.5"})[
            "max_cost_per_call_usd"
        ]
    )
