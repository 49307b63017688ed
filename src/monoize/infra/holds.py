"""Holds: the one way in which a request reserves money before it is sent, against every budget that applies to it.

`Holds` is the contract, and says what is always true. `MemoryHolds` serves one process and is atomic because it
never awaits; `RedisHolds`, in a file of its own, is shared by several. Money fails closed: what cannot be counted
is not placed. A caller's mistake (a malformed name, an amount out of bounds) is a ValueError, and nothing was
changed.
"""

import dataclasses
import functools
import itertools
import re
import time
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, Literal, Protocol

import msgspec

from monoize.base.errors import Unavailable

NAME_CHARS_MOST: Final = 160
CLAIMS_MOST: Final = 256
AMOUNT_MOST_NANO: Final = 10**18
# A balance beyond it counts as this much, so that every store may count in 64 bits.
BALANCE_MOST_NANO: Final = 2**62
LIFETIME_MOST_S: Final = 24 * 60 * 60
POSTED_MOST: Final = 2000
SNAPSHOT_MOST: Final = 1000
HOLDS_MOST: Final = 200_000
BUDGETS_MOST: Final = 100_000
ENDED_MOST: Final = 50_000
NAMES_KNOWN: Final = 4_096
"""Of budgets and of what is under way: a name comes by several times."""
IDLE_S: Final = 15 * 60
REMEMBER_S: Final = 15 * 60

_BUDGETS_TRIED: Final = 8
_NAME: Final = re.compile(rf"[!-~]{{1,{NAME_CHARS_MOST}}}")

Charges = Mapping[str, int]
"""What is taken in the end, by budget."""

Ending = Literal["ended", "late", "repeated"]
"""*ended*: the hold was there. *late*: it was not, or no longer. *repeated*: its end was known, nothing changed."""


class HoldsFull(Unavailable):
    """Too many requests hold money at once, or have not been posted yet."""

    code = "holds_full"
    hint = "Try again shortly."


class Claim(msgspec.Struct, frozen=True):
    """What is asked of one budget: all of `amount`, unless `least` says how little of it will do.

    `overdraft` is how far below zero the budget may be taken. An amount of 0 needs something to be there too.
    """

    budget: str
    amount: int
    least: int | None = None
    overdraft: int = 0

    def __post_init__(self) -> None:
        check_name(self.budget)
        check_amount(self.amount)
        if self.overdraft != 0:
            check_amount(self.overdraft)
        if self.least is not None and self.least != self.amount:
            check_amount(self.least)
            if self.least > self.amount:
                raise ValueError("a claim that asks for less than it needs")

    def taken_from(self, available: int) -> int | None:
        """How much of what is available it takes, or None when that is too little."""
        room = available + self.overdraft
        if room >= self.amount:
            return self.amount if room > 0 else None
        return room if room > 0 and self.least is not None and room >= self.least else None


