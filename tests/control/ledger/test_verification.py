"""Verifying finds whatever was changed behind the ledger's back, names it, and finds nothing where nothing was."""

import asyncio
import json
from typing import Any

import pytest
from control.ledger.bench import Bench, charge
from sqlalchemy import delete, func, insert, select, text, update
from support.tampering import without_triggers

from monoize.base.ids import new_id
from monoize.control.edge.windows import BadCursor
from monoize.control.identity.tables import api_keys, users
from monoize.control.ledger.actions import verification
from monoize.control.ledger.model.entries import OfAgent
from monoize.control.ledger.tables import billing_ledger, ledger_days, ledger_heads
from monoize.infra.sealed import Seal

rows = billing_ledger.c


async def told(bench: Bench) -> tuple[str, str]:
    """A user and a key with a history; the ids."""
    ada = await bench.user()
    key = await bench.key(ada, enabled=True)
    await bench.top_up(ada, 1000, new_id())
    await bench.transfer(key, 300)
    await bench.charge(charge(ada, 20), charge(ada, 30, api_key_id=key), charge(ada, 5))
    assert [] == await bench.problems()
    return ada, key


async def test_a_book_that_nobody_touched_is_right_in_steps_of_any_length(bench: Bench):
    for _ in range(3):
        await told(bench)
    await bench.user()

    for most in (1, 25, 60, 20_000):
        assert [] == await bench.problems(most)


async def test_an_empty_book_is_right(bench: Bench):
    assert [] == await bench.problems()


EDITS: dict[str, Any] = {
    "user_id": "01a1fc11-0000-7000-8000-000000000000",
    "api_key_id": "01a1fc11-0000-7000-8000-000000000000",
    "kind": "admin_adjustment",
    "request_id": "another",
    "delta_nano_usd": 1001,
    "balance_after_nano_usd": 999,
    "meta_json": '{"actor":"user:mallory"}',
    "created_at": func.current_timestamp(),
    "row_mac": "0" * 64,
    "agent_id": "01a1fc11-0000-7000-8000-000000000000",
    "agent_record_id": "01a1fc11-0000-7000-8000-000000000000",
    "id": "01a1fc11-0000-7000-8000-000000000000",
}


@pytest.mark.parametrize("column", EDITS)
async def test_a_row_that_was_edited_in_any_column_is_named(bench: Bench, column: str):
    ada, _ = await told(bench)
    first = (await bench.rows(ada))[0].id

    async with without_triggers(bench.database, billing_ledger) as tx:
        await tx.execute(update(billing_ledger).where(rows.id == first).values({column: EDITS[column]}))

    name = EDITS["id"] if column == "id" else first
    assert [f"account {ada}: row number 1 ({name}) was changed"] == await bench.problems()


@pytest.mark.parametrize("other", [OfAgent(), OfAgent("here", "there"), OfAgent("there", None)], ids=str)
async def test_a_charge_of_an_agent_cannot_be_made_nobodys_or_anothers(bench: Bench, other: OfAgent):
    ada = await bench.user()
    (entry,) = await bench.charged(charge(ada, 20, of_agent=OfAgent(None, "there")))
    assert ([], "there") == (await bench.problems(), entry.agent_record_id)

    async with without_triggers(bench.database, billing_ledger) as tx:
        await tx.execute(update(billing_ledger).where(rows.id == entry.id).values(other._asdict()))

    assert [f"account {ada}: row number 1 ({entry.id}) was changed"] == await bench.problems()


def test_every_column_of_a_row_is_tried():
    assert set(billing_ledger.c.keys()) == {*EDITS, "account_id", "account_seq"}


async def test_a_row_that_was_moved_to_another_account_is_missed_there_and_found_here(bench: Bench):
    ada, key = await told(bench)
    async with without_triggers(bench.database, billing_ledger) as tx:
        moved = update(billing_ledger).where(rows.account_id == ada, rows.account_seq == 2)
        await tx.execute(moved.values(account_id=key, account_seq=3))

    assert {f"account {ada}: row number 2 is missing", f"account {key}: row number 3 ({{}}) was changed"} == {
        problem
        if "missing" in problem
        else problem[: problem.index("(") + 1] + "{}" + problem[problem.index(")") :]
        for problem in await bench.problems()
    }


