"""The one place where money moves: accounts are locked and read once, rows are posted, all of it is written once.

async with opened(tx, seal, poster="person", user_ids=[…], key_ids=[…]) as book:
    book.post(…)

Balances change in memory only until the block ends; what is raised in it leaves nothing behind. Everybody locks in
the same order (users by id, keys by id, heads by id), so no two posters can wait for each other in a circle.

A user who is gone can still be charged for what they used: the row is kept, and no balance moves. The balance of
an unlimited user moves like any other, so that every balance is the sum of its rows; it just refuses nothing.
"""

import contextlib
import dataclasses
import datetime as dt
import uuid
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from typing import Any, Literal

from monoize.base.clock import utc_now
from monoize.base.ids import id_text, new_id
from monoize.base.money import NANO_USD_BOUND
from monoize.control.identity.actions import balances
from monoize.control.identity.model import SubAccount, UserBalance
from monoize.control.ledger.errors import BalanceOutOfRange
from monoize.control.ledger.model.chain import Head, birth, grown, row_mac, row_secret
from monoize.control.ledger.model.entries import NOBODYS, Entry, OfAgent, meta_text
from monoize.control.ledger.model.kinds import KINDS, KindName, fits
from monoize.control.ledger.store import days, entries, heads
from monoize.control.ledger.store.days import DayKey, Sum
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal


@dataclasses.dataclass(slots=True)
class _Account:
    """One balance while the book is open; None once its owner is gone."""

    balance: int | None
    head: Head
    secret: bytes
    has_head: bool
    moved: bool = False


class Book:
    def __init__(
        self,
        seal: Seal,
        poster: Literal["machine", "person"],
        locked: balances.Locked,
        found: Mapping[str, Head],
        account_ids: Collection[str],
    ) -> None:
        self._poster = poster
        self._locked = locked
        self._now = utc_now()
        self._last_id = 0
        self._rows: list[dict[str, Any]] = []
        self._accounts = {
            id: _Account(
                balance=_balance(locked, id),
                head=found.get(id) or birth(seal, id),
                secret=row_secret(seal, id),
                has_head=id in found,
            )
            for id in account_ids
        }

    @property
    def users(self) -> Mapping[str, UserBalance]:
        """Users as they were when the book was opened."""
        return self._locked.users

    @property
    def sub_accounts(self) -> Mapping[str, SubAccount]:
        return self._locked.sub_accounts

    def balance(self, account_id: str) -> int:
        """What is there now, with all that was posted so far."""
        found = self._accounts[account_id].balance
        assert found is not None
        return found

    def post(
        self,
        kind: KindName,
        delta: int,
        *,
        user_id: str,
        key_id: str | None = None,
        on_key: bool = False,
        request_id: str | None = None,
        of_agent: OfAgent = NOBODYS,
        meta: Mapping[str, Any],
    ) -> Entry:
        """One row on the user's account, or `on_key` on the key's sub-account."""
        row = self.append(
            kind,
            delta,
            user_id=user_id,
            key_id=key_id,
            on_key=on_key,
            request_id=request_id,
            of_agent=of_agent,
            meta_json=meta_text(meta),
        )
        return entries.entry(row)

    def append(
        self,
        kind: KindName,
        delta: int,
        *,
        user_id: str,
        key_id: str | None,
        on_key: bool,
        request_id: str | None,
        of_agent: OfAgent,
        meta_json: str,
    ) -> dict[str, Any]:
        """What `post` does, for those who have no use for the row as a value."""
        machine = KINDS[kind].posted_by == "machine"
        if not fits(kind, on_key=on_key, delta=delta, request_id=request_id) or machine != (
            self._poster == "machine"
        ):
            raise AssertionError(f"a {self._poster} cannot post {kind} like this")
        account_id = key_id if on_key else user_id
        assert account_id is not None
        account = self._accounts[account_id]
        after = None if account.balance is None else _in_range(account.balance + delta)
        row: dict[str, Any] = {
            "id": self._next_id(),
            "user_id": user_id,
            "api_key_id": key_id,
            "kind": kind,
            "request_id": request_id,
            "delta_nano_usd": delta,
            "balance_after_nano_usd": after,
            "meta_json": meta_json,
            "created_at": self._now,
            "account_id": account_id,
            "account_seq": account.head.last_seq + 1,
            "agent_id": of_agent.agent_id,
            "agent_record_id": of_agent.agent_record_id,
        }
        row["row_mac"] = mac = row_mac(account.secret, row)
        account.head, account.balance, account.moved = grown(account.head, mac), after, True
        self._rows.append(row)
        return row

    def _next_id(self) -> str:
        """Ids of one transaction ascend, also within a millisecond, so that lists show its rows in order."""
        self._last_id = self._last_id + 1 if self._last_id else uuid.UUID(new_id()).int
        return id_text(self._last_id)

    async def write(self, tx: Tx) -> None:
        if not self._rows:
            return
        await entries.add(tx, self._rows)
        moved = {id: account for id, account in self._accounts.items() if account.moved}
        await heads.write(
            tx,
            new={id: account.head for id, account in moved.items() if not account.has_head},
            moved={id: account.head for id, account in moved.items() if account.has_head},
        )
        day = self._now.astimezone(dt.UTC).date().isoformat()
        before = await days.of_day(tx, day, moved)
        sums = _summed_up(self._rows, day, before)
        await days.write(
            tx,
            new={key: total for key, total in sums.items() if key not in before},
            moved={key: total for key, total in sums.items() if key in before},
        )
        left = {id: account.balance for id, account in moved.items() if account.balance is not None}
        await balances.write(
            tx,
            users={id: balance for id, balance in left.items() if id in self._locked.users},
            sub_accounts={id: balance for id, balance in left.items() if id in self._locked.sub_accounts},
        )


