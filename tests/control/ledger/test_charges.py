"""Charges in batches: exact, in order, once, and safe among others who book at the same moment."""

import asyncio
import random
from typing import Any

import pytest
from control.ledger.bench import MOST, Bench, charge, kinds
from sqlalchemy import delete, event

from monoize.base.ids import new_id
from monoize.control.identity.tables import users
from monoize.control.ledger.actions.charges import BATCH_MOST, post_charges
from monoize.control.ledger.errors import BalanceOutOfRange
from monoize.control.ledger.model.entries import META_CHARS_MOST, Charge

NOBODY = "01a1fc11-0000-7000-8000-000000000000"


async def test_a_batch_moves_each_account_by_the_sum_of_its_charges_row_by_row(bench: Bench):
    ada, bob = await bench.user(), await bench.user()
    await bench.top_up(ada, 100)

    charged = await bench.charge(charge(ada, 1), charge(bob, 7), charge(ada, 30), charge(ada, 200))

    assert (4, 0, []) == (charged.booked, charged.repeated, charged.conflicting)
    assert (-131, -7) == (await bench.balance(ada), await bench.balance(bob))
    assert [
        ("top_up", 100, 100),
        ("request_charge", -1, 99),
        ("request_charge", -30, 69),
        ("request_charge", -200, -131),
    ] == kinds(await bench.rows(ada))
    assert [] == await bench.problems()


async def test_what_was_booked_before_is_not_booked_again_in_whatever_batch_it_comes(bench: Bench):
    ada = await bench.user()
    first, second, third = charge(ada, 1), charge(ada, 2), charge(ada, 4)
    await bench.charge(first, second)

    for batch in ((first, second), (third, first), (second, third, third)):
        await bench.charge(*batch)

    assert -7 == await bench.balance(ada)
    assert 3 == len(await bench.rows(ada))
    assert [] == await bench.problems()


async def test_a_charge_that_is_twice_in_a_batch_is_booked_once(bench: Bench):
    ada = await bench.user()
    twice = charge(ada, 5)

    charged = await bench.charge(twice, twice)

    assert (1, 1, []) == (charged.booked, charged.repeated, charged.conflicting)
    assert -5 == await bench.balance(ada)


async def test_another_charge_of_the_same_name_is_told_and_the_first_stands(bench: Bench):
    ada, bob = await bench.user(), await bench.user()
    await bench.charge(charge(ada, 5, "one"))

    charged = await bench.charge(charge(ada, 6, "one"), charge(bob, 5, "one"), charge(bob, 1, "two"))

    assert (["one", "one"], 1) == (charged.conflicting, charged.booked)
    assert (-5, -1) == (await bench.balance(ada), await bench.balance(bob))


async def test_a_charge_goes_to_the_sub_account_of_its_key_and_otherwise_to_the_user(bench: Bench):
    ada = await bench.user()
    with_purse, without = await bench.key(ada, enabled=True), await bench.key(ada)

    await bench.charge(charge(ada, 3, api_key_id=with_purse), charge(ada, 5, api_key_id=without))

    assert [("api_key_charge", -3, -3)] == kinds(await bench.rows(with_purse))
    assert [("request_charge", -5, -5)] == kinds(await bench.rows(ada))
    assert (-5, -3, 0) == (await bench.balance(ada), await bench.on_key(with_purse), await bench.on_key(without))


async def test_a_charge_is_the_same_one_after_its_sub_account_was_turned_off_or_on(bench: Bench):
    ada = await bench.user()
    key = await bench.key(ada, enabled=True)
    early, late = charge(ada, 3, api_key_id=key), charge(ada, 5, api_key_id=key)
    await bench.charge(early)
    await bench.enable(key, False)

    assert 1 == (await bench.charge(early, late)).repeated
    await bench.enable(key)
    assert 2 == (await bench.charge(early, late)).repeated

    assert -8 == await bench.balance(ada)
    assert 0 == await bench.on_key(key)


async def test_a_key_of_somebody_else_pays_nothing(bench: Bench):
    ada, bob = await bench.user(), await bench.user()
    foreign = await bench.key(bob, enabled=True)

    await bench.charge(charge(ada, 3, api_key_id=foreign))

    assert (-3, 0) == (await bench.balance(ada), await bench.on_key(foreign))


