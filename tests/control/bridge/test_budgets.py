"""What a key may spend in a time is what it was given, less what was charged with it."""

import datetime as dt

from support.money import Till

from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.contract.budgets import key_day_budget, key_month_budget, user_budget
from monoize.contract.events import Charged, RequestLog, encode
from monoize.control.bridge.budgets import LedgerBudgets


async def spend(till: Till, user_id: str, key_id: str, amount: int) -> None:
    id = new_id()
    budgets = {user_budget(user_id): amount}
    charged = Charged(id, id, user_id, 0, amount, key_id, budgets=budgets, log=RequestLog(model="m"))
    await till.money.spool.finish(id, encode(charged))
    await till.money.handover.post_all()


async def test_budgets_of_a_day_and_a_month_count_what_was_charged(till_everywhere: Till):
    till = till_everywhere
    root = await till.house.make_root()
    user_id = await till.person(10**12)
    limits = {"daily_budget_nano_usd": "100", "monthly_budget_nano_usd": "1000"}
    made = (await root.post("/api/keys", json={"name": "k", "user_id": user_id, **limits})).json()["key"]
    budgets, today = LedgerBudgets(till.house.house.database), utc_now().date()
    day, month = key_day_budget(made["id"], today), key_month_budget(made["id"], today)

    assert (100, 1000) == (await budgets.balance(day), await budgets.balance(month))
    await spend(till, user_id, made["id"], 30)
    await spend(till, user_id, new_id(), 7)
    await spend(till, user_id, made["id"], 90)
    assert (-20, 880) == (await budgets.balance(day), await budgets.balance(month))
    yesterday = key_day_budget(made["id"], today - dt.timedelta(days=1))
    last_month = key_month_budget(made["id"], today.replace(day=1) - dt.timedelta(days=1))
    assert (100, 1000) == (await budgets.balance(yesterday), await budgets.balance(last_month))


async def test_a_key_without_limits_may_spend_all_and_one_that_is_gone_nothing(till: Till):
    root = await till.house.make_root()
    made = (await root.post("/api/keys", json={"name": "k"})).json()["key"]
    budgets, today = LedgerBudgets(till.house.house.database), utc_now().date()

    assert None is await budgets.balance(key_day_budget(made["id"], today))
    assert 0 == await budgets.balance(key_month_budget(new_id(), today))