class Placed(msgspec.Struct, frozen=True):
    """The money is held: so much for each claim, in their order."""

    taken: tuple[int, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Refused:
    """The first budget that has too little. Nothing is held anywhere."""

    budget: str
    available: int
    asked: int


@dataclasses.dataclass(frozen=True, slots=True)
class NotOpen:
    """Budgets whose balance is not known here, with the marks to `refresh` them by. Then place again."""

    marks: Mapping[str, int]


@dataclasses.dataclass(frozen=True, slots=True)
class AlreadyEnded:
    """This hold was settled or released before; it is not placed again."""


Placement = Placed | Refused | NotOpen | AlreadyEnded


@dataclasses.dataclass(frozen=True, slots=True)
class BudgetState:
    """One budget as it is now. `available` is None when it is unlimited, or not open."""

    name: str
    is_open: bool
    available: int | None
    held: int
    unposted: int


@dataclasses.dataclass(frozen=True, slots=True)
class HoldState:
    id: str
    owner: str
    taken: Mapping[str, int]


@dataclasses.dataclass(frozen=True, slots=True)
class Snapshot:
    """Up to SNAPSHOT_MOST budgets and holds, and how many of each there are."""

    budgets: tuple[BudgetState, ...]
    holds: tuple[HoldState, ...]
    budget_count: int
    hold_count: int
    unposted_count: int


class Holds(Protocol):
    """For every open budget that is not unlimited, at every moment:

        available + held + unposted = balance

    The *balance* is what its owner (the ledger, a policy) told by `refresh`, moved since by `credit` and `posted`.
    *Held* is what placed holds took. *Unposted* is what was charged here and is not part of the owner's books yet.
    A hold moves money from available to held, settling from there to unposted, and posting out of both books at
    the same moment. So truth and memory never count a charge twice, whenever the balance is read again.

    Reading the balance takes time, and a posting or a top-up may fall in between. Therefore every budget has a
    *mark*, which changes whenever its balance does. Take the mark first, then read (or change) the truth, then
    tell it: what comes with an outdated mark is not believed, and the teller begins again. Call `posted` after
    the commit that posted: a balance read between the two counts that charge twice until the next `refresh`,
    which can only refuse too much, never allow too much.

    A hold is named by an id, and every verb can be sent again: the first `settle` or `release` of an id decides,
    and later ones change nothing. Whoever places must settle or release on every way out, also when `place`
    itself was interrupted: a release that overtakes its place keeps it from being placed. What nobody ends is
    released by the sweeper; a settling that comes after it still takes the charge. An end is remembered until it
    is posted, and then for a bounded time. After the loss of the whole store, settle again whatever is not posted
    yet.
    """

    async def place(self, hold_id: str, claims: Sequence[Claim], *, owner: str, lifetime_s: int) -> Placement:
        """All of the claims or none. Placing the same again is harmless, and prolongs its life."""
        ...

    async def settle(self, hold_id: str, charges: Charges) -> Ending:
        """Release the hold and take the charges, even if that leaves less than nothing."""
        ...

    async def release(self, hold_id: str) -> Ending:
        """Nothing was spent."""
        ...

    async def posted(self, charged: Mapping[str, Charges]) -> int:
        """These holds' charges are in the owners' books now. How many of them are news.

        What was settled here counts as it was settled; what was not is settled now, by the charges given.
        """
        ...

    async def mark(self, budget: str) -> int:
        """Where the balance of a budget stands: for the `refresh` or `credit` that is about to be prepared."""
        ...

    async def refresh(self, budget: str, balance: int | None, mark: int) -> bool:
        """Tell the balance, read after the mark was taken; None is unlimited. Opens what is not open.

        False when the mark is outdated: something happened meanwhile, read again.
        """
        ...

    async def credit(self, budget: str, delta: int, mark: int) -> bool:
        """A top-up, refund or adjustment, made after the mark was taken.

        False when the mark is outdated: it may be counted already, so `refresh` instead.
        """
        ...

    async def sweep(self) -> tuple[str, ...]:
        """Release what has outlived its time, close budgets that are idle, forget old ends. The ids released."""
        ...

    async def orphans(self, living: Collection[str]) -> tuple[str, ...]:
        """The owners of holds that are not among the living."""
        ...

    async def release_of(self, owner: str) -> tuple[str, ...]:
        """Release, as the sweeper would, whatever this owner holds. The ids released."""
        ...

    async def snapshot(self) -> Snapshot: ...

    async def close(self) -> None: ...


@functools.lru_cache(maxsize=NAMES_KNOWN)
def check_name(name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"a name is 1 to {NAME_CHARS_MOST} printable ASCII characters without spaces")


def check_amount(amount: int) -> None:
    if type(amount) is not int or not 0 <= amount <= AMOUNT_MOST_NANO:
        raise ValueError("an amount of money must be a whole number of nano-USD from 0 to 10^18")


def check_claims(claims: Sequence[Claim]) -> None:
    if not 1 <= len(claims) <= CLAIMS_MOST:
        raise ValueError(f"1 to {CLAIMS_MOST} claims are needed")
    if len(claims) > 1 and len({claim.budget for claim in claims}) < len(claims):
        raise ValueError("a budget can be claimed only once by each hold")


def check_charges(charges: Charges) -> None:
    if len(charges) > CLAIMS_MOST:
        raise ValueError(f"at most {CLAIMS_MOST} budgets can be charged")
    for budget, amount in charges.items():
        check_name(budget)
        check_amount(amount)


def check_lifetime(lifetime_s: int) -> None:
    if not 0 <= lifetime_s <= LIFETIME_MOST_S:
        raise ValueError(f"a hold lives 0 to {LIFETIME_MOST_S} seconds")


def check_posted(charged: Mapping[str, Charges]) -> None:
    if len(charged) > POSTED_MOST:
        raise ValueError(f"at most {POSTED_MOST} holds are posted at once")
    for hold_id, charges in charged.items():
        check_name(hold_id)
        check_charges(charges)


def bounded(balance: int) -> int:
    if type(balance) is not int:
        raise ValueError("a balance must be a whole number of nano-USD")
    return max(-BALANCE_MOST_NANO, min(BALANCE_MOST_NANO, balance))


class _Budget:
    """`available` is None when it is unlimited, or not open."""

    __slots__ = ("available", "held", "is_open", "mark", "unposted", "used_s")

    def __init__(self, mark: int) -> None:
        self.is_open = False
        self.available: int | None = None
        self.held = 0
        self.unposted = 0
        self.mark = mark
        self.used_s = time.monotonic()

    @property
    def is_busy(self) -> bool:
        """Closing it now would forget money."""
        return bool(self.held or self.unposted)

    def give(self, amount: int) -> None:
        if self.available is not None:
            self.available += amount


class _Hold:
    __slots__ = ("claims", "expires_s", "owner", "taken")

    def __init__(self, claims: tuple[Claim, ...], taken: tuple[int, ...], owner: str, expires_s: float) -> None:
        self.claims = claims
        self.taken = taken
        self.owner = owner
        self.expires_s = expires_s


class _Remembered:
    """Ids, each for at least a given time, or until half of ENDED_MOST newer ones have come.

    Two generations, since that takes a quarter of the memory that the moment of each of them would.
    """

    def __init__(self, for_s: int) -> None:
        self._for_s = for_s
        self._older: set[str] = set()
        self._newer: set[str] = set()
        self._turned_s = time.monotonic()

    def __contains__(self, id: str) -> bool:
        return id in self._newer or id in self._older

    def add(self, id: str) -> None:
        self._newer.add(id)
        if len(self._newer) >= ENDED_MOST // 2:
            self._turn()

    def forget_old(self) -> None:
        if time.monotonic() - self._turned_s >= self._for_s:
            self._turn()

    def _turn(self) -> None:
        self._older, self._newer = self._newer, set()
        self._turned_s = time.monotonic()


class MemoryHolds:
    def __init__(
        self,
        *,
        most: int = HOLDS_MOST,
        budgets_most: int = BUDGETS_MOST,
        idle_s: int = IDLE_S,
        remember_s: int = REMEMBER_S,
    ) -> None:
        self._most = most
        self._budgets_most = budgets_most
        self._idle_s = idle_s
        self._marks = 0
        # The least recently used first.
        self._budgets: OrderedDict[str, _Budget] = OrderedDict()
        self._holds: dict[str, _Hold] = {}
        # An id is in one of these three at most: held, settled, and at its end.
        self._unposted: dict[str, dict[str, int]] = {}
        self._ended = _Remembered(remember_s)

    async def place(self, hold_id: str, claims: Sequence[Claim], *, owner: str, lifetime_s: int) -> Placement:
        check_name(hold_id)
        check_name(owner)
        check_claims(claims)
        check_lifetime(lifetime_s)
        expires_s = time.monotonic() + lifetime_s
        hold = self._holds.get(hold_id)
        if hold is not None:
            if hold.claims != tuple(claims):
                raise ValueError("this hold was placed with other claims")
            hold.expires_s = max(hold.expires_s, expires_s)
            return Placed(hold.taken)
        if hold_id in self._unposted or hold_id in self._ended:
            return AlreadyEnded()
        if len(self._holds) + len(self._unposted) >= self._most:
            raise HoldsFull
        claimed = [(claim, self._use(claim.budget)) for claim in claims]
        unknown = {claim.budget: budget.mark for claim, budget in claimed if not budget.is_open}
        if unknown:
            return NotOpen(unknown)
        shares = []
        for claim, budget in claimed:
            share = claim.amount if budget.available is None else claim.taken_from(budget.available)
            if share is None:
                return Refused(claim.budget, budget.available or 0, claim.amount)
            shares.append(share)
        taken = tuple(shares)
        for (_, budget), share in zip(claimed, taken, strict=True):
            budget.give(-share)
            budget.held += share
        self._holds[hold_id] = _Hold(tuple(claims), taken, owner, expires_s)
        return Placed(taken)

    async def settle(self, hold_id: str, charges: Charges) -> Ending:
        check_name(hold_id)
        check_charges(charges)
        return self._settle(hold_id, charges)

    def _settle(self, hold_id: str, charges: Charges) -> Ending:
        if hold_id in self._unposted or hold_id in self._ended:
            return "repeated"
        was_held = self._let_go(hold_id)
        unposted = {name: amount for name, amount in charges.items() if amount}
        for name, amount in unposted.items():
            budget = self._use(name)
            budget.give(-amount)
            budget.unposted += amount
        if unposted:
            self._unposted[hold_id] = unposted
        else:
            self._ended.add(hold_id)
        return "ended" if was_held else "late"

    async def release(self, hold_id: str) -> Ending:
        check_name(hold_id)
        return self._settle(hold_id, {})

    async def posted(self, charged: Mapping[str, Charges]) -> int:
        check_posted(charged)
        moved: dict[str, int] = {}
        news = 0
        for hold_id, charges in charged.items():
            if hold_id in self._ended:
                continue
            if hold_id not in self._unposted:
                self._settle(hold_id, charges)
            for name, amount in self._unposted.pop(hold_id, {}).items():
                moved[name] = moved.get(name, 0) + amount
            self._ended.add(hold_id)
            news += 1
        for name, amount in moved.items():
            budget = self._use(name)
            budget.unposted -= amount
            budget.mark = self._new_mark()
        return news

    async def mark(self, budget: str) -> int:
        check_name(budget)
        return self._use(budget).mark

    async def refresh(self, budget: str, balance: int | None, mark: int) -> bool:
        found = self._budgets.get(budget)
        if found is None or found.mark != mark:
            return False
        found.is_open = True
        found.available = None if balance is None else bounded(balance) - found.held - found.unposted
        found.mark = self._new_mark()
        return True

    async def credit(self, budget: str, delta: int, mark: int) -> bool:
        found = self._budgets.get(budget)
        if found is None or found.mark != mark:
            return False
        found.give(bounded(delta))
        # Also while it is not open: whoever is reading its balance now may have read it from before.
        found.mark = self._new_mark()
        return True

    async def sweep(self) -> tuple[str, ...]:
        now_s = time.monotonic()
        expired = tuple(hold_id for hold_id, hold in self._holds.items() if hold.expires_s <= now_s)
        self._let_go_all(expired)
        self._ended.forget_old()
        for name in self._idle(now_s - self._idle_s):
            del self._budgets[name]
        return expired

    def _idle(self, since_s: float) -> list[str]:
        idle = []
        for name, budget in self._budgets.items():
            if budget.used_s > since_s:
                break
            if not budget.is_busy:
                idle.append(name)
        return idle

    async def orphans(self, living: Collection[str]) -> tuple[str, ...]:
        return tuple(sorted({hold.owner for hold in self._holds.values()} - set(living)))

    async def release_of(self, owner: str) -> tuple[str, ...]:
        orphaned = tuple(hold_id for hold_id, hold in self._holds.items() if hold.owner == owner)
        self._let_go_all(orphaned)
        return orphaned

    async def snapshot(self) -> Snapshot:
        budgets = [
            BudgetState(name, budget.is_open, budget.available, budget.held, budget.unposted)
            for name, budget in itertools.islice(reversed(self._budgets.items()), SNAPSHOT_MOST)
        ]
        holds = [
            HoldState(
                hold_id,
                hold.owner,
                {claim.budget: share for claim, share in zip(hold.claims, hold.taken, strict=True)},
            )
            for hold_id, hold in itertools.islice(self._holds.items(), SNAPSHOT_MOST)
        ]
        return Snapshot(tuple(budgets), tuple(holds), len(self._budgets), len(self._holds), len(self._unposted))

    async def close(self) -> None:
        """Nothing to close."""

    def _use(self, name: str) -> _Budget:
        """The budget of this name, which from now on is the most recently used. It begins without a balance."""
        budget = self._budgets.get(name)
        if budget is None:
            self._make_room()
            budget = self._budgets[name] = _Budget(self._new_mark())
        else:
            budget.used_s = time.monotonic()
            self._budgets.move_to_end(name)
        return budget

    def _make_room(self) -> None:
        """Close the least recently used budget that is not busy. Busy ones are as bounded as the holds are."""
        if len(self._budgets) < self._budgets_most:
            return
        for _ in range(min(_BUDGETS_TRIED, len(self._budgets))):
            name, budget = self._budgets.popitem(last=False)
            if not budget.is_busy:
                return
            self._budgets[name] = budget

    def _new_mark(self) -> int:
        """Never the same again: a budget that was closed and begun anew does not answer to its old marks."""
        self._marks += 1
        return self._marks

    def _let_go(self, hold_id: str) -> bool:
        hold = self._holds.pop(hold_id, None)
        if hold is None:
            return False
        for claim, share in zip(hold.claims, hold.taken, strict=True):
            # It is there: a budget that holds something is never closed.
            budget = self._budgets[claim.budget]
            budget.held -= share
            budget.give(share)
        return True

    def _let_go_all(self, hold_ids: Iterable[str]) -> None:
        for hold_id in hold_ids:
            self._let_go(hold_id)
