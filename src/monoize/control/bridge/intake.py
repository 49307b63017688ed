"""From the spool into the database: charges, request logs and telemetry, a batch in one transaction, each once.

Whatever is posted again is recognised by its request id, so a crash at any moment is harmless: the batch is taken
again. A database that is away is waited for; an entry that it can never take is set aside, and does not hold up
the others.
"""

import contextlib
import time
from collections.abc import Sequence
from typing import Final

import structlog

from monoize.base.errors import Refusal, Unavailable
from monoize.contract.events import Charged, decode
from monoize.control.ledger.actions.charges import post_charges
from monoize.control.ledger.actions.logs import log_requests
from monoize.control.ledger.model.entries import Charge
from monoize.control.telemetry import actions as telemetry
from monoize.infra.db import Database
from monoize.infra.holds import Holds
from monoize.infra.sealed import Seal
from monoize.infra.spool import Entry, Spool

log = structlog.get_logger(__name__)

BATCH_MOST: Final = 2000
REST_S: Final = 1.0


class Intake:
    def __init__(
        self,
        database: Database,
        seal: Seal,
        spool: Spool,
        holds: Holds,
        posting: contextlib.AbstractAsyncContextManager[None],
    ) -> None:
        self._database = database
        self._seal = seal
        self._spool = spool
        self._holds = holds
        self._posting = posting
        self._rests_until_s = 0.0

    async def run(self) -> None:
        """What the clock calls: post everything that waits, unless the database was away a moment ago."""
        if time.monotonic() < self._rests_until_s:
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
        posted: Entry | None = None
        while entries := await self._spool.oldest(BATCH_MOST, posted=posted):
            try:
                await self._post(entries)
            except Unavailable:
                raise
            except (Refusal, ValueError):
                for entry in entries:
                    await self._post_alone(entry)
            posted = entries[-1]

    async def _post_alone(self, entry: Entry) -> None:
        try:
            await self._post([entry])
        except Unavailable:
            raise
        except (Refusal, ValueError) as problem:
            log.exception("charge_set_aside", request_id=entry.id)
            await self._spool.set_aside(entry, f"{type(problem).__name__}: {problem}")

    async def _post(self, entries: Sequence[Entry]) -> None:
        events = [decode(entry.content) for entry in entries]
        charges = [_charge(event) for event in events]
        async with self._posting:
            async with self._database.write() as tx:
                charged = await post_charges(tx, self._seal, charges)
                await log_requests(tx, events)
                await telemetry.record(tx, events)
            await self._holds.posted({event.request_id: event.budgets for event in events})
        for request_id in charged.conflicting:
            log.error("charge_conflicts", request_id=request_id)


def _charge(event: Charged) -> Charge:
    return Charge(
        request_id=event.request_id,
        user_id=event.user_id,
        amount_nano_usd=event.charge_nano,
        api_key_id=event.api_key_id,
        meta=_facts(event),
    )


def _facts(event: Charged) -> dict[str, object]:
    """What its owner reads beside the money. What it cost us, and by whose service, is not theirs to know."""
    facts: dict[str, object] = {"estimated": True} if event.is_estimated else {}
    return facts | {"model": event.log.model} if event.log else facts
