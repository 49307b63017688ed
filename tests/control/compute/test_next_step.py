"""What an operation does next: whatever its provider is like, it ends, with what was wanted or with a reason."""

import dataclasses
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.control.compute.errors import MachineState
from monoize.control.compute.model.machines import Power
from monoize.control.compute.model.next_step import (
    ENDED_ITSELF,
    VANISHED,
    Do,
    Finish,
    GiveUp,
    Next,
    Probe,
    Standing,
    Wait,
    next_step,
)
from monoize.control.compute.model.operations import (
    OperationInSteps,
    OperationKind,
    Step,
    StepName,
    check_wish,
    pause_s,
)
from monoize.control.compute.model.progress import Patience, cut_off, standing, state_after

KINDS: tuple[OperationKind, ...] = ("create", "start", "stop", "restart", "update", "destroy")
NOW = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


def at(kind: OperationKind, *done: StepName, power: Power, undoing: bool = False, settled: bool = True) -> Next:
    return next_step(Standing(kind, undoing, frozenset(done), settled), power)


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        (Do("create"), at("create", power="gone")),
        (Wait("boot"), at("create", "create", power="gone", settled=False)),
        (GiveUp(VANISHED), at("create", "create", power="gone")),
        (Wait("boot"), at("create", "create", power="changing")),
        (Wait("boot"), at("create", "create", power="unknown")),
        (Probe(), at("create", power="running")),
        (Do("start"), at("create", power="stopped")),
        (GiveUp(ENDED_ITSELF), at("create", "create", "start", power="stopped")),
        (Wait("boot"), at("create", "create", "start", power="stopped", settled=False)),
        (Finish(), at("create", "create", "health", power="running")),
        (Do("destroy"), at("create", "create", power="running", undoing=True)),
        (Do("start"), at("start", power="stopped")),
        (GiveUp(VANISHED), at("start", power="gone")),
        (Do("stop"), at("stop", power="running")),
        (Do("stop"), at("stop", power="changing")),
        (Wait("halt"), at("stop", "stop", power="running")),
        (Finish(), at("stop", power="stopped")),
        (GiveUp(VANISHED), at("stop", power="gone")),
        (Do("restart"), at("restart", power="running")),
        (Do("restart"), at("restart", power="stopped")),
        (Probe(), at("restart", "restart", power="running")),
        (Do("update"), at("update", power="gone")),
        (Do("update"), at("update", power="stopped")),
        (Do("destroy"), at("destroy", power="running")),
        (Do("destroy"), at("destroy", power="gone")),
        (Wait("vanish"), at("destroy", "destroy", power="running")),
        (Wait("vanish"), at("destroy", "destroy", power="unknown")),
        (Finish(), at("destroy", "destroy", power="gone")),
    ],
)
def test_each_case(expected: Next, found: Next) -> None:
    assert found == expected


@given(
    kind=st.sampled_from(KINDS),
    undoing=st.booleans(),
    done=st.frozensets(st.sampled_from(["create", "update", "start", "stop", "restart", "destroy", "health"])),
    settled=st.booleans(),
    power=st.sampled_from(["changing", "running", "stopped", "gone", "unknown"]),
)
def test_only_a_machine_that_is_gone_is_made_and_only_one_that_shall_go_is_destroyed(
    kind: OperationKind, undoing: bool, done: frozenset[StepName], settled: bool, power: Power
) -> None:
    following = next_step(Standing(kind, undoing, done, settled), power)
    if following == Do("create"):
        assert (kind, power, undoing) == ("create", "gone", False)
    if following == Do("destroy"):
        assert undoing or kind == "destroy"
    if isinstance(following, Finish):
        wanted = "gone" if undoing or kind == "destroy" else "stopped" if kind == "stop" else "running"
        assert power == wanted
    if following == GiveUp(VANISHED):
        assert power == "gone"
    if isinstance(following, Do):
        assert following.step not in done, "asked for twice"


@dataclasses.dataclass
class Provider:
    """Slow by so many looks, and whimsical in between."""

    power: Power
    lag: int
    left: int = 0

    def does(self, step: str) -> None:
        self.left = self.lag
        self.power = {"stop": "stopped", "destroy": "gone"}.get(step, "running")  # type: ignore[assignment]

    def look(self) -> Power:
        if self.left:
            self.left -= 1
            return "changing" if self.left % 2 else "unknown"
        return self.power


