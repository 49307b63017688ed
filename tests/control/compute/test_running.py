"""Carrying operations out: whenever a worker dies, the next one ends with one machine or none, never with two."""

import asyncio
import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from fakes.cloud import Cloud, Died, Moment, Verb
from sqlalchemy import select, update
from support.house import RunningHouse
from support.patience import PATIENCE_S
from support.site import WAYS, Site, is_well, make_site, not_read

from monoize.base.clock import utc_now
from monoize.control.compute.actions import power
from monoize.control.compute.actions.running import TOO_LONG
from monoize.control.compute.actions.working import Worker
from monoize.control.compute.errors import MachineState
from monoize.control.compute.model.machines import ProviderAway, ProviderRefused
from monoize.control.compute.model.next_step import ENDED_ITSELF, VANISHED
from monoize.control.compute.model.operations import OperationInSteps, OperationKind
from monoize.control.compute.model.progress import Patience
from monoize.control.compute.store import machines, operations
from monoize.control.compute.tables import compute_operations, vpses
from monoize.infra.audit_log import logs


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
async def site(house: RunningHouse, cloud: Cloud) -> Site:
    return await make_site(house.house, cloud)


@pytest.fixture
async def site_everywhere(house_everywhere: RunningHouse, cloud: Cloud) -> Site:
    return await make_site(house_everywhere.house, cloud)


def steps_of(operation: OperationInSteps) -> list[tuple[str, str]]:
    return [(step.name, step.state) for step in operation.steps]


def dies_at(moment: int) -> Callable[[Verb, Moment], None]:
    """The worker, at the so-manyth moment around a call and at no other."""
    seen = 0

    def trouble(verb: Verb, when: Moment) -> None:
        nonlocal seen
        seen += 1
        if seen == moment:
            raise Died

    return trouble


def fails_once(verb: Verb, when: Moment, problem: Exception) -> Callable[[Verb, Moment], None]:
    left = [problem]

    def trouble(asked: Verb, at: Moment) -> None:
        if (asked, at) == (verb, when) and left:
            raise left.pop()

    return trouble


async def test_a_machine_lives_from_its_making_to_its_end(site_everywhere: Site) -> None:
    site = site_everywhere
    machine, agent_id = await site.machine()

    made = await site.carry_out(await site.begin("create", machine.id))
    assert (made.state, steps_of(made)) == ("done", [("create", "done"), ("health", "done")])
    running = await site.stored(machine.id)
    assert (running.state, running.observed, running.error) == ("running", "running", None)
    assert running.provider_vm_id in site.cloud.machines and running.address is not None

    stopped = await site.carry_out(await site.begin("stop", machine.id))
    assert (stopped.state, (await site.stored(machine.id)).state) == ("done", "stopped")
    started = await site.carry_out(await site.begin("start", machine.id))
    assert (started.state, (await site.stored(machine.id)).state) == ("done", "running")
    restarted = await site.carry_out(await site.begin("restart", machine.id))
    assert ("restart", "done") in steps_of(restarted)

    gone = await site.carry_out(await site.begin("destroy", machine.id))
    assert (gone.state, steps_of(gone)[0]) == ("done", ("destroy", "done"))
    left = await site.stored(machine.id)
    assert (left.state, left.desired, left.error) == ("destroyed", "destroyed", None)
    assert left.destroyed_at is not None
    assert site.cloud.machines == {} and site.cloud.created == 1
    assert await site.agent_machine(agent_id) is None


@pytest.mark.parametrize("kind", ["create", "start", "stop", "restart", "update", "destroy"])
async def test_whenever_its_worker_dies_there_is_one_machine_or_none(site: Site, kind: OperationKind) -> None:
    """Before and after every call of the provider, which lies between any two things that are written down."""
    moment = 0
    while True:
        moment += 1
        cloud = site.cloud
        cloud.machines.clear()
        cloud.created, cloud.changing_for, cloud.trouble = 0, 1, Cloud().trouble
        if kind == "create":
            machine, _ = await site.machine()
        else:
            machine = await site.made("stopped" if kind == "start" else "running")
        trouble = dies_at(moment)
        died = [False]

        def dying(verb: Verb, when: Moment) -> None:
            try:
                trouble(verb, when)  # noqa: B023
            except Died:
                died[0] = True  # noqa: B023
                raise

        cloud.trouble = dying
        done = await site.carry_out(await site.begin(kind, machine.id))
        assert done.state == "done", (moment, done)
        expected = {"stop": "stopped", "destroy": "destroyed"}.get(kind, "running")
        assert (await site.stored(machine.id)).state == expected
        assert len(cloud.machines) == (0 if kind == "destroy" else 1), moment
        assert cloud.created == (kind == "create"), f"doubled when dying at {moment}"
        assert not [step for step in done.steps if step.state == "running"]
        if not died[0]:
            break
    assert moment > 4


