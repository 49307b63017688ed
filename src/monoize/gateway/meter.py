"""Money around one request: held before it is sent, charged when it ends, given back when it was never served.

    await meter.admit(floor, claims)
    …the request…
    await meter.finish(charged)        or        await meter.abandon(request_id)

Fails closed. `admit` returns once the money is held and the floor is on disk: if this process dies, the floor is
what the request is charged. `finish` returns once the charge is on disk, so it comes before the last bytes of an
answer. Every way out of a request ends in `finish` or `abandon`; both can be repeated. Requests that take long are
tended: their money stays held, and what upstream reports meanwhile takes the place of the floor.
"""

import asyncio
import contextlib
import dataclasses
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from monoize.base.errors import Conflict, PaymentRequired, Unavailable
from monoize.contract.events import Charged, encode
from monoize.infra.holds import AlreadyEnded, Claim, Holds, NotOpen, Placed, Placement, Refused
from monoize.infra.spool import Spool, SpoolBroken

HOLD_LIFETIME_S: Final = 15 * 60
# A request that ends sooner is never tended.
LONG_S: Final = 10
_RENEWALS_IN_A_LIFETIME: Final = 3
_TENDED_AT_ONCE: Final = 64
_READINGS_MOST: Final = 5
_LOCKS: Final = 64


class BudgetExceeded(PaymentRequired):
    """A budget does not cover this request."""

    code = "budget_exceeded"
    hint = "Ask for less output, or have the budget raised."


class RequestIdReused(Conflict):
    """A request with this id has ended already."""

    code = "request_id_reused"


class BudgetUnknown(Unavailable):
    """It cannot be found out at this moment whether the budget covers this request."""

    code = "budget_unknown"
    hint = "Try again."


class Budgets(Protocol):
    """Where the truth about a budget is known: on the other side of the wall."""

    async def balance(self, budget: str) -> int | None:
        """What is there without anything that is not posted yet; None is unlimited."""
        ...


SoFar = Callable[[], Charged | None]
"""What to charge by what upstream has reported until now; None when that is nothing new."""


@dataclasses.dataclass(slots=True)
class _UnderWay:
    claims: Sequence[Claim]
    so_far: SoFar | None
    since_s: float
    held_at_s: float


class Meter:
    def __init__(
        self,
        holds: Holds,
        spool: Spool,
        budgets: Budgets,
        *,
        owner: str,
        hold_lifetime_s: int = HOLD_LIFETIME_S,
    ) -> None:
        self._holds = holds
        self._spool = spool
        self._budgets = budgets
        self._owner = owner
        self._hold_lifetime_s = hold_lifetime_s
        # In the order in which they were admitted.
        self._under_way: dict[str, _UnderWay] = {}
        self._opening = [asyncio.Lock() for _ in range(_LOCKS)]

    async def admit(
        self, floor: Charged, claims: Sequence[Claim], *, so_far: SoFar | None = None
    ) -> tuple[int, ...]:
        """Hold every claim, or raise; how much each budget gave. `floor` is charged if nobody ever says more.

        Without claims there is nothing to pay, and nobody is asked whether they could.
        """
        try:
            taken = await self._hold(floor.request_id, claims) if claims else ()
        except BudgetExceeded:
            # Nothing is held, and less may be asked for.
            raise
        except BaseException:
            # Also when we were cancelled half-way, and the money may be held already.
            await self._holds.release(floor.request_id)
            raise
        try:
            await self._spool.begin(floor.request_id, encode(floor))
        except BaseException:
            await self._holds.release(floor.request_id)
            with contextlib.suppress(SpoolBroken):
                await self._spool.abandon(floor.request_id)
            raise
        now_s = time.monotonic()
        self._under_way[floor.request_id] = _UnderWay(claims, so_far, now_s, now_s)
        return taken

    async def finish(self, charged: Charged) -> None:
        self._under_way.pop(charged.request_id, None)
        await self._spool.finish(charged.request_id, encode(charged))
        await self._holds.settle(charged.request_id, charged.budgets)

    async def record(self, charged: Charged) -> None:
        """One that cost nothing and was never admitted: it is only written down."""
        await self._spool.record(charged.request_id, encode(charged))

    async def abandon(self, request_id: str) -> None:
        """The request cost nothing."""
        self._under_way.pop(request_id, None)
        await self._spool.abandon(request_id)
        await self._holds.release(request_id)

    async def tend(self, long_s: float = LONG_S) -> None:
        """What the clock calls, for requests that take long: a hold that outlived its time would be spent twice."""
        begun_by_s = time.monotonic() - long_s
        long = itertools.takewhile(lambda each: each[1].since_s <= begun_by_s, self._under_way.items())
        requests = list(long)
        for start in range(0, len(requests), _TENDED_AT_ONCE):
            await asyncio.gather(*(self._tended(*each) for each in requests[start : start + _TENDED_AT_ONCE]))

    async def _tended(self, request_id: str, request: _UnderWay) -> None:
        """One that ends meanwhile stays ended: there is nothing to prolong, and nothing in flight to be noted."""
        now_s = time.monotonic()
        is_due = now_s - request.held_at_s >= self._hold_lifetime_s / _RENEWALS_IN_A_LIFETIME
        if is_due and request.claims and request_id in self._under_way:
            await self._place(request_id, request.claims)
            request.held_at_s = now_s
        charged = request.so_far() if request.so_far is not None else None
        if charged is not None:
            await self._spool.note(request_id, encode(charged))

    async def _hold(self, request_id: str, claims: Sequence[Claim]) -> tuple[int, ...]:
        placement = await self._place(request_id, claims)
        if isinstance(placement, Placed):
            return placement.taken
        if isinstance(placement, NotOpen):
            # One of those who come for a budget at the same moment asks for its balance; the others find it open.
            async with self._opening[hash(claims[0].budget) % len(self._opening)]:
                placement = await self._place_opening(request_id, claims)
        match placement:
            case Placed(taken):
                return taken
            case Refused(budget, available, asked):
                raise BudgetExceeded(budget=budget, available_nano_usd=str(available), asked_nano_usd=str(asked))
            case AlreadyEnded():
                raise RequestIdReused
            case NotOpen():
                raise BudgetUnknown

    def _place(self, request_id: str, claims: Sequence[Claim]) -> Awaitable[Placement]:
        return self._holds.place(request_id, claims, owner=self._owner, lifetime_s=self._hold_lifetime_s)

    async def _place_opening(self, request_id: str, claims: Sequence[Claim]) -> Placement:
        """A balance that moves while it is read is read again."""
        placement = await self._place(request_id, claims)
        for _ in range(_READINGS_MOST):
            if not isinstance(placement, NotOpen):
                break
            for budget, mark in placement.marks.items():
                await self._holds.refresh(budget, await self._budgets.balance(budget), mark)
            placement = await self._place(request_id, claims)
        return placement
