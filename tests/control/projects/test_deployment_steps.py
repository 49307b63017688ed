"""The machine of a deployment: whatever happens to it, it ends, and what serves is never taken away too early."""

import dataclasses
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.control.projects.model import deployments
from monoize.control.projects.model.deployments import FINAL, FOLLOWS, Deployment, Soak, Step

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
OPEN = [status for status in FOLLOWS if status not in FINAL]
FORWARD = ["pending", "pulling", "starting", "probing", "switching", "draining", "retiring", "live"]


def deployment(**values) -> Deployment:
    made = {
        **{field.name: None for field in dataclasses.fields(Deployment)},
        "id": 1,
        "project_id": 1,
        "service_id": 1,
        "kind": "deploy",
        "status": "pending",
        "image": "app:1",
        "previous_release_id": 7,
        "cancel_requested": False,
        "waits": False,
        "takeovers": 0,
        "attempts": 0,
        "deadline_at": NOW + deployments.DEADLINE,
        "created_at": NOW,
    }
    return Deployment(**{**made, **values})


def test_without_trouble_it_goes_through_every_state_in_order():
    walked, now = [], deployment()
    while not now.is_over:
        walked.append(now.status)
        (step, follower) = (deployments.next_step(now, NOW), FORWARD[FORWARD.index(now.status) + 1])
        assert step not in (Step.UNDO, Step.REST, Step.ABANDON, Step.FINISH)
        now = dataclasses.replace(now, status=deployments.moved(now, follower))
    assert [*walked, now.status] == FORWARD
    assert deployments.next_step(now, NOW) is Step.REST


@pytest.mark.parametrize("status", FOLLOWS)
def test_a_state_that_does_not_follow_is_never_entered(status):
    for to in FOLLOWS:
        if to not in FOLLOWS[status]:
            with pytest.raises(AssertionError):
                deployments.moved(deployment(status=status), to)


@given(
    events=st.lists(st.sampled_from(["done", "broken", "cancel", "died", "away", "late"]), max_size=60),
    has_previous=st.booleans(),
)
def test_whatever_happens_it_ends_and_old_releases_are_retired_only_by_a_release_that_serves(events, has_previous):
    now, one = NOW, deployment(previous_release_id=7 if has_previous else None)
    removed_old = has_served = False
    for event in [*events, *["late", "done"] * 20]:
        step = deployments.next_step(one, now)
        if step is Step.REST:
            break
        if failure := deployments.interruption(one, now):
            one = dataclasses.replace(one, outcome=deployments.outcome_of(one), error_code=failure.code)
            continue
        match event:
            case "cancel" if deployments.may_cancel(one):
                one = dataclasses.replace(one, cancel_requested=True)
            case "died":
                one = dataclasses.replace(one, takeovers=one.takeovers + 1)
            case "late":
                now += dt.timedelta(minutes=25)
            case "broken" if one.outcome is None and one.status != "retiring":
                one = dataclasses.replace(one, outcome=deployments.outcome_of(one))
            case "done" if step in (Step.UNDO, Step.ABANDON):
                one = dataclasses.replace(one, status=deployments.moved(one, one.outcome))
            case "done":
                removed_old = removed_old or step is Step.RETIRE
                follower = FORWARD[FORWARD.index(one.status) + 1]
                has_served = has_served or follower == "draining"
                one = dataclasses.replace(one, status=deployments.moved(one, follower))
        assert not removed_old or (has_served and one.outcome is None)
    assert one.is_over
    assert one.status != "rolled_back" or (has_previous and has_served)


@pytest.mark.parametrize("status", OPEN)
def test_cancelling_works_until_the_old_release_is_being_retired(status):
    one = deployment(status=status, cancel_requested=True)
    assert (status != "retiring") == deployments.may_cancel(one)
    assert (status != "retiring") == (deployments.interruption(one, NOW) is not None)


def test_the_clock_alone_never_takes_back_what_serves():
    late = NOW + deployments.DEADLINE
    for status in ("draining", "retiring"):
        assert deployments.interruption(deployment(status=status), late) is None
    assert deployments.next_step(deployment(status="retiring"), late) is Step.FINISH
    for status in ("pending", "pulling", "starting", "probing", "switching"):
        failure = deployments.interruption(deployment(status=status), late)
        assert failure is not None and failure.code == "deadline"


def test_a_deployment_that_workers_die_of_is_given_up():
    worn = deployment(status="starting", takeovers=deployments.TAKEOVERS_MOST + 1)
    failure = deployments.interruption(worn, NOW)
    assert failure is not None and failure.code == "interrupted"


def test_cleaning_up_has_an_end_as_well():
    broken = deployment(status="probing", outcome="failed")
    late = NOW + deployments.DEADLINE + deployments.UNDOING_FOR
    assert deployments.next_step(broken, NOW + deployments.DEADLINE) is Step.UNDO
    assert deployments.next_step(broken, late) is Step.ABANDON


def test_pauses_grow_and_are_bounded():
    pauses = [deployments.pause_after(attempts) for attempts in range(50)]
    assert pauses == sorted(pauses)
    assert (deployments.PAUSE_LEAST, deployments.PAUSE_MOST) == (pauses[0], pauses[-1])


def test_a_release_is_taken_back_after_failures_in_a_row_and_kept_once_it_is_well_after_its_window():
    until = NOW + dt.timedelta(seconds=10)
    well, ill = deployments.seen(Soak(), healthy=True), Soak()
    for _ in range(deployments.SOAK_FAILURES_MOST):
        assert deployments.judged(ill, NOW, until) == "wait"
        ill = deployments.seen(ill, healthy=False)
    assert deployments.judged(ill, NOW, until) == "go_back"
    assert deployments.judged(well, NOW, until) == "wait"
    assert deployments.judged(well, until, until) == "keep"
    assert deployments.judged(deployments.seen(well, healthy=False), until, until) == "wait"
