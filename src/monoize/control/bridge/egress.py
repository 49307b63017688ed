"""Agents, as the egress proxy sees them: whom it lets out, and what went by, counted once.

Fails closed: what the database does not say is no grant.
"""

from typing import Final

from monoize.base.clock import utc_now
from monoize.contract.egress import EgressAsked, EgressGrant, Flush, FlushTaken
from monoize.control.compute.actions import egress
from monoize.infra.db import Database
from monoize.infra.sealed import Seal

EGRESS_RESTS_ON: Final = frozenset({"agent", "machine", "plan", "user", "tenant", "key", "agent_record", "stop"})
"""Types of targets whose changes may change what an agent may reach."""


class Egress:
    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal

    async def grant(self, asked: EgressAsked) -> EgressGrant | None:
        async with self._database.read() as tx:
            return await egress.egress_grant(tx, asked.agent_id, asked.digest, now=utc_now())

    async def take(self, flush: Flush) -> FlushTaken:
        return await self._database.transact(lambda tx: egress.take_flush(tx, self._seal, flush, now=utc_now()))

    async def is_needed(self) -> bool:
        """Whether there is a machine at all."""
        async with self._database.read() as tx:
            return await egress.any_machine(tx)
