"""Top-ups, adjustments and refunds: one row and one audit row each, and nothing when refused."""

import asyncio
import json

import pytest
from control.ledger.bench import MOST, Bench, charge, kinds
from sqlalchemy import delete, func, select, text

from monoize.base.ids import new_id
from monoize.control.identity.errors import NoSuchUser
from monoize.control.identity.tables import users
from monoize.control.ledger.errors import (
    AlreadyRefunded,
    BalanceOutOfRange,
    NoSuchEntry,
    NotRefundable,
    ReferenceReused,
    RefundTooLarge,
)
from monoize.infra.audit_log import logs


async def audit_rows(bench: Bench) -> int:
    async with bench.database.read() as tx:
        return int(await tx.scalar(select(func.count()).select_from(logs)))


async def test_a_top_up_and_an_adjustment_move_the_balance_and_say_who_did_it(bench: Bench):
    ada = await bench.user()

    await bench.top_up(ada, 100)
    await bench.adjust(ada, -130)

    rows = await bench.rows(ada)
    assert [("top_up", 100, 100), ("admin_adjustment", -130, -30)] == kinds(rows)
    assert -30 == await bench.balance(ada)
    assert {"actor": "user:boss", "reason": "counted wrong"} == json.loads(rows[1].meta_json)
    assert 2 == await audit_rows(bench)


async def test_the_same_payment_is_booked_once_even_when_it_comes_at_once(bench: Bench):
    ada = await bench.user()

    entries = await asyncio.gather(*(bench.top_up(ada, 100, "payment-1") for _ in range(5)))

    assert 1 == len({entry.id for entry in entries})
    assert [("top_up", 100, 100)] == kinds(await bench.rows(ada))
    assert 5 == await audit_rows(bench)


async def test_a_reference_cannot_be_taken_for_another_payment_even_at_once(bench: Bench):
    ada, bob = await bench.user(), await bench.user()
    found = await asyncio.gather(bench.top_up(ada, 1, "p"), bench.top_up(bob, 1, "p"), return_exceptions=True)

    assert 1 == sum(isinstance(one, ReferenceReused) for one in found), found
    assert 1 == await bench.balance(ada) + await bench.balance(bob)
    for user, amount in ((ada, 2), (bob, 2)):
        with pytest.raises(ReferenceReused):
            await bench.top_up(user, amount, "p")
    assert 1 == len(await bench.rows())
    assert 1 == await audit_rows(bench)


async def test_nobody_who_is_not_there_gets_anything(bench: Bench):
    with pytest.raises(NoSuchUser):
        await bench.top_up(new_id(), 1)
    with pytest.raises(NoSuchUser):
        await bench.adjust(new_id(), 1)

    assert (0, 0) == (len(await bench.rows()), await audit_rows(bench))


async def test_a_balance_never_leaves_the_range(bench: Bench):
    ada = await bench.user()
    await bench.top_up(ada, MOST)

    with pytest.raises(BalanceOutOfRange):
        await bench.top_up(ada, 1)
    await bench.adjust(ada, -MOST)
    with pytest.raises(BalanceOutOfRange):
        # The balance has room for it, but the day's sum of top-ups has not.
        await bench.top_up(ada, MOST)

    assert (0, 2) == (await bench.balance(ada), await audit_rows(bench))
    assert [] == await bench.problems()


async def test_a_refund_gives_back_what_was_charged_once(bench: Bench):
    ada = await bench.user()
    first, second = await bench.charged(charge(ada, 50), charge(ada, 9))

    refunds = [await bench.refund(first.id) for _ in range(3)]
    await bench.refund(second.id, 4)

    assert 1 == len({entry.id for entry in refunds})
    assert [("refund", 50, -9), ("refund", 4, -5)] == kinds(await bench.rows(ada))[2:]
    assert first.id == refunds[0].request_id
    for amount in (None, 3, 5):
        with pytest.raises(AlreadyRefunded):
            await bench.refund(second.id, amount)
    assert -5 == await bench.balance(ada)
    assert [] == await bench.problems()


async def test_many_refunds_of_one_charge_at_once_give_it_back_once(bench: Bench):
    ada = await bench.user()
    (entry,) = await bench.charged(charge(ada, 50))

    found = await asyncio.gather(*(bench.refund(entry.id, 10 + n) for n in range(6)), return_exceptions=True)

    assert 5 == sum(isinstance(one, AlreadyRefunded) for one in found), found
    assert 2 == len(await bench.rows(ada))


async def test_a_top_up_that_is_taken_back_may_leave_a_debt(bench: Bench):
    ada = await bench.user()
    paid = await bench.top_up(ada, 100)
    await bench.charge(charge(ada, 60))

    await bench.refund(paid.id)

    assert -60 == await bench.balance(ada)


async def test_a_refund_goes_to_the_sub_account_that_paid_or_to_its_owner_when_that_is_closed(bench: Bench):
    ada = await bench.user()
    key = await bench.key(ada, enabled=True)
    first, second, third = await bench.charged(*(charge(ada, 50, api_key_id=key) for _ in range(3)))

    await bench.refund(first.id)
    assert (0, -100) == (await bench.balance(ada), await bench.on_key(key))
    await bench.enable(key, False)
    await bench.refund(second.id)
    assert (-50, 0) == (await bench.balance(ada), await bench.on_key(key))
    await bench.delete_key(key)
    await bench.refund(third.id)
    assert 0 == await bench.balance(ada)
    assert [] == await bench.problems()


async def test_what_cannot_be_refunded_is_refused_and_changes_nothing(bench: Bench):
    ada, bob = await bench.user(), await bench.user()
    (charged, gone) = await bench.charged(charge(ada, 50), charge(bob, 1))
    adjusted = await bench.adjust(ada, 5)
    refunded = await bench.refund(charged.id, 50)
    async with bench.database.write() as tx:
        await tx.execute(delete(users).where(users.c.id == bob))
    before = (list(await bench.rows()), await audit_rows(bench))

    for entry_id, amount, refusal in (
        (new_id(), None, NoSuchEntry),
        (adjusted.id, None, NotRefundable),
        (refunded.id, None, NotRefundable),
        (charged.id, 51, RefundTooLarge),
        (charged.id, MOST, RefundTooLarge),
        (gone.id, None, NoSuchUser),
    ):
        with pytest.raises(refusal):
            await bench.refund(entry_id, amount)

    assert before == (list(await bench.rows()), await audit_rows(bench))


async def test_a_balance_that_cannot_be_read_is_never_taken_for_0(sqlite_bench: Bench):
    ada = await sqlite_bench.user()
    async with sqlite_bench.database.write() as tx:
        await tx.execute(text("UPDATE users SET balance_nano_usd = 'much'"))

    with pytest.raises(ValueError):
        await sqlite_bench.top_up(ada, 1)
    with pytest.raises(ValueError):
        await sqlite_bench.charge(charge(ada, 1))

    assert 0 == len(await sqlite_bench.rows())