async def test_a_row_without_a_place_is_found(bench: Bench):
    ada, _ = await told(bench)
    stray = {"id": new_id(), "user_id": ada, "kind": "top_up", "delta_nano_usd": 5, "balance_after_nano_usd": 5}
    async with bench.database.write() as tx:
        await tx.execute(insert(billing_ledger).values(**stray))

    assert [f"row {stray['id']} belongs to no account"] == await bench.problems()


async def test_a_row_of_an_account_that_nobody_opened_is_found(bench: Bench):
    await told(bench)
    nobody = new_id()
    stray = {"id": new_id(), "user_id": nobody, "kind": "top_up", "delta_nano_usd": 5, "account_id": nobody}
    async with bench.database.write() as tx:
        await tx.execute(insert(billing_ledger).values(**stray, account_seq=1))

    assert [f"account {nobody}: has rows, but its end is not recorded"] == await bench.problems()


@pytest.mark.parametrize("seq", [1, 2, 3])
async def test_a_removed_row_is_missed(bench: Bench, seq: int):
    ada, _ = await told(bench)
    async with without_triggers(bench.database, billing_ledger) as tx:
        await tx.execute(delete(billing_ledger).where(rows.account_id == ada, rows.account_seq == seq))

    assert [f"account {ada}: row number {seq} is missing"] == await bench.problems()


async def test_rows_removed_at_the_end_are_missed(bench: Bench):
    ada, _ = await told(bench)
    async with without_triggers(bench.database, billing_ledger) as tx:
        await tx.execute(delete(billing_ledger).where(rows.account_id == ada, rows.account_seq > 2))

    assert [f"account {ada}: rows number 3 to 4 are missing at the end"] == await bench.problems()


async def test_setting_balance_and_head_back_with_the_removed_rows_does_not_hide_it_even_after_more_was_booked(
    bench: Bench,
):
    ada, _ = await told(bench)
    async with without_triggers(bench.database, billing_ledger) as tx:
        await tx.execute(delete(billing_ledger).where(rows.account_id == ada, rows.account_seq > 2))
        await tx.execute(update(ledger_heads).where(ledger_heads.c.account_id == ada).values(last_seq=2))
        await tx.execute(update(users).where(users.c.id == ada).values(balance_nano_usd=700))
        await tx.execute(delete(ledger_days).where(ledger_days.c.kind == "request_charge"))

    for _ in range(2):
        assert [f"account {ada}: its rows are not those that were written"] == await bench.problems()
        await bench.charge(charge(ada, 1))


async def test_a_row_written_by_somebody_without_the_master_key_is_found(bench: Bench):
    ada, _ = await told(bench)
    forger = Bench(bench.database)
    forger.seal = Seal(bytes([1] * 32))

    await forger.charge(charge(ada, 1))

    (problem,) = await bench.problems()
    assert problem.startswith(f"account {ada}: row number 5 (") and problem.endswith("was changed")


async def test_an_edited_balance_is_named_of_users_and_of_keys(bench: Bench):
    ada, key = await told(bench)
    async with bench.database.write() as tx:
        await tx.execute(update(users).where(users.c.id == ada).values(balance_nano_usd=10**9))
        await tx.execute(update(api_keys).where(api_keys.c.id == key).values(sub_account_balance_nano=0))

    assert {
        f"account {ada}: its balance is 1000000000 nano-USD, but its rows come to 675",
        f"account {key}: its balance is 0 nano-USD, but its rows come to 270",
    } == set(await bench.problems())


@pytest.mark.parametrize("written", ["much", "", "0675", "675.0", "675 "])
async def test_a_balance_that_is_no_number_of_ours_is_named(bench: Bench, written: str):
    ada, _ = await told(bench)
    async with bench.database.write() as tx:
        await tx.execute(text("UPDATE users SET balance_nano_usd = :b").bindparams(b=written))

    expected = f"account {ada}: its balance is {written} nano-USD, but its rows come to 675"
    assert [expected] == await bench.problems()


