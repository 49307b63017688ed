"""Money around one request: held before, charged after, given back on every other way out."""

import asyncio

import pytest
from support.house import RunningHouse
from support.money import Till, open_till, request

from monoize.base.ids import new_id
from monoize.contract.budgets import user_budget
from monoize.control.bridge.budgets import LedgerBudgets
from monoize.control.ledger.actions import corrections
from monoize.gateway.meter import BudgetExceeded, Meter, RequestIdReused
from monoize.infra.holds import Claim


@pytest.fixture
async def till(house: RunningHouse):
    async with open_till(house) as opened:
        yield opened


async def available(till: Till, user_id: str) -> tuple[int | None, int]:
    """(available, held)"""
    budgets = {budget.name: budget for budget in (await till.money.holds.snapshot()).budgets}
    found = budgets[user_budget(user_id)]
    return found.available, found.held


async def test_what_is_held_is_not_there_for_the_next(till: Till):
    user_id = await till.person(100)
    first = new_id()
    claim = Claim(user_budget(user_id), 60)

    assert (60,) == await till.money.meter.admit(request(first, user_id, 5), [claim])
    with pytest.raises(BudgetExceeded) as refused:
        await till.money.meter.admit(request(new_id(), user_id, 5), [claim])

    assert ("40", "60") == (
        refused.value.details["available_nano_usd"],
        refused.value.details["asked_nano_usd"],
    )
    await till.money.meter.abandon(first)
    assert (100, 0) == await available(till, user_id)


async def test_a_charge_takes_what_was_used_and_gives_the_rest_back(till: Till):
    user_id = await till.person(100)
    await till.spend(user_id, 30, hold=80)

    assert (70, 0) == await available(till, user_id)
    await till.money.handover.post_all()
    assert 70 == await till.balance(user_id)
    assert (70, 0) == await available(till, user_id)


async def test_more_than_was_held_is_charged_all_the_same(till: Till):
    user_id = await till.person(100)
    await till.spend(user_id, 130, hold=10)

    assert (-30, 0) == await available(till, user_id)
    with pytest.raises(BudgetExceeded):
        await till.spend(user_id, 0, hold=0)
    await till.money.handover.post_all()
    assert -30 == await till.balance(user_id)


async def test_a_request_that_outlasts_its_hold_keeps_its_money_as_long_as_it_is_tended(
    till: Till, house: RunningHouse
):
    holds, spool = till.money.holds, till.money.spool
    meter = Meter(holds, spool, LedgerBudgets(house.house.database), owner=spool.owner, hold_lifetime_s=1)
    user_id, tended, left_alone = await till.person(100), new_id(), new_id()
    await meter.admit(request(tended, user_id, 5), [Claim(user_budget(user_id), 60)])
    await till.money.meter.admit(request(left_alone, user_id, 5), [Claim(user_budget(user_id), 20)])
    for _ in range(3):
        await asyncio.sleep(0.5)
        await meter.tend(0)
        assert () == await holds.sweep()

    await meter.abandon(tended)
    await meter.tend(0)
    assert (80, 20) == await available(till, user_id)


async def test_200_at_once_against_money_for_exactly_some_of_them(till: Till):
    user_id = await till.person(37 * 10)

    outcomes = await asyncio.gather(*(till.spend(user_id, 10) for _ in range(200)), return_exceptions=True)

    assert 37 == sum(isinstance(outcome, str) for outcome in outcomes)
    assert {BudgetExceeded} == {type(outcome) for outcome in outcomes if not isinstance(outcome, str)}
    await till.money.handover.post_all()
    assert 0 == await till.balance(user_id)


async def test_an_unlimited_user_is_never_refused_and_owes_what_they_used(till: Till):
    user_id = await till.person()
    async with till.change() as change:
        await corrections.set_limit(change, user_id, unlimited=True)

    await till.spend(user_id, 500)

    await till.money.handover.post_all()
    assert -500 == await till.balance(user_id)


async def test_a_request_id_is_served_once(till: Till):
    user_id = await till.person(100)
    request_id = await till.spend(user_id, 10)

    with pytest.raises(RequestIdReused):
        await till.money.meter.admit(request(request_id, user_id, 0), [Claim(user_budget(user_id), 10)])
    await till.money.meter.finish(request(request_id, user_id, 10))
    await till.money.handover.post_all()

    assert {request_id: [10]} == await till.booked([request_id])
    assert 90 == await till.balance(user_id)


async def test_who_leaves_while_being_admitted_leaves_nothing_behind(till: Till):
    user_id = await till.person(1000)
    await till.spend(user_id, 1)

    async def leave() -> None:
        coming = asyncio.create_task(till.spend(user_id, 1, hold=5))
        await asyncio.sleep(0)
        coming.cancel()
        with pytest.raises(asyncio.CancelledError):
            await coming

    await asyncio.gather(*(leave() for _ in range(50)))

    snapshot = await till.money.holds.snapshot()
    assert (0, []) == (snapshot.hold_count, await till.money.spool.left_in_flight())
    assert (999, 0) == await available(till, user_id)


async def test_a_top_up_lets_the_very_next_request_through(till: Till):
    user_id = await till.person()
    with pytest.raises(BudgetExceeded):
        await till.spend(user_id, 10)

    await till.top_up(user_id, 10)

    await till.spend(user_id, 10)


async def test_somebody_who_is_not_there_has_nothing(till: Till):
    with pytest.raises(BudgetExceeded):
        await till.spend(new_id(), 1)
