"""What is wanted beside what there is: differences are seen to once, silence is never taken for absence."""

import datetime as dt
import time
from collections.abc import Sequence

import pytest
from fakes.cloud import ADDRESS, Cloud, Moment, Rented, Verb
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, insert, select
from support.house import RunningHouse
from support.site import Site, make_site

from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.control.compute.actions.monitoring import Monitor
from monoize.control.compute.actions.reconciling import KEEPS_STOPPING, Reconciler
from monoize.control.compute.drivers.registry import Drivers
from monoize.control.compute.model.machines import Observed, ProviderAway, Reading, machine_name
from monoize.control.compute.model.next_step import VANISHED
from monoize.control.compute.model.reconcile import REPAIRS_MOST, YOUNG, Row, compare
from monoize.control.compute.store import operations
from monoize.control.compute.tables import compute_operations, vps_usage_periods, vpses
from monoize.infra.bulk import insert_many

NOW = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
MANY = 1_000
MANY_MOST_S = 2.0


def row(
    id: str = "m", desired: str = "running", state: str = "running", observed: str = "running", **more: object
) -> Row:
    values = {
        "id": id,
        "desired": desired,
        "state": state,
        "provider_vm_id": f"at {id}",
        "observed": observed,
        "address": ADDRESS,
        "has_open_operation": False,
        "moved_at": None,
        "repairs": 0,
    }
    return Row(**{**values, **more})  # type: ignore[arg-type]


def there(id: str | None = "m", power: str = "running", provider_id: str | None = None) -> Observed:
    known = provider_id or f"at {id}"
    return Observed(known, machine_name(id or "?"), power, power, id, ADDRESS)  # type: ignore[arg-type]


def repairs(rows: Sequence[Row], found: Sequence[Observed]) -> list[str]:
    return [repair.kind for repair in compare("cloud", rows, found, NOW).repairs]


@pytest.mark.parametrize(
    ("expected", "rows", "found"),
    [
        ([], [row()], [there()]),
        (["start"], [row()], [there(power="stopped")]),
        ([], [row()], [there(power="changing")]),
        ([], [row()], [there(power="unknown")]),
        (["start"], [row()], []),
        (["stop"], [row(desired="stopped", state="stopped")], [there()]),
        (["stop"], [row(desired="stopped", state="stopped")], []),
        (["destroy"], [row(desired="destroyed")], [there()]),
        (["destroy"], [row(desired="destroyed")], []),
        (["destroy"], [row(desired="destroyed", state="destroyed")], [there()]),
        ([], [row(desired="destroyed", state="destroyed")], []),
        (["create"], [row(state="provisioning")], []),
        ([], [row(has_open_operation=True)], []),
        ([], [row(moved_at=NOW - YOUNG / 2)], []),
        ([], [row(repairs=REPAIRS_MOST)], [there(power="stopped")]),
        (["destroy"], [row(desired="destroyed", repairs=REPAIRS_MOST)], [there()]),
    ],
)
def test_each_difference_and_what_is_done_about_it(
    expected: list[str], rows: list[Row], found: list[Observed]
) -> None:
    assert repairs(rows, found) == expected


def test_machines_without_a_row_are_told_of_and_nothing_is_done_to_them() -> None:
    findings = compare("cloud", [], [there("stranger"), there(None, provider_id="no id")], NOW)
    assert [orphan.provider_id for orphan in findings.orphans] == ["at stranger", "no id"]
    assert not findings.repairs


def test_of_two_with_one_name_the_one_whose_id_is_stored_is_the_machine() -> None:
    findings = compare("cloud", [row()], [there(provider_id="another"), there()], NOW)
    assert [orphan.provider_id for orphan in findings.orphans] == ["another"]
    assert not findings.moved and not findings.repairs


def test_only_what_is_news_is_written() -> None:
    same = compare("cloud", [row()], [there()], NOW)
    assert not same.moved and not same.turned
    assert compare("cloud", [row(observed="unknown")], [there()], NOW).turned == {"running": ["m"]}
    assert compare("cloud", [row(provider_vm_id=None)], [there()], NOW).moved
    # Some providers list without saying everything.
    assert not compare("cloud", [row()], [Observed("", machine_name("m"), "running", "", "m")], NOW).moved