async def test_overage_of_machines_is_never_taken_from_a_key_and_has_names_of_its_own(bench: Bench):
    ada = await bench.user()
    key = await bench.key(ada, enabled=True)
    same_name = new_id()

    await bench.charge(charge(ada, 3, same_name, kind="compute_overage", api_key_id=key), charge(ada, 5, same_name))

    assert [("compute_overage", -3, -3), ("request_charge", -5, -8)] == kinds(await bench.rows(ada))


async def test_the_balance_of_an_unlimited_user_moves_too(bench: Bench):
    ada = await bench.user(unlimited=True)

    await bench.charge(charge(ada, 12))

    assert [("request_charge", -12, -12)] == kinds(await bench.rows(ada))
    assert -12 == await bench.balance(ada)


async def test_whoever_is_gone_is_still_charged_and_no_balance_moves(bench: Bench):
    ada, bob = await bench.user(), await bench.user()
    await bench.charge(charge(ada, 1))
    async with bench.database.write() as tx:
        await tx.execute(delete(users).where(users.c.id == ada))

    await bench.charge(charge(ada, 2), charge(NOBODY, 3), charge(bob, 4))

    assert [("request_charge", -1, -1), ("request_charge", -2, None)] == kinds(await bench.rows(ada))
    assert [("request_charge", -3, None)] == kinds(await bench.rows(NOBODY))
    assert [] == await bench.problems()


async def test_a_charge_of_nothing_leaves_no_row(bench: Bench):
    ada = await bench.user()

    charged = await bench.charge(charge(ada, 0))

    assert (0, 0, 0) == (charged.booked, charged.repeated, len(await bench.rows()))


async def test_a_batch_that_would_leave_the_range_leaves_nothing_at_all(bench: Bench):
    ada, bob = await bench.user(), await bench.user()
    await bench.charge(charge(ada, MOST))

    with pytest.raises(BalanceOutOfRange):
        await bench.charge(charge(bob, 1), charge(ada, 1), charge(ada, 1))

    assert (-MOST, 0) == (await bench.balance(ada), await bench.balance(bob))
    assert [("request_charge", -MOST, -MOST)] == kinds(await bench.rows())
    assert [] == await bench.problems()


async def test_the_range_is_used_to_its_last_number(bench: Bench):
    ada = await bench.user()

    await bench.charge(charge(ada, MOST), charge(ada, 1))

    assert -(2**127) == await bench.balance(ada)
    assert [] == await bench.problems()


async def test_what_fails_after_the_batch_undoes_the_batch(bench: Bench):
    ada = await bench.user()
    wanted = charge(ada, 5)

    async def fail() -> None:
        async with bench.database.write() as tx:
            await post_charges(tx, bench.seal, [wanted])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()

    assert (0, []) == (await bench.balance(ada), list(await bench.rows()))
    assert 1 == (await bench.charge(wanted)).booked
    assert [] == await bench.problems()


class Crash(Exception):
    pass


async def test_losing_the_connection_before_any_statement_leaves_all_or_nothing(bench: Bench):
    ada = await bench.user()
    key = await bench.key(ada, enabled=True)
    wanted = [charge(ada, 1), charge(ada, 2, api_key_id=key)]
    left = 0

    def count(*_: Any) -> None:
        nonlocal left
        if left == 0:
            raise Crash
        left -= 1

    engine = bench.database._writer.sync_engine
    event.listen(engine, "before_cursor_execute", count)
    for statements in range(100):
        left = statements
        try:
            await bench.charge(*wanted)
        except Crash:
            left = -1
            assert (0, 0, 0) == (await bench.balance(ada), await bench.on_key(key), len(await bench.rows()))
        else:
            break
    left = -1
    event.remove(engine, "before_cursor_execute", count)

    assert statements > 5
    assert (-1, -2) == (await bench.balance(ada), await bench.on_key(key))
    assert [] == await bench.problems()


