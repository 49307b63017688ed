"""What an account's answer is understood as, how it ages, and when hosts are warned or stopped."""

import dataclasses
import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.control.fleet.model.quota import (
    AccountUsage,
    Baseline,
    Known,
    LimitWindow,
    Policy,
    Reading,
    Snapshot,
    gate,
    reading_of,
    standing_of,
)

NOON = dt.datetime(2026, 11, 18, 12, tzinfo=dt.UTC)
MIDNIGHT = NOON.replace(hour=0)
FIVE_HOURS, WEEK = 18_000, 604_800
ANSWER: dict[str, Any] = {
    "plan_type": "pro",
    "rate_limit": {
        "allowed": True,
        "limit_reached": False,
        "primary_window": {
            "used_percent": 40,
            "limit_window_seconds": FIVE_HOURS,
            "reset_after_seconds": 9_000,
            "reset_at": 1_795_003_200,
        },
        "secondary_window": {
            "used_percent": 30,
            "limit_window_seconds": WEEK,
            "reset_after_seconds": 302_400,
            "reset_at": 1_795_300_000,
        },
    },
    "credits": {
        "has_credits": False,
        "unlimited": False,
        "balance": "0",
        "approx_local_messages": [10, 20],
        "approx_cloud_messages": [3, 4],
    },
}


def taken(reading: Reading | None, at: dt.datetime = NOON, **fields: Any) -> Snapshot:
    return Snapshot(fetched_at=at, next_eligible_at=at + dt.timedelta(minutes=5), reading=reading, **fields)


def usage_of(known: Known, now: dt.datetime = NOON) -> AccountUsage:
    usage = standing_of(Policy(), known, now).chatgpt_usage
    assert usage is not None
    return usage


def using(*, primary: int = 0, secondary: int = 0, **fields: Any) -> Reading:
    return Reading(
        primary=LimitWindow(primary, FIVE_HOURS, 9_000),
        secondary=LimitWindow(secondary, WEEK, 302_400),
        **fields,
    )


def gated(reading: Reading, policy: Policy, *, at_midnight: int | None = None) -> tuple[str, tuple[str, ...]]:
    snapshot = taken(reading)
    usage = usage_of(Known(snapshot, snapshot, Baseline(MIDNIGHT, at_midnight)))
    return gate(policy, usage)


def test_every_field_of_the_answer_is_found_where_it_is():
    reading = reading_of(ANSWER)

    assert "pro" == reading.plan_type
    assert (True, False) == (reading.rate_allowed, reading.rate_limit_reached)
    reset_at = dt.datetime.fromtimestamp(1_795_003_200, dt.UTC)
    assert LimitWindow(40, FIVE_HOURS, 9_000, reset_at) == reading.primary
    assert 30 == reading.secondary.used_percent
    assert (False, False, "0") == (reading.has_credits, reading.unlimited, reading.credit_balance)
    assert ("[10, 20]", "[3, 4]") == (reading.approx_local_messages, reading.approx_cloud_messages)


@pytest.mark.parametrize(
    ("told", "understood"),
    [(0, 0), (12, 12), (12.0, 12), (12.9, 12), (-1, None), (True, None), ("12", None), (None, None), ([], None)],
)
def test_a_number_that_is_none_is_unknown(told: object, understood: int | None):
    body = {"rate_limit": {"primary_window": {"used_percent": told}}}

    assert understood == reading_of(body).primary.used_percent


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def mangled(value: Any) -> st.SearchStrategy[Any]:
    """The answer with any part of it replaced by anything."""
    if not isinstance(value, dict):
        return JSON
    return JSON | st.fixed_dictionaries({}, optional={name: mangled(part) for name, part in value.items()})


@given(mangled(ANSWER), st.integers(-(10**6), 10**9))
def test_no_answer_is_too_strange_to_be_read_and_judged(body: Any, later_s: int):
    reading = reading_of(body) if isinstance(body, dict) else Reading()
    snapshot = taken(reading)

    standing = standing_of(
        Policy(week_partition=7),
        Known(snapshot, snapshot, Baseline(MIDNIGHT, reading.secondary.used_percent)),
        NOON + dt.timedelta(seconds=later_s),
    )

    assert standing.quota_verdict in ("ok", "warn", "refuse")


def test_a_window_ages_with_its_snapshot_and_begins_anew_when_it_is_over():
    snapshot = taken(using(primary=90, secondary=80))
    known = Known(snapshot, snapshot)

    later = usage_of(known, NOON + dt.timedelta(seconds=8_000))
    over = usage_of(known, NOON + dt.timedelta(seconds=9_001))

    assert later.primary_window is not None
    assert (90, 1_000) == (later.primary_window.used_percent, later.primary_window.reset_after_seconds)
    assert over.primary_window is not None
    assert over.secondary_window is not None
    assert (0, 0) == (over.primary_window.used_percent, over.primary_window.reset_after_seconds)
    assert 80 == over.secondary_window.used_percent