@given(
    wanted=st.lists(st.sampled_from(["running", "stopped", "destroyed"]), max_size=6),
    powers=st.lists(st.sampled_from(["running", "stopped", "changing", "unknown"]), max_size=8),
)
def test_nothing_is_destroyed_that_is_not_wanted_gone(wanted: list[str], powers: list[str]) -> None:
    rows = [row(str(index), desired) for index, desired in enumerate(wanted)]
    found = [there(str(index), power) for index, power in enumerate(powers)]
    findings = compare("cloud", rows, found, NOW)
    assert all(rows[int(each.vps_id)].desired == "destroyed" for each in findings.repairs if each.kind == "destroy")
    assert len(findings.orphans) == max(0, len(powers) - len(wanted))
    assert len({repair.vps_id for repair in findings.repairs}) == len(findings.repairs)


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
async def site(house_everywhere: RunningHouse, cloud: Cloud) -> Site:
    return await make_site(house_everywhere.house, cloud)


@pytest.fixture
async def here(house: RunningHouse, cloud: Cloud) -> Site:
    """Where the engine does not matter."""
    return await make_site(house.house, cloud)


def reconciler(site: Site) -> Reconciler:
    return Reconciler(site.house, site.drivers)


async def carry_out_all(site: Site) -> None:
    now = utc_now() + dt.timedelta(seconds=1)
    async with site.house.database.read() as tx:
        due = await operations.due(tx, now, most=100)
        begun = [await operations.get(tx, id) for id, _ in due]
    for operation in begun:
        await site.carry_out(operation)


async def test_differences_are_brought_into_line_by_operations(site: Site) -> None:
    fine, fell, rose, lives_on = [await site.made() for _ in range(4)]
    of = {machine.machine_id: machine for machine in site.cloud.machines.values()}
    of[fell.id].power = "stopped"
    await site.carry_out(await site.begin("stop", rose.id))
    await site.carry_out(await site.begin("destroy", lives_on.id))
    of[rose.id].power = "running"
    late = Rented(new_id(), lives_on.id)
    site.cloud.machines[late.provider_id] = late
    # As if all this had happened a while ago.
    async with site.house.database.write() as tx:
        await tx.execute(compute_operations.update().values(ended_at=utc_now() - 2 * YOUNG))

    await reconciler(site).reconcile(site.cloud)
    await carry_out_all(site)
    assert await site.operations_of(fine.id) == []
    assert (await site.operations_of(fell.id))[-1] == ("start", "done")
    assert (await site.operations_of(rose.id))[-1] == ("stop", "done")
    assert (await site.operations_of(lives_on.id))[-1] == ("destroy", "done")
    assert sorted(machine.power for machine in site.cloud.machines.values()) == ["running", "running", "stopped"]


async def test_a_machine_that_is_missing_is_asked_for_by_name_before_it_is_called_gone(here: Site) -> None:
    machine = await here.made()
    here.cloud.machines.clear()
    await reconciler(here).reconcile(here.cloud)
    assert (await here.stored(machine.id)).state == "running", "a list that lacks it proves nothing"
    await carry_out_all(here)
    left = await here.stored(machine.id)
    assert (left.state, left.error) == ("destroyed", VANISHED)


async def test_a_provider_that_does_not_answer_makes_machines_unknown_and_nothing_else(here: Site) -> None:
    machine = await here.made()

    def away(verb: Verb, when: Moment) -> None:
        raise ProviderAway("cloud", "HTTP 503")

    here.cloud.trouble = away
    looking = reconciler(here)
    for _ in range(2):
        await looking.reconcile(here.cloud)
    assert {"cloud": 2} == looking.unanswered
    found = await here.stored(machine.id)
    assert (found.state, found.desired, found.observed) == ("running", "running", "unknown")
    assert await here.operations_of(machine.id) == []
    orphans = await looking.orphans()
    assert [unanswered.provider for unanswered in orphans.unanswered] == ["cloud"]
    here.cloud.trouble = Cloud().trouble
    await looking.reconcile(here.cloud)
    assert {"cloud": 0} == looking.unanswered


async def test_what_keeps_stopping_is_started_a_few_times_and_then_left_to_people(here: Site) -> None:
    machine = await here.made()
    for _ in range(REPAIRS_MOST + 2):
        next(iter(here.cloud.machines.values())).power = "stopped"
        async with here.house.database.write() as tx:
            await tx.execute(compute_operations.update().values(ended_at=utc_now() - 2 * YOUNG))
        await reconciler(here).reconcile(here.cloud)
        await carry_out_all(here)
    assert await here.operations_of(machine.id) == [("start", "done")] * REPAIRS_MOST
    assert (await here.stored(machine.id)).error == KEEPS_STOPPING


async def test_what_a_person_asked_for_meanwhile_is_not_replaced_by_a_repair(here: Site) -> None:
    machine = await here.made()
    next(iter(here.cloud.machines.values())).power = "stopped"
    listing = here.cloud.list

    class Slow(Cloud):
        async def list(self) -> Sequence[Observed]:
            found = await listing()
            await here.begin("destroy", machine.id)
            return found

    slow = Slow(machines=here.cloud.machines)
    await Reconciler(here.house, Drivers([slow])).reconcile(slow)
    assert await here.operations_of(machine.id) == [("destroy", "queued")]