async def test_a_batch_takes_a_few_statements_and_not_one_for_each_of_its_charges(bench: Bench):
    ada = await bench.user()
    await bench.charge(charge(ada, 1))
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    engine = bench.database._writer.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    await bench.charge(*(charge(ada, 1) for _ in range(500)))
    event.remove(engine, "before_cursor_execute", note)

    # Eight kinds of things are read and written; SQLite takes the rows in five statements of a hundred.
    assert 12 >= len(seen), seen
    assert -501 == await bench.balance(ada)


async def test_fifty_who_book_on_one_account_at_once_lose_nothing_and_never_see_the_same_balance(bench: Bench):
    ada = await bench.user()
    await bench.top_up(ada, 1_000_000)

    await asyncio.gather(
        *(bench.charge(charge(ada, n), charge(ada, 1000 + n)) for n in range(1, 41)),
        *(bench.top_up(ada, 10 * n) for n in range(1, 11)),
    )

    expected = 1_000_000 - sum(1000 + 2 * n for n in range(1, 41)) + sum(10 * n for n in range(1, 11))
    rows = await bench.rows(ada)
    assert expected == await bench.balance(ada) == rows[-1].balance_after_nano_usd
    assert list(range(1, 92)) == [row.account_seq for row in rows]
    befores = [0, *(row.balance_after_nano_usd for row in rows)]
    assert [b + row.delta_nano_usd for b, row in zip(befores, rows, strict=False)] == befores[1:]
    assert [] == await bench.problems()


async def test_batches_of_the_same_people_in_any_order_never_wait_in_a_circle(bench: Bench):
    people = [await bench.user() for _ in range(6)]
    keys = [await bench.key(user, enabled=True) for user in people]
    shuffled = random.Random(7)

    def batch() -> list[Charge]:
        wanted = [charge(user, 1) for user in people]
        wanted += [charge(user, 1, api_key_id=key) for user, key in zip(people, keys, strict=True)]
        shuffled.shuffle(wanted)
        return wanted

    await asyncio.gather(*(bench.charge(*batch()) for _ in range(20)))

    assert [-20] * 6 == [await bench.balance(user) for user in people]
    assert [-20] * 6 == [await bench.on_key(key) for key in keys]
    assert [] == await bench.problems()


async def test_a_replay_that_runs_beside_the_first_run_books_nothing_twice(bench: Bench):
    ada = await bench.user()
    batch = [charge(ada, 1) for _ in range(30)]

    found = await asyncio.gather(*(bench.charge(*batch) for _ in range(8)))

    assert (30, 210) == (sum(one.booked for one in found), sum(one.repeated for one in found))
    assert -30 == await bench.balance(ada)


async def test_a_batch_has_a_bound(sqlite_bench: Bench):
    ada = await sqlite_bench.user()

    await sqlite_bench.charge(*(charge(ada, 1) for _ in range(BATCH_MOST)))
    with pytest.raises(ValueError, match="at most"):
        await sqlite_bench.charge(*(charge(ada, 1) for _ in range(BATCH_MOST + 1)))

    assert -BATCH_MOST == await sqlite_bench.balance(ada)


@pytest.mark.parametrize(
    "fields",
    [
        {"request_id": ""},
        {"request_id": "x" * 192},
        {"request_id": "a\x00b"},
        {"request_id": "\ud800"},
        {"user_id": "ada"},
        {"user_id": NOBODY.upper()},
        {"user_id": ""},
        {"api_key_id": "sk-1"},
        {"amount_nano_usd": -1},
        {"amount_nano_usd": 2**127},
        {"amount_nano_usd": 1.0},
        {"amount_nano_usd": True},
        {"amount_nano_usd": "1"},
        {"kind": "top_up"},
        {"meta": {"x": "y" * META_CHARS_MOST}},
        {"meta": {"x": object()}},
        {"meta": {"x": float("nan")}},
        {"meta": {"x": "\ud800"}},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_is_no_charge_cannot_be_made(fields: dict[str, Any]):
    sound: dict[str, Any] = {"request_id": "one", "user_id": NOBODY, "amount_nano_usd": 1}

    Charge(**sound)
    with pytest.raises(ValueError):
        Charge(**sound | fields)
