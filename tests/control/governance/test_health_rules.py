"""What is said of an agent's health follows from what was found of it, check after check."""

import dataclasses
import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from monoize.control.governance.model.escalations import Failures, too_many
from monoize.control.governance.model.health import (
    FAILURES_MOST,
    STALE_AFTER,
    AgentHealth,
    Finding,
    Verdict,
    as_seen,
    examined,
    has_broken_down,
)

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
VERDICTS: list[Verdict] = ["ok", "warning", "failed"]
checks = st.lists(st.sampled_from(VERDICTS), min_size=1, max_size=4)


def after(*runs: list[Verdict]) -> list[AgentHealth]:
    health: AgentHealth | None = None
    found: list[AgentHealth] = []
    for verdicts in runs:
        findings = [Finding("something", verdict, "why") for verdict in verdicts]
        health = examined(health, "a", findings, NOW)
        found.append(health)
    return found


@given(st.lists(checks, min_size=1, max_size=12))
def test_an_agent_is_unhealthy_exactly_while_enough_checks_in_a_row_have_failed(runs: list[list[Verdict]]):
    for number, health in enumerate(after(*runs), start=1):
        recent = runs[max(0, number - FAILURES_MOST) : number]
        have_failed = len(recent) == FAILURES_MOST and all("failed" in verdicts for verdicts in recent)
        assert have_failed == (health.state == "unhealthy")
        assert ("failed" in runs[number - 1]) == (health.last_error is not None)
        assert ({"ok"} == set(runs[number - 1])) == (health.state == "healthy")


@given(st.lists(checks, min_size=1, max_size=12))
def test_it_breaks_down_once_until_a_check_goes_well(runs: list[list[Verdict]]):
    has_broken = False
    for health in after(*runs):
        assert not (has_broken and has_broken_down(health))
        has_broken = (has_broken or has_broken_down(health)) and health.failures > 0


def test_what_nobody_has_looked_at_for_a_while_is_unknown():
    (health,) = after(["ok"])

    assert "healthy" == as_seen(health, NOW + STALE_AFTER).state
    assert "unknown" == as_seen(health, NOW + STALE_AFTER + dt.timedelta(seconds=1)).state


def test_no_secret_is_in_what_is_said_and_it_is_not_long():
    secret = "sk-0123456789abcdef"
    found = [Finding("upstream", "failed", f"{secret} was refused" + "x" * 1000)]

    health = examined(None, "a", found, NOW)

    assert secret not in str(dataclasses.asdict(health))
    assert 500 == len(health.last_error or "")


def test_too_many_is_told_of_what_is_alike_only():
    found = [
        *(Failures("a", "error", "timeout", count) for count in (2, 3)),
        Failures("b", "error", "timeout", 4),
        Failures("a", "tool", "timeout", 3),
        Failures("a", "tool", "other", 2),
        Failures("a", "model", "m", 5),
    ]

    assert {("a", "error", "timeout", 5), ("a", "tool", "timeout", 3), ("a", "model", "m", 5)} == {
        dataclasses.astuple(each) for each in too_many(found)
    }
