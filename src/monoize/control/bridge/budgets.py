"""What a budget holds, for the data plane to count from: the balances of users and of keys with a sub-account."""

import asyncio
from collections.abc import Iterator

from monoize.base.errors import Unavailable
from monoize.control.identity.actions import balances
from monoize.control.identity.errors import NoSuchUser
from monoize.infra.audit_log import Entry as AuditEntry
from monoize.infra.db import Database, Tx
from monoize.infra.holds import Holds


def user_budget(user_id: str) -> str:
    return f"user:{user_id}"


def key_budget(key_id: str) -> str:
    return f"key:{key_id}"


class LedgerBudgets:
    """Whoever is gone has nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.posting = asyncio.Lock()
        """Held while charges become part of a balance: one read half-way would count them twice."""

    async def balance(self, budget: str) -> int | None:
        kind, _, id = budget.partition(":")
        async with self.posting, self._database.read() as tx:
            return await (_of_user(tx, id) if kind == "user" else _of_key(tx, id))


async def _of_user(tx: Tx, user_id: str) -> int | None:
    try:
        found = await balances.get_user_balance(tx, user_id)
    except NoSuchUser:
        return 0
    return None if found.unlimited else found.balance_nano_usd


async def _of_key(tx: Tx, key_id: str) -> int:
    found = await balances.find_sub_account(tx, key_id)
    return found.balance_nano_usd if found and found.enabled else 0


class Refresher:
    """Tells the holds of every balance that a person's change may have moved, before that person is answered."""

    def __init__(self, holds: Holds, budgets: LedgerBudgets) -> None:
        self._holds = holds
        self._budgets = budgets
        # What could not be told at once, and is tried again.
        self._stale: set[str] = set()

    async def changed(self, entry: AuditEntry) -> None:
        for budget in _moved_by(entry):
            await self._refresh(budget)

    async def doubt_all(self) -> None:
        """A balance that was read while another process was posting refuses too much until it is read again."""
        snapshot = await self._holds.snapshot()
        self._stale.update(budget.name for budget in snapshot.budgets if budget.is_open)

    async def run(self) -> None:
        for budget in tuple(self._stale):
            # Before reading: what is changed from now on is read at the next run.
            self._stale.discard(budget)
            await self._refresh(budget)

    async def _refresh(self, budget: str) -> None:
        """What moves again while it is read, or cannot be read now, stays on the list."""
        try:
            mark = await self._holds.mark(budget)
            told = await self._holds.refresh(budget, await self._budgets.balance(budget), mark)
        except Unavailable:
            told = False
        if not told:
            self._stale.add(budget)


def _moved_by(entry: AuditEntry) -> Iterator[str]:
    match entry.target_type:
        case "user":
            yield user_budget(entry.target_id)
            if entry.details.get("key_id"):
                yield key_budget(entry.details["key_id"])
        case "key":
            yield key_budget(entry.target_id)
            if "user_id" in entry.details:
                yield user_budget(entry.details["user_id"])