async def test_what_a_refused_creation_had_made_is_taken_away_and_the_reason_is_kept(site: Site) -> None:
    site.cloud.trouble = fails_once("get", "after", ProviderRefused("cloud", "no such size"))
    machine, agent_id = await site.machine()
    operation = await site.begin("create", machine.id)
    failed = await site.carry_out(operation)
    assert (failed.state, failed.error) == ("failed", "no such size")
    left = await site.stored(machine.id)
    assert (left.state, left.error) == ("destroyed", "no such size")
    assert site.cloud.machines == {}
    assert await site.agent_machine(agent_id) is None


async def test_a_refusal_after_it_was_made_leaves_nothing_behind(site: Site) -> None:
    site.cloud.trouble = fails_once("create", "after", ProviderRefused("cloud", "out of memory", "capacity"))
    machine, _ = await site.machine()
    failed = await site.carry_out(await site.begin("create", machine.id))
    assert (failed.state, failed.error) == ("failed", "out of memory")
    assert [name for name, _ in steps_of(failed)] == ["create", "destroy"]
    assert site.cloud.created == 1 and site.cloud.machines == {}


async def test_a_provider_that_is_away_is_asked_again_and_makes_no_second_machine(site: Site) -> None:
    """The answer to the creation is lost: nobody knows whether there is one now."""
    site.cloud.trouble = fails_once("create", "after", ProviderAway("cloud", "502"))
    machine, _ = await site.machine()
    made = await site.carry_out(await site.begin("create", machine.id))
    assert (made.state, site.cloud.created, len(site.cloud.machines)) == ("done", 1, 1)
    assert made.attempt == 1
    assert steps_of(made) == [("create", "failed"), ("health", "done")]
    assert (await site.stored(machine.id)).provider_vm_id in site.cloud.machines


async def test_what_ends_by_itself_right_after_its_start_is_given_up(site: Site) -> None:
    site.patience = Patience(settled_after=dt.timedelta(seconds=0.2))
    site.cloud.comes_up = False
    machine, _ = await site.machine()
    failed = await site.carry_out(await site.begin("create", machine.id))
    assert (failed.state, failed.error) == ("failed", ENDED_ITSELF)
    assert site.cloud.machines == {}


async def test_a_machine_that_vanished_is_told_of_and_not_made_again(site: Site) -> None:
    machine = await site.made()
    site.cloud.machines.clear()
    failed = await site.carry_out(await site.begin("restart", machine.id))
    assert (failed.state, failed.error) == ("failed", VANISHED)
    left = await site.stored(machine.id)
    assert (left.state, left.error, site.cloud.created) == ("destroyed", VANISHED, 0)


async def test_an_agent_that_is_not_well_keeps_its_machine(site: Site) -> None:
    async def is_ill(address: str) -> str | None:
        return "HTTP 500"

    site.patience = Patience(health_most=dt.timedelta(seconds=0.3))
    site.answers = is_ill
    machine, _ = await site.machine()
    made = await site.carry_out(await site.begin("create", machine.id))
    assert made.state == "done"
    assert [(step.name, step.state, step.error) for step in made.steps][-1] == ("health", "failed", "HTTP 500")
    assert (await site.stored(machine.id)).state == "running"


async def test_past_its_deadline_a_creation_is_undone(site: Site) -> None:
    machine, _ = await site.machine()
    operation = await site.begin("create", machine.id)
    async with site.house.database.write() as tx:
        await tx.execute(update(compute_operations).values(deadline=utc_now()))
    failed = await site.carry_out(operation)
    assert (failed.state, failed.error, site.cloud.machines) == ("failed", TOO_LONG, {})


async def test_a_destroy_replaces_what_is_under_way_and_waits_for_its_worker(site: Site) -> None:
    machine, _ = await site.machine()
    creation = await site.begin("create", machine.id)
    first, second = site.runner(), site.runner()
    assert await site.take(creation, first)
    destruction = await site.begin("destroy", machine.id)
    assert (await site.read(creation.id)).state == "replaced"
    assert not await site.take(destruction, second), "the other worker may still be making it"
    # It has lost its right to write, and lets go.
    await first.run(creation.id, machine.id)
    assert site.cloud.machines == {}
    assert await site.take(destruction, second)
    await second.run(destruction.id, machine.id)
    assert (await site.stored(machine.id)).state == "destroyed"


