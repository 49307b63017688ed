"""Who may go out. Fails closed.

Grants are remembered for a few seconds, refusals too, and forgotten when the control plane says that something has
changed. Of many who show the same token one asks again, before the others would have to wait for the answer. How
many ask at the same time is bounded, so that whoever guesses tokens keeps nobody else from being let out.
"""

import asyncio
import time
from collections import OrderedDict
from typing import Final

from monoize.base.errors import UsageLimitExceeded
from monoize.contract.egress import EgressAsked, EgressGrant
from monoize.contract.refusals import Stopped
from monoize.egress.above import Above
from monoize.egress.errors import NoMachine, ProxyAuthenticationRequired

REMEMBERED_S: Final = 5.0
FRESH_S: Final = 3.0
REMEMBERED_MOST: Final = 10_000
ASKED_AT_ONCE_MOST: Final = 32


class Admission:
    def __init__(self, above: Above) -> None:
        self._above = above
        self._known: OrderedDict[EgressAsked, tuple[EgressGrant | None, float]] = OrderedDict()
        self._asked: dict[EgressAsked, asyncio.Lock] = {}
        self._room = asyncio.Semaphore(ASKED_AT_ONCE_MOST)
        self._generation = 0

    async def admit(self, asked: EgressAsked | None) -> EgressGrant:
        if asked is None:
            raise ProxyAuthenticationRequired
        grant = await self.grant(asked)
        if grant is None:
            raise ProxyAuthenticationRequired
        if grant.cut_off == "stopped":
            raise Stopped
        if grant.cut_off == "usage_limit_exceeded":
            raise UsageLimitExceeded
        if grant.cut_off is not None or grant.machine_id is None:
            raise NoMachine
        return grant

    async def grant(self, asked: EgressAsked) -> EgressGrant | None:
        known = self._known_for(asked, REMEMBERED_S if asked in self._asked else FRESH_S)
        if known is not None:
            return known[0]
        async with self._asked.setdefault(asked, asyncio.Lock()):
            known = self._known_for(asked, FRESH_S)
            if known is not None:
                return known[0]
            try:
                async with self._room:
                    return await self._ask(asked)
            finally:
                self._asked.pop(asked, None)

    def forget(self) -> None:
        """Something has changed that grants rest on."""
        self._generation += 1
        self._known.clear()

    def _known_for(self, asked: EgressAsked, seconds: float) -> tuple[EgressGrant | None, float] | None:
        known = self._known.get(asked)
        return known if known and time.monotonic() - known[1] < seconds else None

    async def _ask(self, asked: EgressAsked) -> EgressGrant | None:
        generation, asked_s = self._generation, time.monotonic()
        found = await self._above.grant(asked)
        # A revocation that came while we asked must not be undone by the answer.
        if generation == self._generation:
            self._known[asked] = found, asked_s
            self._known.move_to_end(asked)
            if len(self._known) > REMEMBERED_MOST:
                self._known.popitem(last=False)
        return found
