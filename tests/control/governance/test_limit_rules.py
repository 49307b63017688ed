"""What limits say to one act, before anything is counted."""

import datetime as dt
import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.base.quotas import Quota
from monoize.contract.limits import PRESETS, Act, Denied, Limits, every_quota, judge
from monoize.control.governance.model.limits import AgentLimits, LimitOverride, in_force, is_nearly_used_up

FREE = PRESETS["free"]
NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)


def limits(**changes: object) -> Limits:
    return msgspec.structs.replace(PRESETS["unlimited"], **changes)


def judged(found: Limits, operation: str, **more: object) -> object:
    """The code of the denial, or what is counted as (counter, most, wanted)."""
    answer = judge(found, Act(operation=operation, **more))
    if isinstance(answer, Denied):
        return answer.code
    return [(quota.counter, quota.most, quota.wanted) for quota in answer]


def test_the_free_tier_is_what_is_documented():
    assert [("max_ai_calls_per_day", 50, 1)] == judged(FREE, "ai_call", tokens=1000)
    assert Denied("request_too_large", 1000, 1001) == judge(FREE, Act(operation="ai_call", tokens=1001))
    assert [("max_d1_queries_per_minute", 10, 11)] == judged(FREE, "d1_query", count=11)
    assert [("max_r2_operations_per_day", 20, 2)] == judged(FREE, "r2_list", count=2)
    assert [("rate_limit_per_minute", 5, 1)] == judged(FREE, "request")
    assert [("rate_limit_per_minute", 5, 1)] == judged(FREE, "cms_read")
    for operation in ("r2_put", "cms_write", "d1_execute", "deploy", "anything"):
        assert "operation_not_allowed" == judged(FREE, operation)


def test_each_tier_allows_all_that_the_one_below_it_does():
    tiers = [PRESETS[tier] for tier in ("free", "low", "standard")]
    for lower, higher in itertools.pairwise(tiers):
        assert set(lower.allowed_operations) < set(higher.allowed_operations)
        for quota, more in zip(every_quota(lower), every_quota(higher), strict=True):
            assert quota.counter == more.counter and quota.most < more.most
    assert () == every_quota(PRESETS["unlimited"])


def test_minutes_come_before_days():
    assert ["minute", "minute", "day", "day"] == [quota.window for quota in every_quota(FREE)]


def test_what_is_blocked_is_not_allowed_whatever_else_allows_it():
    found = limits(allowed_operations=("*",), blocked_operations=("d1_execute", "cf_*"))

    assert [] == judged(found, "d1_query")
    assert "operation_not_allowed" == judged(found, "d1_execute")
    assert "operation_not_allowed" == judged(found, "cf_api")


def test_names_of_operations_are_compared_by_case_and_an_empty_list_allows_none():
    assert "operation_not_allowed" == judged(limits(allowed_operations=("d1_*",)), "D1_query")
    assert "operation_not_allowed" == judged(limits(allowed_operations=()), "d1_query")


def test_calls_of_models_and_requests_are_no_operations():
    assert [] == judged(limits(allowed_operations=()), "ai_call")
    assert [] == judged(limits(allowed_operations=(), blocked_operations=("*",)), "request")


@pytest.mark.case(45)
def test_without_a_list_of_tools_others_decide_and_with_an_empty_one_there_are_none():
    assert [] == judged(limits(allowed_tools=None), "ai_call", tool="shell")
    assert "tool_not_allowed" == judged(limits(allowed_tools=()), "ai_call", tool="shell")
    assert [] == judged(limits(allowed_tools=()), "ai_call")
    assert [] == judged(limits(allowed_tools=("sh*",)), "ai_call", tool="shell")


def test_the_cheapest_question_is_asked_first():
    nothing = limits(allowed_operations=(), allowed_tools=(), max_tokens_per_request=0, rate_limit_per_minute=0)

    assert "operation_not_allowed" == judged(nothing, "cms_read", tool="t", tokens=1)
    nothing = msgspec.structs.replace(nothing, allowed_operations=("*",))
    assert "tool_not_allowed" == judged(nothing, "cms_read", tool="t", tokens=1)
    nothing = msgspec.structs.replace(nothing, allowed_tools=None)
    assert "request_too_large" == judged(nothing, "cms_read", tool="t", tokens=1)
    assert [("rate_limit_per_minute", 0, 1)] == judged(nothing, "cms_read", tool="t")


@given(st.sampled_from(["ai_call", "request", "d1_query", "cms_read"]))
def test_of_limits_that_cannot_be_read_nothing_is_allowed(operation: str):
    assert "limits_corrupt" == judged(limits(is_corrupt=True), operation)


def row(**changes: object) -> AgentLimits:
    preset = msgspec.structs.asdict(FREE)
    kept = {"id": "l", "tenant_id": "t", "agent_role_id": "r", "notes": None, "version": 1}
    return AgentLimits(**{**preset, **kept, "created_at": NOW, "updated_at": NOW, **changes})


def override(value: int | None, *, until_s: int, created_s: int = -60, name: str = "max_ai_calls_per_day"):
    until, created = NOW + dt.timedelta(seconds=until_s), NOW + dt.timedelta(seconds=created_s)
    return LimitOverride(f"o{created_s}", "l", name, value, "why", "user:root", until, created)


@pytest.mark.case(45)
def test_a_role_of_which_nothing_is_said_has_the_free_tier():
    assert FREE == in_force(None, (), NOW)
    assert FREE == in_force(row(), (), NOW)


@pytest.mark.parametrize(
    ("overrides", "most"),
    [
        ([override(70, until_s=1)], 70),
        ([override(70, until_s=0)], 50),
        ([override(70, until_s=9, created_s=-9), override(60, until_s=9, created_s=-5)], 60),
        ([override(60, until_s=9, created_s=-5), override(70, until_s=9, created_s=-9)], 60),
        ([override(60, until_s=0, created_s=-5), override(70, until_s=9, created_s=-9)], 70),
        ([override(None, until_s=1)], None),
    ],
)
def test_an_override_holds_until_its_moment_and_the_last_one_wins(overrides: list[LimitOverride], most: int | None):
    found = in_force(row(), overrides, NOW)

    assert most == found.max_ai_calls_per_day
    assert FREE.max_tokens_per_request == found.max_tokens_per_request


def test_a_limit_is_nearly_used_up_from_eighty_percent_on():
    assert [False, True, True] == [is_nearly_used_up(used, 50) for used in (39, 40, 51)]
    assert is_nearly_used_up(0, 0)


def test_a_count_is_what_is_wanted_of_its_counter():
    assert (Quota("max_r2_operations_per_day", "day", 20, 3),) == judge(FREE, Act(operation="r2_get", count=3))
