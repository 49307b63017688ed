"""Charges on their way from the spool into the books: a batch at a time, in the order in which requests ended.

The books know what they have posted, by the ids of requests, so a crash at any moment is harmless: the batch is
sent again. Books that are away are waited for; an entry that they can never take is set aside, and does not hold up
the others.
"""

import contextlib
import time
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec
import structlog

from monoize.base.errors import Unavailable
from monoize.contract.wall import Rejected
from monoize.infra.holds import Holds
from monoize.infra.spool import Entry, Spool

log = structlog.get_logger(__name__)

BATCH_MOST: Final = 2000
CROWD: Final = 200
REST_S: Final = 1.0


class Books(Protocol):
    """Where charges are posted: on the other side of the wall."""

    async def post(self, entries: Sequence[Entry]) -> Sequence[Rejected]:
        """Each once, in one transaction; those that can never be. Unavailable: not now, none of them."""
        ...


class _Settled(msgspec.Struct):
    """What the holds need to know of a charge."""

    request_id: str
    budgets: dict[str, int] = {}


_decoder: Final = msgspec.json.Decoder(_Settled)


class Handover:
    def __init__(
        self,
        spool: Spool,
        books: Books,
        holds: Holds,
        posting: contextlib.AbstractAsyncContextManager[None],
    ) -> None:
        self._spool = spool
        self._books = books
        self._holds = holds
        self._posting = posting
        self._rests_until_s = 0.0

    async def run(self) -> None:
        """What the clock calls: hand over everything that waits, unless the books were away a moment ago."""
        if not self._spool.has_finished or time.monotonic() < self._rests_until_s:
            return
        try:
            await self.post_all()
        except Unavailable as problem:
            if not self._rests_until_s:
                log.warning("charges_wait", problem=problem.message)
            self._rests_until_s = time.monotonic() + REST_S
        else:
            self._rests_until_s = 0.0

    async def settle_what_was_left(self) -> int:
        """Before anybody is served: what a dead process left under way is charged as far as it is known."""
        left = await self._spool.left_in_flight()
        for entry in left:
            await self._spool.finish(entry.id, entry.content)
        if left:
            log.warning("requests_settled_after_crash", requests=len(left))
        await self.post_all()
        return len(left)

    async def post_all(self) -> None:
        """What waits now, and what comes meanwhile if that is a crowd: many small batches cost more than a few."""
        posted: Entry | None = None
        most = BATCH_MOST
        while entries := await self._spool.oldest(most, posted=posted):
            async with self._posting:
                rejected = await self._books.post(entries)
                places = {each.place for each in rejected}
                booked = [entry for place, entry in enumerate(entries) if place not in places]
                await self._holds.posted(dict(_settled(entry) for entry in booked))
            for each in rejected:
                entry = entries[each.place]
                log.error("charge_set_aside", request_id=entry.id, reason=each.reason)
                await self._spool.set_aside(entry, each.reason)
            posted, most = entries[-1], BATCH_MOST if len(entries) >= CROWD else 0


def _settled(entry: Entry) -> tuple[str, dict[str, int]]:
    charge = _decoder.decode(entry.content)
    return charge.request_id, charge.budgets
