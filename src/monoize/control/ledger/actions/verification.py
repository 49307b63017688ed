"""Does every balance follow from its rows? Checked a bounded step at a time, while others go on booking.

Three passes: rows that belong to no account; every account that has rows or a head, row by row; and whoever has a
balance without having rows. Where a step ends, its state goes to the caller sealed, so that nobody learns or makes
up how far an account's digests had grown.
"""

import dataclasses
import json
from collections.abc import Sequence
from typing import Final

from monoize.control.edge.windows import BadCursor
from monoize.control.identity.actions import balances
from monoize.control.ledger.model.chain import Broken, Followed, Head, birth, row_secret
from monoize.control.ledger.store import as_written, days, heads
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal, SealBroken

STEP_MOST: Final = 20_000
_ROWS_AT_ONCE: Final = 1000
_OWNERS_AT_ONCE: Final = 1000
# Looking into an account is a handful of queries, however few rows it has.
_WORK_OF_LOOKING: Final = 20
_PLACE: Final = "ledger verification"


@dataclasses.dataclass(frozen=True, slots=True)
class Verification:
    """What one step found. While `cursor` is not null there is more to check, from there on."""

    checked: int
    problems: Sequence[str]
    cursor: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class _Position:
    """After which account (the rows' pass) or owner (the balances' pass) to go on, or within which."""

    rows_done: bool = False
    after: str | None = None
    within: Followed | None = None


class _Step:
    def __init__(self, tx: Tx, seal: Seal, most: int) -> None:
        self._tx = tx
        self._seal = seal
        self._left = most
        self.checked = 0
        self.problems: list[str] = []

    async def run(self, position: _Position | None) -> _Position | None:
        """From this position (None: the beginning) as far as the step goes; None at the end of it all."""
        if position is None:
            homeless = await as_written.without_place(self._tx)
            if homeless is not None:
                self.problems.append(f"row {homeless} belongs to no account")
            position = _Position()
        while not position.rows_done:
            if self._left <= 0:
                return position
            position = await self._next_account(position)
        return await self._owners(position)

    async def _next_account(self, position: _Position) -> _Position:
        followed = position.within
        if followed is None:
            account_id = await as_written.next_account(self._tx, position.after)
            if account_id is None:
                return _Position(rows_done=True)
            followed = Followed(account_id, birth(self._seal, account_id))
        try:
            rest = await self._follow(followed)
        except Broken as problem:
            self.problems.append(f"account {followed.account_id}: {problem}")
            rest = None
        except (ValueError, TypeError):
            self.problems.append(f"account {followed.account_id}: holds a value that cannot be read")
            rest = None
        return _Position(after=position.after, within=rest) if rest else _Position(after=followed.account_id)

    async def _follow(self, followed: Followed) -> Followed | None:
        """Read on in one account; None when it is whole up to its end, and its balance with it."""
        tx, account_id = self._tx, followed.account_id
        secret = row_secret(self._seal, account_id)
        while True:
            head = await heads.get(tx, account_id)
            if head is None:
                raise Broken("has rows, but its end is not recorded")
            rows = await as_written.rows(tx, account_id, after=followed.head.last_seq, limit=_ROWS_AT_ONCE)
            for row in rows:
                followed = followed.by(secret, row)
            self.checked += len(rows)
            self._left -= len(rows) + _WORK_OF_LOOKING
            if len(rows) < _ROWS_AT_ONCE and await self._ends_here(followed, head):
                return None
            if self._left <= 0:
                return followed

    async def _ends_here(self, followed: Followed, before: Head) -> bool:
        """Whether all fits together at the end; False when somebody booked meanwhile and there is more to read."""
        tx, account_id = self._tx, followed.account_id
        balance = await balances.written(tx, account_id)
        summed_up = await days.of_account(tx, account_id)
        # With the same head before and after, nothing was booked while the rest was read.
        if await heads.get(tx, account_id) != before:
            return False
        reached = followed.head
        if reached.last_seq < before.last_seq:
            raise Broken(f"rows number {reached.last_seq + 1} to {before.last_seq} are missing at the end")
        if reached.last_seq > before.last_seq:
            raise Broken(f"has {reached.last_seq} rows, but {before.last_seq} are recorded")
        if reached.chain != before.chain:
            raise Broken("its rows are not those that were written")
        if balance is not None and balance != str(followed.total):
            raise Broken(f"its balance is {balance} nano-USD, but its rows come to {followed.total}")
        if (summed_up.entries, summed_up.total_nano_usd) != (reached.last_seq, followed.total):
            raise Broken("its sums of days do not come to what its rows do")
        return True

    async def _owners(self, position: _Position) -> _Position | None:
        """Balances that nobody booked."""
        after = position.after
        while self._left > 0:
            found = await balances.not_zero(self._tx, after=after, limit=_OWNERS_AT_ONCE)
            booked = await heads.present(self._tx, found)
            self.problems += [f"account {id}: has a balance, but no rows" for id in found if id not in booked]
            self._left -= _OWNERS_AT_ONCE
            if len(found) < _OWNERS_AT_ONCE:
                return None
            after = found[-1]
        return _Position(rows_done=True, after=after)


async def verify(tx: Tx, seal: Seal, *, cursor: str | None = None, most: int = STEP_MOST) -> Verification:
    """One step, from the beginning or from where the last one ended."""
    step = _Step(tx, seal, most)
    position = await step.run(_opened(seal, cursor) if cursor else None)
    return Verification(step.checked, step.problems, _sealed(seal, position) if position else None)


def _sealed(seal: Seal, position: _Position) -> str:
    return seal.seal(json.dumps(dataclasses.asdict(position)), _PLACE)


def _opened(seal: Seal, cursor: str) -> _Position:
    try:
        fields = json.loads(seal.open(cursor, _PLACE))
    except SealBroken:
        raise BadCursor from None
    within = fields["within"]
    if within is not None:
        within = Followed(within["account_id"], Head(*within["head"]), within["total"])
    return _Position(fields["rows_done"], fields["after"], within)