@contextlib.asynccontextmanager
async def opened(
    tx: Tx,
    seal: Seal,
    *,
    poster: Literal["machine", "person"],
    user_ids: Collection[str],
    key_ids: Collection[str] = (),
) -> AsyncIterator[Book]:
    """A person's book wants the keys that it names; a machine's only those that have a sub-account."""
    locked = await balances.lock(tx, user_ids=user_ids, key_ids=key_ids, enabled_only=poster == "machine")
    account_ids = {*user_ids, *locked.sub_accounts}
    book = Book(seal, poster, locked, await heads.lock(tx, account_ids), account_ids)
    yield book
    await book.write(tx)


def _balance(locked: balances.Locked, account_id: str) -> int | None:
    if account_id in locked.users:
        return locked.users[account_id].balance_nano_usd
    if account_id in locked.sub_accounts:
        return locked.sub_accounts[account_id].balance_nano_usd
    return None


def _in_range(amount: int) -> int:
    if not -NANO_USD_BOUND <= amount < NANO_USD_BOUND:
        raise BalanceOutOfRange
    return amount


def _summed_up(rows: Iterable[Mapping[str, Any]], day: str, before: Mapping[DayKey, Sum]) -> dict[DayKey, Sum]:
    """The new sums of the day, of all that these rows touch."""
    deltas: dict[tuple[str, KindName, str | None, str], list[int]] = {}
    for row in rows:
        key = row["account_id"], row["kind"], row["api_key_id"], row["user_id"]
        deltas.setdefault(key, []).append(row["delta_nano_usd"])
    sums: dict[DayKey, Sum] = {}
    for (account_id, kind, api_key_id, user_id), of_key in deltas.items():
        day_key = DayKey(account_id, day, kind, api_key_id or "", user_id)
        sums[day_key] = before.get(day_key, Sum(0, 0)) + Sum(len(of_key), sum(of_key))
    for total in sums.values():
        _in_range(total.total_nano_usd)
    return sums
