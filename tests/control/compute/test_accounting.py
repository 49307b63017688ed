"""What machines use is counted to the bit, once, and what is beyond the plan is in the ledger: on every engine."""

import asyncio
import datetime as dt

import pytest
from control.compute.bench import ComputeBench
from control.compute.plans import MONTH, reading
from sqlalchemy import delete, event, select

from monoize.control.compute.model.overage import Usage
from monoize.control.compute.tables import vps_usage_periods, vpses
from monoize.control.identity.tables import users

GB = 2**30
WRITERS = 50


async def test_fifty_writers_at_once_lose_nothing_and_the_ledger_holds_what_the_counters_come_to(
    books: ComputeBench,
):
    ada = await books.person(budget=10**6, cents=10**6)
    machines = [await books.machine(ada) for _ in range(2)]
    agent = (await books.agent(ada)).agent.id

    await asyncio.gather(
        *(
            books.flush((agent, machines[n % 2], GB // 10 + n), source=f"proxy {n}", connected=(agent,))
            for n in range(WRITERS)
        )
    )

    total = WRITERS * (GB // 10) + sum(range(WRITERS))
    standing = await books.standing(ada)
    assert Usage(bandwidth_bytes=total) == standing.usage
    assert standing.overage_cents == standing.charged_cents == await books.charged_cents(ada)
    assert [] == await books.problems()


async def test_a_flush_counts_once_however_often_and_by_however_many_it_comes(books: ComputeBench):
    ada = await books.person()
    machine = await books.machine(ada)
    agent = (await books.agent(ada, machine)).agent.id

    await asyncio.gather(*(books.flush((agent, machine, 100), sequence=1) for _ in range(8)))
    await books.flush((agent, machine, 10), sequence=2)
    await books.flush((agent, machine, 100), sequence=1)
    await books.flush((agent, machine, 1), source="another proxy", sequence=1)

    assert Usage(bandwidth_bytes=111) == await books.used(ada)


async def test_a_flush_belongs_to_its_month_and_other_months_do_not_see_it(books: ComputeBench):
    ada = await books.person(budget=5)
    machine = await books.machine(ada)
    agent = (await books.agent(ada, machine)).agent.id
    april = dt.date(2026, 4, 1)

    taken = await books.flush((agent, machine, 3 * GB), sequence=1, month=april)
    await books.flush((agent, machine, 7), sequence=2)

    assert {} == taken.cut_off
    assert (Usage(3 * GB), Usage(7)) == (await books.used(ada, april), await books.used(ada))
    # April's budget is none, whatever May's is.
    assert 0 == await books.charged_cents(ada)


async def test_readings_count_what_grew_and_survive_resets_and_come_twice_without_harm(books: ComputeBench):
    ada = await books.person()
    machine, fixed = await books.machine(ada), await books.machine(ada, provider="fly")

    await books.read({machine: reading(1000, memory=50), fixed: reading(999, memory=999)})
    for _ in range(2):
        await books.read({machine: reading(1500, memory=80, after_s=60)})
    await books.read({machine: reading(200, memory=5, after_s=120, epoch="b")})
    await books.read({machine: reading(1500, memory=80, after_s=60)})

    assert Usage(cpu_used_ms=1700, memory_used_mb_seconds=85) == await books.used(ada)
    async with books.database.read() as tx:
        row = (await tx.execute(select(vpses).where(vpses.c.id == machine))).one()
        other = (await tx.execute(select(vpses).where(vpses.c.id == fixed))).one()
    assert (200, 5, "b") == (row.cpu_used_ms, row.memory_used_mb_seconds, row.metered_epoch)
    assert 999 == other.cpu_used_ms


async def test_two_monitors_that_read_the_same_at_once_count_it_once(books: ComputeBench):
    ada = await books.person()
    machines = [await books.machine(ada) for _ in range(3)]
    readings = {id: reading(100, after_s=1) for id in machines}

    await asyncio.gather(*(books.read(readings) for _ in range(4)))

    assert Usage(cpu_used_ms=300) == await books.used(ada)


async def test_a_crash_between_counting_and_writing_the_figures_down_undoes_both(sqlite_books: ComputeBench):
    ada = await sqlite_books.person()
    machine = await sqlite_books.machine(ada)
    await sqlite_books.read({machine: reading(10)})

    class Crash(Exception):
        pass

    def crash(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("INSERT INTO vps_usage_periods"):
            raise Crash

    engine = sqlite_books.database._writer.sync_engine
    event.listen(engine, "before_cursor_execute", crash)
    with pytest.raises(Crash):
        await sqlite_books.read({machine: reading(70, after_s=60)})
    event.remove(engine, "before_cursor_execute", crash)

    assert Usage(cpu_used_ms=10) == await sqlite_books.used(ada)
    await sqlite_books.read({machine: reading(70, after_s=60)})
    assert Usage(cpu_used_ms=70) == await sqlite_books.used(ada)


async def test_overage_is_charged_as_it_grows_and_never_beyond_the_budget(books: ComputeBench):
    ada = await books.person(budget=25)
    machine = await books.machine(ada)
    agent = (await books.agent(ada, machine)).agent.id
    cents: list[int] = []
    cut_off: list[bool] = []

    for sequence, bytes in enumerate((GB, 1, GB, GB, GB, GB), start=1):
        taken = await books.flush((agent, machine, bytes), sequence=sequence)
        cents.append(await books.charged_cents(ada))
        cut_off.append(agent in taken.cut_off)

    assert [0, 1, 11, 21, 25, 25] == cents
    assert [False, False, False, False, True, True] == cut_off
    assert [] == await books.problems()


async def test_a_higher_budget_is_charged_for_at_once_and_lets_the_agent_go_on(books: ComputeBench):
    ada = await books.person()
    machine = await books.machine(ada)
    agent = (await books.agent(ada, machine)).agent.id
    taken = await books.flush((agent, machine, 3 * GB))

    raised = await books.set_budget(ada, 100)

    assert {agent: "usage_limit_exceeded"} == taken.cut_off
    assert (20, 20, True) == (raised.overage_cost_cents, raised.charged_cents, raised.allowed)
    assert 20 == await books.charged_cents(ada)
    assert {} == (await books.flush(sequence=2, connected=(agent,))).cut_off
    lowered = await books.set_budget(ada, 5)
    assert (20, False) == (lowered.charged_cents, lowered.allowed)


async def test_whoever_runs_out_of_money_is_out_of_budget(books: ComputeBench):
    ada = await books.person(budget=100, cents=10)
    machine = await books.machine(ada)
    agent = (await books.agent(ada, machine)).agent.id

    before = await books.flush((agent, machine, 2 * GB - GB // 2))
    after = await books.flush((agent, machine, GB // 2), sequence=2)

    assert ({}, {agent: "usage_limit_exceeded"}) == (before.cut_off, after.cut_off)
    assert 0 == await books.balance(ada)


async def test_a_larger_plan_takes_nothing_back_and_charges_only_what_is_beyond_it(books: ComputeBench):
    ada = await books.person(budget=100)
    machine = await books.machine(ada)
    agent = (await books.agent(ada, machine)).agent.id
    await books.flush((agent, machine, 3 * GB))

    await books.assign(ada, await books.plan(max_bandwidth_bytes=10 * GB))
    await books.flush((agent, machine, 8 * GB), sequence=2)
    first = await books.charged_cents(ada)
    await books.flush((agent, machine, 2 * GB), sequence=3)

    assert (20, 30) == (first, await books.charged_cents(ada))


async def test_what_destroyed_machines_used_counts_and_each_thing_is_noticed_once_a_month(books: ComputeBench):
    ada = await books.person()
    gone, machine = await books.machine(ada, state="destroyed"), await books.machine(ada)
    agent = (await books.agent(ada, machine)).agent.id

    await books.flush((agent, gone, GB * 9 // 10), (agent, machine, GB // 20))
    first = await books.noticed(ada)
    for sequence in (2, 3):
        await books.flush((agent, machine, GB // 20 + 1), sequence=sequence)

    assert [("bandwidth", 80)] == first
    assert [("bandwidth", 80), ("bandwidth", 100), ("budget", 100)] == await books.noticed(ada)


async def test_of_another_budget_people_hear_again(sqlite_books: ComputeBench):
    books = sqlite_books
    ada = await books.person()
    machine = await books.machine(ada)
    agent = (await books.agent(ada, machine)).agent.id
    await books.flush((agent, machine, 2 * GB))
    heard = []

    for budget in (100, 12, 12, 10):
        await books.set_budget(ada, budget)
        heard.append([percent for subject, percent in await books.noticed(ada) if subject == "budget"])

    assert [[], [80], [80], [100]] == heard


async def test_what_is_gone_from_the_books_is_counted_for_nobody(books: ComputeBench):
    ada, bob = await books.person(), await books.person()
    of_ada, of_bob = await books.machine(ada), await books.machine(bob)
    agent = (await books.agent(bob, of_bob)).agent.id
    async with books.database.write() as tx:
        await tx.execute(delete(users).where(users.c.id == ada))

    taken = await books.flush((agent, of_bob, 5), ("nobody", of_ada, 5), connected=("nobody",))

    assert {"nobody": "no_machine"} == taken.cut_off
    assert Usage(bandwidth_bytes=5) == await books.used(bob)
    async with books.database.read() as tx:
        rows = await tx.execute(select(vps_usage_periods.c.vps_id, vps_usage_periods.c.period_start))
        assert [(of_bob, MONTH)] == [tuple(row) for row in rows]
