"""What is wanted against what runs: every row of the table, decided without an engine."""

import dataclasses
import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.control.projects.model.config import Port, Restart, ServiceConfig
from monoize.control.projects.model.instances import Instance, InstanceState, instance_of
from monoize.control.projects.model.reconcile import Lead, Recreate, Remove, Serving, Start, Stop, compare
from monoize.control.projects.model.routes import Member, members
from monoize.control.projects.model.services import Crashes, Service, crashed, health_after

NOW = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
CONFIG = ServiceConfig(image="app:1", ports=(Port(80),), stop_grace_s=3)
SERVICE = Service(
    id=1,
    project_id=1,
    project_name="shop",
    name="web",
    description=None,
    config=CONFIG,
    env={},
    registry_id=None,
    environment_id=None,
    release_id=7,
    desired_state="running",
    observed_state="unknown",
    observed_at=None,
    state_reason=None,
    drifted=False,
    last_exit_code=None,
    restart_count=0,
    restart_window_at=None,
    crash_looping=False,
    health_status="unknown",
    health_detail=None,
    health_failures=0,
    last_probe_at=None,
    deleting_at=None,
    created_at=NOW,
    updated_at=NOW,
)


LED = [Member(80, "127.0.0.1", 20_000)]


def container(state: InstanceState, **changes: Any) -> Instance:
    one = Instance("c1", "web", 1, 1, 7, 0, "hash", None, state, None, {80: 20_000}, None, NOW)
    return dataclasses.replace(one, **changes)


def decide(service: Service, *instances: Instance, restart: Restart = "unless-stopped", busy: bool = False) -> Any:
    serving = Serving(7, "hash", dataclasses.replace(CONFIG, restart=restart))
    led = {1: LED}
    found = compare(
        [service], {1: serving} if service.release_id else {}, {1} if busy else set(), led, list(instances)
    )
    return list(found.acts), found.observed[1], found.orphans


def test_what_runs_as_it_should_is_left_alone():
    acts, seen, _ = decide(SERVICE, container("running"))

    assert ([], "running", None, False) == (acts, seen.state, seen.reason, seen.drifted)


@pytest.mark.parametrize(
    ("state", "restart", "code", "starts"),
    [
        ("created", "no", None, True),
        ("exited", "unless-stopped", 0, True),
        ("exited", "unless-stopped", 1, True),
        ("exited", "on-failure", 1, True),
        ("exited", "on-failure", 0, False),
        ("exited", "no", 1, False),
        ("dead", "unless-stopped", None, True),
        ("restarting", "unless-stopped", 1, False),
        ("paused", "unless-stopped", None, False),
        ("unknown", "unless-stopped", None, False),
    ],
)
def test_what_stands_still_is_started_unless_it_is_done(
    state: InstanceState, restart: Restart, code: int | None, starts: bool
):
    acts, seen, _ = decide(SERVICE, container(state, exit_code=code), restart=restart)

    assert ([Start(1, 7, ["c1"])] if starts else []) == acts
    assert seen.state != "running"


def test_what_is_missing_is_made_again():
    assert [Recreate(1, 7)] == decide(SERVICE)[0]


@pytest.mark.parametrize("state", ["running", "restarting", "paused"])
def test_what_is_not_wanted_is_stopped_with_its_grace(state: InstanceState):
    for unwanted in (
        dataclasses.replace(SERVICE, desired_state="stopped"),
        dataclasses.replace(SERVICE, crash_looping=True),
    ):
        assert [Stop(1, ["c1"], 3)] == decide(unwanted, container(state))[0]


def test_a_container_that_is_not_as_its_release_says_is_reported_and_left_alone():
    acts, seen, _ = decide(SERVICE, container("running", config_hash="other"))

    assert ([], True) == (acts, seen.drifted)


@pytest.mark.parametrize("state", ["running", "restarting", "paused"])
def test_requests_are_led_to_who_runs(state: InstanceState):
    elsewhere = container(state, ports={80: 20_001})

    assert [Lead(1, [Member(80, "127.0.0.1", 20_001)])] == decide(SERVICE, elsewhere)[0]
    assert [] == decide(SERVICE, elsewhere, busy=True)[0]
    assert [] == decide(SERVICE, container(state))[0]


def test_leftovers_of_other_releases_and_tasks_are_removed():
    old = container("running", container_id="old", release_id=6)
    task = container("exited", container_id="task", task="hook-1")

    assert [Remove(1, ["old", "task"])] == decide(SERVICE, container("running"), old, task)[0]