async def test_a_balance_out_of_nothing_is_named(bench: Bench):
    await told(bench)
    rich, key = await bench.user(), await bench.key(await bench.user())
    async with bench.database.write() as tx:
        await tx.execute(update(users).where(users.c.id == rich).values(balance_nano_usd=5))
        await tx.execute(update(api_keys).where(api_keys.c.id == key).values(sub_account_balance_nano=-5))

    expected = {f"account {id}: has a balance, but no rows" for id in (rich, key)}
    for most in (1, 20_000):
        assert expected == set(await bench.problems(most))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"last_seq": 3}, "has 4 rows, but 3 are recorded"),
        ({"last_seq": 5}, "rows number 5 to 5 are missing at the end"),
        ({"chain": "0" * 64}, "its rows are not those that were written"),
    ],
)
async def test_an_edited_head_is_found(bench: Bench, change: dict[str, Any], problem: str):
    ada, _ = await told(bench)
    async with bench.database.write() as tx:
        await tx.execute(update(ledger_heads).where(ledger_heads.c.account_id == ada).values(**change))

    assert [f"account {ada}: {problem}"] == await bench.problems()


async def test_a_removed_head_is_found(bench: Bench):
    ada, _ = await told(bench)
    async with bench.database.write() as tx:
        await tx.execute(delete(ledger_heads).where(ledger_heads.c.account_id == ada))

    assert f"account {ada}: has rows, but its end is not recorded" in await bench.problems()


async def test_an_account_without_its_rows_is_found_when_its_head_is_left(bench: Bench):
    ada, _ = await told(bench)
    async with without_triggers(bench.database, billing_ledger) as tx:
        await tx.execute(delete(billing_ledger).where(rows.account_id == ada))

    assert [f"account {ada}: rows number 1 to 4 are missing at the end"] == await bench.problems()


async def test_an_edited_sum_of_a_day_is_found(bench: Bench):
    ada, _ = await told(bench)
    sums = (ledger_days.c.account_id == ada) & (ledger_days.c.kind == "top_up")
    async with bench.database.write() as tx:
        await tx.execute(update(ledger_days).where(sums).values(total_nano_usd=1))

    assert [f"account {ada}: its sums of days do not come to what its rows do"] == await bench.problems()


async def test_an_amount_that_is_no_number_is_named_and_the_rest_is_checked(bench: Bench):
    ada, _ = await told(bench)
    other, _ = await told(bench)
    async with without_triggers(bench.database, billing_ledger) as tx:
        broken = text("UPDATE billing_ledger SET delta_nano_usd = 'much' WHERE account_id = :a")
        await tx.execute(broken.bindparams(a=ada))
        await tx.execute(
            text("UPDATE ledger_days SET total_nano_usd = 'much' WHERE account_id = :a").bindparams(a=other)
        )

    changed, unreadable = sorted(await bench.problems(), key=lambda problem: ada not in problem)
    assert changed.startswith(f"account {ada}: row number 1 (") and changed.endswith("was changed")
    assert f"account {other}: holds a value that cannot be read" == unreadable


async def test_a_user_who_was_deleted_leaves_a_book_that_is_right(bench: Bench):
    ada, _ = await told(bench)
    async with bench.database.write() as tx:
        await tx.execute(delete(users).where(users.c.id == ada))

    assert [] == await bench.problems()
    async with without_triggers(bench.database, billing_ledger) as tx:
        await tx.execute(delete(billing_ledger).where(rows.account_id == ada, rows.account_seq > 2))
    assert [f"account {ada}: rows number 3 to 4 are missing at the end"] == await bench.problems()


async def test_verifying_while_others_book_finds_nothing(bench: Bench):
    people = [await bench.user() for _ in range(3)]
    done = asyncio.Event()

    async def book() -> None:
        for _ in range(15):
            await bench.charge(*(charge(user, 1) for user in people))
        done.set()

    async def verify() -> list[list[str]]:
        found = []
        while not done.is_set():
            found.append(await bench.problems(50))
        return found

    _, found = await asyncio.gather(book(), verify())

    assert found
    assert [] == [problems for problems in found if problems]


@pytest.mark.parametrize("cursor", ["x", "v1.aaaaaaaa.AAAA", "v1..", "é"])
async def test_a_cursor_that_was_not_made_here_is_refused(sqlite_bench: Bench, cursor: str):
    async with sqlite_bench.database.read() as tx:
        with pytest.raises(BadCursor):
            await verification.verify(tx, sqlite_bench.seal, cursor=cursor)


async def test_a_cursor_says_nothing_of_the_digests(sqlite_bench: Bench):
    await told(sqlite_bench)
    async with sqlite_bench.database.read() as tx:
        step = await verification.verify(tx, sqlite_bench.seal, most=22)
        chains = list((await tx.execute(select(ledger_heads.c.chain))).scalars())

    assert step.cursor and not [chain for chain in chains if chain in json.dumps(step.cursor)]
