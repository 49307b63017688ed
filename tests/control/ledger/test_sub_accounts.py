"""Sub-accounts of keys: money moves between owner and key, and none of it ever appears or disappears."""

import asyncio

import pytest
from control.ledger.bench import Bench, caller, charge, kinds

from monoize.base.ids import new_id
from monoize.control.edge.wire import Window
from monoize.control.identity.actions import keys
from monoize.control.identity.errors import NoSuchKey, SubAccountOpen
from monoize.control.ledger.actions import sub_accounts
from monoize.control.ledger.errors import InsufficientBalance, SubAccountOff


async def test_a_transfer_leaves_a_row_on_each_side_that_name_each_other(bench: Bench):
    ada = await bench.user()
    key = await bench.key(ada, enabled=True)
    await bench.top_up(ada, 100)

    move = await bench.transfer(key, 100)

    assert ("sub_account_transfer_out", -100, 0) == kinds(await bench.rows(ada))[-1]
    assert [("sub_account_transfer_in", 100, 100)] == kinds(await bench.rows(key))
    assert 100 == move.sub_account.balance_nano_usd
    assert move.entries[0].meta["transfer_id"] == move.entries[1].meta["transfer_id"]
    assert ["user", "sub_account"] == [entry.account for entry in move.entries]


async def test_nobody_transfers_more_than_they_have_unless_they_are_unlimited(bench: Bench):
    ada, rich = await bench.user(), await bench.user(unlimited=True)
    key, purse = await bench.key(ada, enabled=True), await bench.key(rich, enabled=True)
    await bench.top_up(ada, 99)

    with pytest.raises(InsufficientBalance):
        await bench.transfer(key, 100)
    await bench.transfer(purse, 100)

    assert (99, 0) == (await bench.balance(ada), await bench.on_key(key))
    assert (-100, 100) == (await bench.balance(rich), await bench.on_key(purse))
    assert [] == await bench.problems()


async def test_transfers_at_once_never_take_more_than_there_is(bench: Bench):
    ada = await bench.user()
    purses = [await bench.key(ada, enabled=True) for _ in range(10)]
    await bench.top_up(ada, 70)

    found = await asyncio.gather(*(bench.transfer(key, 10) for key in purses), return_exceptions=True)

    assert 3 == sum(isinstance(one, InsufficientBalance) for one in found), found
    assert 0 == await bench.balance(ada)
    assert 70 == sum([await bench.on_key(key) for key in purses])


async def test_a_key_without_a_sub_account_takes_no_money(bench: Bench):
    ada = await bench.user()
    key = await bench.key(ada)
    await bench.top_up(ada, 100)

    for attempt in (bench.transfer(key, 1), bench.set_balance(key, 1)):
        with pytest.raises(SubAccountOff):
            await attempt

    assert (100, 0) == (await bench.balance(ada), await bench.on_key(key))


@pytest.mark.parametrize(
    ("left", "kind"), [(30, "sub_account_refund"), (-30, "sub_account_debt_transfer"), (0, None)]
)
async def test_turning_it_off_merges_what_is_left_or_owed_into_the_owner(bench: Bench, left: int, kind: str | None):
    ada = await bench.user()
    key = await bench.key(ada, enabled=True)
    await bench.top_up(ada, 100)
    await bench.transfer(key, 50)
    if left != 50:
        await bench.charge(charge(ada, 50 - left, api_key_id=key))

    move = await bench.enable(key, False)

    assert (50 + left, 0, False) == (await bench.balance(ada), await bench.on_key(key), move.sub_account.enabled)
    assert ([(kind, left), (kind, -left)] if kind else []) == [
        (entry.kind, entry.delta_nano_usd) for entry in move.entries
    ]
    assert [] == (await bench.enable(key, False)).entries
    assert [] == await bench.problems()


async def test_setting_more_is_a_gift_and_setting_less_goes_back_to_the_owner(bench: Bench):
    ada = await bench.user()
    key = await bench.key(ada, enabled=True)

    await bench.set_balance(key, 80)
    assert (0, 80) == (await bench.balance(ada), await bench.on_key(key))
    await bench.set_balance(key, 30)
    assert (50, 30) == (await bench.balance(ada), await bench.on_key(key))
    assert [] == (await bench.set_balance(key, 30)).entries
    assert ["admin_sub_account_adjustment", "sub_account_refund"] == [row.kind for row in await bench.rows(key)]
    assert [] == await bench.problems()


@pytest.mark.parametrize("left", [30, -30, 0])
async def test_deleting_a_key_settles_it_with_its_owner(bench: Bench, left: int):
    ada = await bench.user()
    key = await bench.key(ada, enabled=True)
    if left:
        await bench.adjust(ada, 1)
        await bench.set_balance(key, 100)
        await bench.charge(charge(ada, 100 - left, api_key_id=key))

    await bench.delete_key(key)

    assert left + bool(left) == await bench.balance(ada)
    settled = [row.kind for row in await bench.rows() if row.kind == "sub_account_delete_settlement"]
    assert (2 if left else 0) == len(settled)
    async with bench.database.read() as tx:
        with pytest.raises(NoSuchKey):
            await keys.get_key(tx, caller().principal, key)
    await bench.charge(charge(ada, 5, api_key_id=key))
    assert left + bool(left) - 5 == await bench.balance(ada)
    assert [] == await bench.problems()


async def test_identity_does_not_delete_a_key_that_has_a_sub_account_even_when_it_is_opened_at_once(bench: Bench):
    ada = await bench.user()

    async def delete_plainly(key: str) -> None:
        async with bench.change() as change:
            await keys.delete_key(change, key)

    open_one = await bench.key(ada, enabled=True)
    with pytest.raises(SubAccountOpen):
        await delete_plainly(open_one)

    await bench.top_up(ada, 1000)
    for _ in range(5):
        key = await bench.key(ada)

        async def fill(key: str = key) -> None:
            await bench.enable(key)
            await bench.transfer(key, 7)

        await asyncio.gather(fill(), delete_plainly(key), return_exceptions=True)
    async with bench.database.read() as tx:
        owned = (await keys.list_keys(tx, Window(200, None), user_id=ada)).items
    assert 1000 == await bench.balance(ada) + sum([await bench.on_key(key.id) for key in owned])
    assert [] == await bench.problems()


async def test_only_the_owner_or_somebody_with_the_permission_moves_the_money_of_a_key(bench: Bench):
    ada, bob = await bench.user(), await bench.user()
    key = await bench.key(ada, enabled=True)
    plain = frozenset({"self"})

    for who, allowed in ((ada, True), (bob, False)):
        call = caller(who, permissions=plain)

        async def switch(call: object = call) -> None:
            async with bench.audit_log.change(call) as change:
                await sub_accounts.set_enabled(change, bench.seal, key, enabled=True)

        if allowed:
            await switch()
        else:
            with pytest.raises(NoSuchKey):
                await switch()


async def test_a_key_that_is_not_there_has_no_sub_account(bench: Bench):
    for attempt in (
        bench.transfer(new_id(), 1),
        bench.enable(new_id()),
        bench.set_balance(new_id(), 1),
        bench.delete_key(new_id()),
    ):
        with pytest.raises(NoSuchKey):
            await attempt
