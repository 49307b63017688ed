"""What a budget holds, for the data plane to count from: balances, and what keys may spend in a time."""

import asyncio
import datetime as dt
from collections.abc import Iterator
from typing import Final

from monoize.base.clock import utc_now
from monoize.contract.budgets import key_budget, key_day_budget, key_month_budget, user_budget
from monoize.control.governance.actions import spending
from monoize.control.identity.actions import balances
from monoize.control.identity.errors import NoSuchUser
from monoize.control.ledger.actions.statements import spent_with_key
from monoize.infra.audit_log import Entry as AuditEntry
from monoize.infra.db import Database, Tx

_ONE_DAY: Final = dt.timedelta(days=1)


class LedgerBudgets:
    """Whoever is gone has nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.posting = asyncio.Lock()
        """Held while charges become part of a balance: one read half-way would count them twice."""

    async def balance(self, budget: str) -> int | None:
        kind, id, *first_day = budget.split(":")
        async with self.posting, self._database.read() as tx:
            match kind:
                case "user":
                    return await _of_user(tx, id)
                case "key":
                    return await _of_key(tx, id)
                case "key-day":
                    return await _left_of_day(tx, id, dt.date.fromisoformat(first_day[0]))
                case "key-month":
                    return await _left_of_month(tx, id, dt.date.fromisoformat(first_day[0]))
                case "agent":
                    # Its limit is in its name: with another limit it is another budget, of the same account.
                    return int(id) - await spending.spent_of(tx, ":".join(first_day))
                case _:
                    raise ValueError(f"no budget is called {budget}")


async def _of_user(tx: Tx, user_id: str) -> int | None:
    try:
        found = await balances.get_user_balance(tx, user_id)
    except NoSuchUser:
        return 0
    return None if found.unlimited else found.balance_nano_usd


async def _of_key(tx: Tx, key_id: str) -> int:
    found = await balances.find_sub_account(tx, key_id)
    return found.balance_nano_usd if found and found.enabled else 0


async def _left_of_day(tx: Tx, key_id: str, day: dt.date) -> int | None:
    limit = (await balances.get_key_limits(tx, key_id)).daily_nano_usd
    return None if limit is None else limit - await spent_with_key(tx, key_id, since=day, until=day + _ONE_DAY)


async def _left_of_month(tx: Tx, key_id: str, first_day: dt.date) -> int | None:
    limit = (await balances.get_key_limits(tx, key_id)).monthly_nano_usd
    # The 28th and four days are always in the next month.
    until = (first_day.replace(day=28) + 4 * _ONE_DAY).replace(day=1)
    return None if limit is None else limit - await spent_with_key(tx, key_id, since=first_day, until=until)


def moved_by(entry: AuditEntry) -> Iterator[str]:
    """The budgets whose balances a person's change may have moved."""
    match entry.target_type:
        case "user":
            yield user_budget(entry.target_id)
            if entry.details.get("key_id"):
                yield key_budget(entry.details["key_id"])
        case "key":
            today = utc_now().date()
            yield key_budget(entry.target_id)
            yield key_day_budget(entry.target_id, today)
            yield key_month_budget(entry.target_id, today)
            if "user_id" in entry.details:
                yield user_budget(entry.details["user_id"])