async def test_a_worker_that_lost_its_lease_writes_nothing(site: Site) -> None:
    machine, _ = await site.machine()
    operation = await site.begin("create", machine.id)
    slow = site.runner()
    assert await site.take(operation, slow)

    def somebody_else_takes_it(verb: Verb, when: Moment) -> None:
        if (verb, when) == ("create", "after"):
            raise ProviderAway("cloud", "the connection broke")

    site.cloud.trouble = somebody_else_takes_it
    async with site.house.database.write() as tx:
        await tx.execute(update(compute_operations).values(lease_owner="another"))
    await slow.run(operation.id, machine.id)
    assert (await site.read(operation.id)).steps == []
    assert site.cloud.created == 0


async def test_the_same_wish_twice_is_one_operation(site: Site) -> None:
    machine = await site.made()
    first, again = await site.begin("restart", machine.id), await site.begin("restart", machine.id)
    assert first.id == again.id


async def test_twenty_wishes_at_once_are_one_operation(site_everywhere: Site) -> None:
    site = site_everywhere
    machine = await site.made()
    begun = await asyncio.gather(*(site.begin("stop", machine.id) for _ in range(20)))
    assert len({operation.id for operation in begun}) == 1


async def test_a_machine_that_is_being_made_can_only_be_destroyed(site: Site) -> None:
    machine, _ = await site.machine()
    for kind in ("start", "stop", "restart"):
        with pytest.raises(MachineState):
            await site.begin(kind, machine.id)  # type: ignore[arg-type]


async def test_a_token_rotated_while_it_stood_still_reaches_the_machine_when_it_starts(site: Site) -> None:
    machine = await site.made()
    await site.carry_out(await site.begin("stop", machine.id))
    async with site.house.database.write() as tx:
        assert await power.refresh(tx, machine.id, requested_by="user:alice", now=utc_now()) is None
    assert (await site.stored(machine.id)).stale
    started = await site.carry_out(await site.begin("start", machine.id))
    assert ("update", "done") in steps_of(started)
    assert not (await site.stored(machine.id)).stale


async def test_where_a_provider_cannot_a_start_is_just_a_start(site: Site) -> None:
    site.cloud.can_update = False
    machine = await site.made()
    await site.carry_out(await site.begin("stop", machine.id))
    async with site.house.database.write() as tx:
        await power.refresh(tx, machine.id, requested_by="user:alice", now=utc_now())
    started = await site.carry_out(await site.begin("start", machine.id))
    assert started.state == "done" and ("start", "done") in steps_of(started)
    assert (await site.stored(machine.id)).stale, "it still has the old token"


async def test_workers_of_several_processes_do_each_operation_once(site_everywhere: Site) -> None:
    site = site_everywhere
    site.cloud.changing_for = 1
    made = [await site.machine() for _ in range(6)]
    begun = [await site.begin("create", machine.id) for machine, _ in made]
    workers = [Worker(site.house, site.drivers, WAYS, is_well, not_read) for _ in range(3)]
    async with asyncio.timeout(PATIENCE_S):
        while [each for each in begun if (await site.read(each.id)).is_open]:
            await asyncio.gather(*(worker.run() for worker in workers))
            await asyncio.gather(*(worker.renew() for worker in workers))
            await asyncio.sleep(0.05)
    for worker in workers:
        await worker.stop()
    assert {(await site.read(each.id)).state for each in begun} == {"done"}
    assert site.cloud.created == len(site.cloud.machines) == len(made)


async def test_a_worker_that_stops_gives_its_leases_back(site: Site) -> None:
    async def never(address: str) -> str | None:
        await asyncio.Event().wait()
        return None

    machine, _ = await site.machine()
    operation = await site.begin("create", machine.id)
    worker = Worker(site.house, site.drivers, WAYS, never, not_read)
    async with asyncio.timeout(PATIENCE_S):
        await worker.run()
        while not [step for step in (await site.read(operation.id)).steps if step.name == "health"]:
            await asyncio.sleep(0.02)
    await worker.stop()
    assert await site.take(operation, site.runner()), "it had to wait until the lease ran out"


async def test_how_an_operation_ended_is_in_the_audit_log(site: Site) -> None:
    machine = await site.made()
    await site.carry_out(await site.begin("restart", machine.id))
    async with site.house.database.read() as tx:
        found: list[Any] = list(await tx.execute(select(logs).where(logs.c.target_id == machine.id)))
    assert [(row.action, row.actor, row.target_type) for row in found] == [
        ("operation.done", "system:monoize", "machine")
    ]


async def test_a_machine_of_a_deleted_user_is_nobodys_operation(site: Site) -> None:
    """Its rows are gone; what is left at the provider is told of as an orphan."""
    machine = await site.made()
    await site.begin("stop", machine.id)
    async with site.house.database.write() as tx:
        await tx.execute(vpses.delete().where(vpses.c.id == machine.id))
        assert await operations.due(tx, utc_now(), most=10) == []
        assert await machines.find(tx, machine.id) is None