async def test_orphans_are_listed_and_stay(here: Site) -> None:
    stranger = Rented(new_id(), new_id())
    here.cloud.machines[stranger.provider_id] = stranger
    await reconciler(here).reconcile(here.cloud)
    orphans = await reconciler(here).orphans()
    assert [(orphan.provider, orphan.provider_id) for orphan in orphans.items] == [("cloud", stranger.provider_id)]
    assert stranger.provider_id in here.cloud.machines and "destroy" not in here.cloud.calls


async def test_a_thousand_machines_take_less_than_two_seconds(here: Site) -> None:
    """Half of them stand otherwise than is stored, and one was never heard of."""
    rows = []
    for index in range(MANY):
        rented = Rented(new_id(), new_id())
        here.cloud.machines[rented.provider_id] = rented
        rows.append(
            {
                "id": rented.machine_id,
                "user_id": here.user_id,
                "vps_config_id": here.preset_id,
                "name": "agent",
                "provider": "cloud",
                "provider_vm_id": rented.provider_id,
                "address": ADDRESS,
                "state": "running",
                "desired": "running",
                "observed": "running" if index % 2 else "unknown",
            }
        )
    async with here.house.database.write() as tx:
        await insert_many(tx, vpses, rows)
    started_s = time.monotonic()
    findings = await reconciler(here).reconcile(here.cloud)
    took_s = time.monotonic() - started_s
    assert findings is not None and len(findings.turned["running"]) == MANY // 2
    assert here.cloud.calls == ["list"]
    assert took_s < MANY_MOST_S


def reading(cpu_ms: int, at: dt.datetime, epoch: str = "first") -> Reading:
    return Reading(epoch=epoch, at=at, cpu_ms=cpu_ms, memory_mb_seconds=0)


async def cpu_used(site: Site) -> int:
    async with site.house.database.read() as tx:
        return int(await tx.scalar(select(func.coalesce(func.sum(vps_usage_periods.c.cpu_used_ms), 0))))


async def test_the_monitor_adds_what_grew_and_a_provider_that_is_away_costs_nothing(site: Site) -> None:
    machine = await site.made()
    monitor, now = Monitor(site.house, site.drivers), utc_now()
    site.cloud.readings[machine.id] = reading(1_000, now + dt.timedelta(seconds=1))
    await monitor.run()
    await monitor.run()
    assert await cpu_used(site) == 1_000, "the same reading counted twice"

    def away(verb: Verb, when: Moment) -> None:
        raise ProviderAway("cloud", "HTTP 503")

    well, site.cloud.trouble = site.cloud.trouble, away
    await monitor.run()
    site.cloud.trouble = well
    site.cloud.readings[machine.id] = reading(400, now + dt.timedelta(seconds=2), "after a restart")
    await monitor.run()
    assert await cpu_used(site) == 1_400


async def test_what_was_used_until_a_stop_is_counted(here: Site) -> None:
    """Some providers forget the counters of what does not run."""
    machine = await here.made()
    here.last_reading = Monitor(here.house, here.drivers).read_one
    here.cloud.readings[machine.id] = reading(700, utc_now() + dt.timedelta(seconds=1))
    await here.carry_out(await here.begin("stop", machine.id))
    assert await cpu_used(here) == 700


async def test_whoever_has_used_up_plan_and_budget_is_stopped_once(here: Site) -> None:
    """This user has no plan at all, which allows nothing."""
    machine = await here.made()
    monitor = Monitor(here.house, here.drivers)
    await monitor.run()
    await monitor.run()
    await carry_out_all(here)
    await monitor.run()
    stopped = await here.stored(machine.id)
    assert (stopped.state, stopped.desired, stopped.stopped_by) == ("stopped", "stopped", "limit")
    assert await here.operations_of(machine.id) == [("stop", "done")]


async def test_old_operations_are_forgotten_with_their_steps(here: Site) -> None:
    machine = await here.made()
    await here.carry_out(await here.begin("restart", machine.id))
    async with here.house.database.write() as tx:
        old = "00000000-0000-7000-8000-000000000001"
        row = {"id": old, "kind": "stop", "vps_id": machine.id, "user_id": here.user_id, "state": "done"}
        times = {"due_at": NOW, "deadline": NOW}
        await tx.execute(insert(compute_operations).values(**row, **times, requested_by="user:alice"))
    await reconciler(here).forget()
    assert await here.operations_of(machine.id) == [("restart", "done")]