def test_a_window_is_projected_to_its_end_at_the_pace_so_far():
    assert 80 == LimitWindow(40, FIVE_HOURS, 9_000).projected_percent
    assert 41 == LimitWindow(40, FIVE_HOURS, 500).projected_percent
    assert LimitWindow(40, FIVE_HOURS, FIVE_HOURS - 100).projected_percent is None
    assert LimitWindow(None, FIVE_HOURS, 9_000).projected_percent is None
    assert LimitWindow(40).projected_percent is None


@given(st.integers(0, 100), st.integers(1, WEEK), st.integers(0, WEEK))
def test_a_projection_is_never_below_what_is_used_already(used: int, whole: int, left: int):
    projected = LimitWindow(used, whole, min(left, whole)).projected_percent

    assert projected is None or projected >= used


def test_what_a_day_took_is_the_difference_to_its_beginning():
    snapshot = taken(using(secondary=30))

    usage = usage_of(Known(snapshot, snapshot, Baseline(MIDNIGHT, 18)))

    assert (12, 24, MIDNIGHT) == (usage.daily_used_percent, usage.daily_projected_percent, usage.daily_baseline_at)


def test_a_day_in_which_the_week_began_anew_took_what_is_used_since():
    snapshot = taken(using(secondary=5))

    assert 5 == usage_of(Known(snapshot, snapshot, Baseline(MIDNIGHT, 90))).daily_used_percent


def test_an_attempt_that_failed_is_told_beside_the_figures_of_the_last_one_that_worked():
    working = taken(using(primary=40), NOON - dt.timedelta(minutes=10))
    failed = taken(None, error="http_502")

    usage = usage_of(Known(failed, working))

    assert ("error", "http_502", working.fetched_at) == (usage.status, usage.error, usage.fetched_at)
    assert usage.primary_window is not None
    assert 40 == usage.primary_window.used_percent
    assert usage_of(Known(failed)).primary_window is None


@pytest.mark.parametrize(
    ("days", "limit", "allowance"),
    [(7, 100, 14), (7, 95, 14), (7, 90, 13), (5, 100, 20), (5, 95, 19), (5, 90, 18), (0, 100, None)],
)
def test_a_day_may_take_its_rounded_share_of_the_week(days: int, limit: int, allowance: int | None):
    assert allowance == Policy(limit_percent=limit, week_partition=days).daily_allowance


@pytest.mark.parametrize(
    ("reading", "policy", "at_midnight", "verdict", "reasons"),
    [
        (using(), Policy(), None, "ok", ()),
        (using(primary=89, secondary=89), Policy(), None, "ok", ()),
        (using(primary=90), Policy(), None, "warn", ("five_hours",)),
        (using(primary=99, secondary=90), Policy(), None, "warn", ("five_hours", "week")),
        (using(primary=100), Policy(), None, "refuse", ("five_hours",)),
        (using(secondary=100), Policy(), None, "refuse", ("week",)),
        (using(secondary=100), Policy(hard_fail=False), None, "warn", ("week",)),
        (using(primary=80, secondary=79), Policy(limit_percent=80), None, "refuse", ("five_hours",)),
        (using(primary=49), Policy(limit_percent=10), None, "warn", ("five_hours",)),
        (using(primary=50), Policy(limit_percent=10), None, "refuse", ("five_hours",)),
        (using(secondary=30), Policy(week_partition=7), 17, "warn", ("day",)),
        (using(secondary=30), Policy(week_partition=7), 16, "refuse", ("day",)),
        (using(secondary=30), Policy(week_partition=7), 20, "ok", ()),
        (using(secondary=30), Policy(week_partition=0), 0, "ok", ()),
        (using(secondary=30), Policy(week_partition=7), None, "ok", ()),
        (using(rate_limit_reached=True), Policy(), None, "refuse", ("limit_reached",)),
        (Reading(), Policy(week_partition=5), 0, "ok", ()),
    ],
)
def test_a_pool_warns_near_its_limit_and_refuses_at_it(
    reading: Reading, policy: Policy, at_midnight: int | None, verdict: str, reasons: tuple[str, ...]
):
    assert (verdict, reasons) == gated(reading, policy, at_midnight=at_midnight)


def test_a_limit_that_was_reached_in_a_window_that_is_over_stops_nobody():
    snapshot = taken(using(primary=100, rate_limit_reached=True))
    known = Known(snapshot, snapshot)

    assert "refuse" == standing_of(Policy(), known, NOON).quota_verdict
    assert "ok" == standing_of(Policy(), known, NOON + dt.timedelta(hours=3)).quota_verdict


def test_what_was_never_asked_stops_nobody():
    standing = standing_of(Policy(week_partition=7), Known(), NOON)

    assert (None, "ok") == (standing.chatgpt_usage, standing.quota_verdict)


def test_a_very_important_host_is_warned_and_never_refused():
    snapshot = taken(using(primary=100))
    refused = standing_of(Policy(), Known(snapshot, snapshot), NOON)

    vip = refused.for_vip()

    assert ("warn", False, ("five_hours",)) == (vip.quota_verdict, vip.quota_hard_fail, vip.quota_reasons)
    calm = dataclasses.replace(refused, quota_verdict="ok")
    assert "ok" == calm.for_vip().quota_verdict
