"""Telling agents' machines of their channels: what the machine's configuration is to be, until it says that it is.

What has to be told is written down by whoever changes channels or moves machines; the clock calls `Deliverer.run`.
It goes to the agent's own gateway and nowhere else. An agent that is away or refuses is told again later; telling
it twice changes nothing, so whoever dies in between loses nothing. No problem is kept in the agent's words, which
may repeat what it was told.
"""

import asyncio
import functools
from collections.abc import Sequence
from typing import Final

import structlog

from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.control.compute.actions.agents import token_of
from monoize.control.compute.actions.channels import credentials_of
from monoize.control.compute.drivers.agent_gateway import AgentGateways, Place
from monoize.control.compute.errors import AgentRefused, AgentUnreachable, NoSuchAgent
from monoize.control.compute.model.channels import ChannelCredentials
from monoize.control.compute.model.deliveries import (
    LEASE,
    REFUSED,
    SILENT,
    TAKES_MOST_S,
    UNREADABLE,
    Delivery,
    hindrance,
    patch_of,
    pause_after,
)
from monoize.control.compute.store import agents, deliveries, machines
from monoize.infra.audit_log import Entry
from monoize.infra.background import Bell, Crew
from monoize.infra.db import Database
from monoize.infra.sealed import Seal, SealBroken

log = structlog.get_logger(__name__)

AT_ONCE_MOST: Final = 16
ABOUT_AGENTS: Final = frozenset({"agent", "machine"})


class Deliverer:
    def __init__(self, database: Database, seal: Seal, gateways: AgentGateways) -> None:
        self._database = database
        self._seal = seal
        self._gateways = gateways
        self.bell = Bell()
        self._crew = Crew("compute.channels", AT_ONCE_MOST)

    async def changed(self, entry: Entry) -> None:
        """A channel was set, or a machine has come up."""
        if entry.target_type in ABOUT_AGENTS:
            self.bell.ring()

    async def run(self) -> None:
        """What the clock calls, and the bell: take on what is due."""
        if not self._crew.free:
            return
        async with self._database.read() as tx:
            due = await deliveries.due(tx, utc_now(), most=self._crew.free)
        for agent_id in due:
            self._crew.send(agent_id, functools.partial(self.deliver, agent_id))

    async def deliver(self, agent_id: str) -> None:
        """All that is due to one agent, unless somebody else is at it."""
        owner, now = new_id(), utc_now()
        try:
            async with self._database.write() as tx:
                claimed = await deliveries.claim(tx, agent_id, owner, now=now, lease_until=now + LEASE)
            if claimed:
                await self._tell(agent_id, owner, claimed)
        finally:
            async with self._database.write() as tx:
                await deliveries.give_back(tx, agent_id, owner)

    async def _tell(self, agent_id: str, owner: str, claimed: Sequence[Delivery]) -> None:
        try:
            async with asyncio.timeout(TAKES_MOST_S):
                found = await self._found(agent_id)
                if found is None:
                    return
                place, channels = found
                patch = patch_of(claimed, channels)
                await self._gateways.call(place, "config.patch", {"patch": patch})
        except (AgentUnreachable, TimeoutError):
            await self._failed(agent_id, owner, claimed, SILENT)
        except AgentRefused:
            await self._failed(agent_id, owner, claimed, REFUSED)
        except SealBroken:
            await self._failed(agent_id, owner, claimed, UNREADABLE)
        else:
            present = [channel.kind for channel in channels]
            async with self._database.write() as tx:
                await deliveries.delivered(tx, owner, claimed, present, utc_now())

    async def _found(self, agent_id: str) -> tuple[Place, Sequence[ChannelCredentials]] | None:
        """Where it is and what it is to know; None if it cannot be told any more."""
        async with self._database.read() as tx:
            try:
                agent = await agents.get(tx, agent_id)
            except NoSuchAgent:
                return None
            machine = await machines.find(tx, agent.vps_id) if agent.vps_id else None
            if machine is None or not machine.address or hindrance(agent, machine):
                return None
            place = Place(machine.id, machine.address, await token_of(tx, self._seal, agent.id))
            return place, await credentials_of(tx, self._seal, agent.id)

    async def _failed(self, agent_id: str, owner: str, tried: Sequence[Delivery], problem: str) -> None:
        log.warning("channels_not_delivered", agent_id=agent_id, attempt=tried[0].attempts + 1, problem=problem)
        async with self._database.write() as tx:
            await deliveries.failed(tx, owner, tried, problem)
        self.bell.ring_in(pause_after(tried[0].attempts + 1).total_seconds())

    async def stop(self) -> None:
        await self._crew.stop()