def test_a_service_with_a_deployment_under_way_or_being_deleted_is_left_alone():
    old = container("exited", container_id="old", release_id=6)

    assert [] == decide(SERVICE, old, busy=True)[0]
    assert [] == decide(dataclasses.replace(SERVICE, deleting_at=NOW), old)[0]


def test_what_belongs_to_no_service_is_an_orphan_and_touched_by_nobody():
    orphan = container("running", service_id=99)

    acts, _, orphans = decide(SERVICE, container("running"), orphan)

    assert ([], [orphan]) == (acts, orphans)


def test_a_service_that_was_never_live_has_nothing_to_start():
    acts, seen, _ = decide(dataclasses.replace(SERVICE, release_id=None))

    assert ([], "missing") == (acts, seen.state)


states = st.sampled_from(["created", "running", "paused", "restarting", "exited", "dead", "removing", "unknown"])
containers = st.lists(
    st.builds(
        container,
        states,
        container_id=st.text("abc", min_size=3, max_size=6),
        service_id=st.sampled_from([1, 2, None]),
        release_id=st.sampled_from([6, 7, None]),
        replica=st.sampled_from([0, 1, None]),
        task=st.sampled_from([None, "hook"]),
    ),
    max_size=6,
    unique_by=lambda one: one.container_id,
)


@given(containers, st.sampled_from(["running", "stopped"]), st.booleans(), st.booleans())
def test_nobody_elses_container_is_ever_acted_on(found: list[Instance], desired: Any, looping: bool, busy: bool):
    service = dataclasses.replace(SERVICE, desired_state=desired, crash_looping=looping)
    acts, _, orphans = decide(service, *found, busy=busy)

    mine = {one.container_id for one in found if one.service_id == 1}
    touched = {id for act in acts if not isinstance(act, Recreate) for id in act.container_ids}
    assert touched <= mine
    assert not touched & {one.container_id for one in orphans}
    assert not (busy and acts)


def test_five_crashes_within_ten_minutes_are_a_loop_and_a_clean_end_is_none():
    crashes = Crashes(0, None, is_loop=False)
    for minute in range(5):
        assert not crashes.is_loop
        crashes = crashed(crashes, 0, NOW)
        crashes = crashed(crashes, 1, NOW + dt.timedelta(minutes=minute))
    assert Crashes(5, NOW, is_loop=True) == crashes


def test_a_service_that_crashes_now_and_then_is_no_loop():
    crashes = Crashes(0, None, is_loop=False)
    for crash in range(50):
        crashes = crashed(crashes, 1, NOW + crash * dt.timedelta(minutes=3))
        assert not crashes.is_loop


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 3_600)), max_size=40))
def test_a_loop_has_five_crashes_within_its_window(exits: list[tuple[int, int]]):
    crashes, at = Crashes(0, None, is_loop=False), NOW
    for code, after_s in exits:
        at += dt.timedelta(seconds=after_s)
        crashes = crashed(crashes, code, at)
        assert (crashes.count >= 5) == crashes.is_loop
        if crashes.is_loop:
            break


def test_one_failed_look_is_no_news_and_three_in_a_row_are():
    assert (None, 1) == health_after(0, ok=False)
    assert (None, 2) == health_after(1, ok=False)
    assert ("fail", 3) == health_after(2, ok=False)
    assert ("ok", 0) == health_after(9, ok=True)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {"Id": st.text(min_size=1, max_size=4)},
        optional={
            "Names": json_values,
            "Labels": json_values,
            "State": json_values,
            "Status": json_values,
            "NetworkSettings": json_values,
            "Created": st.none() | st.integers(0, 2**31) | st.text(max_size=3),
        },
    )
)
def test_whatever_an_engine_tells_of_a_container_can_be_read(told: dict[str, object]):
    assert str(told["Id"]) == instance_of(told).container_id


@pytest.mark.parametrize("state", ["running", "restarting", "exited", "created"])
def test_a_replica_that_was_started_answers_for_its_service_also_while_it_does_not_run(state: InstanceState):
    """Nothing is written to nginx when it runs again."""
    one = Instance("c1", "web", 1, 1, 7, 0, "hash", None, state, None, {80: 20_000}, None, NOW)

    assert [(80, 20_000)] == [(each.container_port, each.port) for each in members([one])]