@given(
    kind=st.sampled_from(KINDS),
    power=st.sampled_from(["running", "stopped", "gone"]),
    lag=st.integers(0, 5),
    undoing=st.booleans(),
)
def test_it_ends_in_few_turns_with_what_was_wanted(
    kind: OperationKind, power: Power, lag: int, undoing: bool
) -> None:
    provider, done = Provider(power, lag), set[StepName]()
    for _ in range(40):
        match next_step(Standing(kind, undoing, frozenset(done), True), provider.look()):
            case Do(step):
                provider.does(step)
                done.add(step)
            case Probe():
                done.add("health")
            case Finish():
                wanted = "gone" if undoing or kind == "destroy" else "stopped" if kind == "stop" else "running"
                assert provider.power == wanted
                return
            case GiveUp(because):
                assert because == VANISHED and power == "gone"
                return
    raise AssertionError("it goes on and on")


def step(name: StepName, state: str, ended: dt.datetime | None = None) -> Step:
    return Step(name, state, None, None, NOW, ended)  # type: ignore[arg-type]


def test_a_creation_that_was_cut_off_was_made_if_the_machine_is_there() -> None:
    steps = [step("create", "running")]
    assert [cut.state for cut in cut_off(steps, "changing")] == ["done"]
    assert [cut.state for cut in cut_off(steps, "gone")] == ["failed"]


def test_other_calls_that_were_cut_off_are_made_again_and_waiting_goes_on() -> None:
    steps = [step("restart", "running"), step("boot", "running"), step("health", "running")]
    assert [(cut.position, cut.state) for cut in cut_off(steps, "running")] == [(0, "failed")]


def operation(kind: OperationKind, *steps: Step) -> OperationInSteps:
    return OperationInSteps(
        id="o",
        kind=kind,
        vps_id="m",
        agent_id=None,
        user_id="u",
        state="running",
        requested_by="user:alice",
        undoing=False,
        attempt=0,
        error=None,
        deadline=NOW,
        created_at=NOW,
        started_at=NOW,
        ended_at=None,
        steps=steps,
    )


@pytest.mark.parametrize(
    ("expected", "kind", "is_stale", "can_update", "done"),
    [
        ("update", "start", True, True, ()),
        ("update", "restart", True, True, ()),
        ("start", "start", True, False, ()),
        ("restart", "restart", True, False, ()),
        ("start", "update", True, False, ()),
        ("start", "start", False, True, ()),
        ("update", "restart", False, True, ("update",)),
    ],
)
def test_what_comes_up_gets_the_latest_environment_where_that_can_be(
    expected: str, kind: OperationKind, is_stale: bool, can_update: bool, done: tuple[StepName, ...]
) -> None:
    taken = operation(kind, *(step(name, "done", NOW) for name in done))
    found = standing(taken, NOW, is_stale=is_stale, can_update=can_update, patience=Patience())
    assert found.kind == expected


def test_a_failed_health_check_counts_as_one_that_was_made() -> None:
    taken = operation("create", step("create", "done", NOW), step("health", "failed", NOW))
    found = standing(taken, NOW, is_stale=False, can_update=True, patience=Patience())
    assert next_step(found, "running") == Finish()


def test_what_is_known_of_a_machine_follows_what_was_seen() -> None:
    assert state_after("provisioning", "running") == "running"
    assert state_after("provisioning", "stopped") == "provisioning"
    assert state_after("running", "stopped") == "stopped"
    for power in ("changing", "gone", "unknown"):
        assert state_after("running", power) == "running"  # type: ignore[arg-type]
    assert state_after("destroyed", "running") == "destroyed"


def test_a_destroyed_machine_can_only_be_destroyed() -> None:
    for kind in KINDS:
        if kind == "destroy":
            check_wish(kind, "destroyed")
            continue
        with pytest.raises(MachineState):
            check_wish(kind, "destroyed")


@given(attempt=st.integers(0, 10_000), asked_s=st.none() | st.floats(0, 1e9))
def test_pauses_grow_and_end_somewhere(attempt: int, asked_s: float | None) -> None:
    assert 1 <= pause_s(attempt, asked_s) <= 600
    assert pause_s(attempt) <= pause_s(attempt + 1)
