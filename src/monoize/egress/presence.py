"""Which agents are connected, within which bounds; and the hand that cuts them off.

A connection is present from the moment its agent is known until both of its ends are gone.
"""

import asyncio
import time
from collections.abc import Iterable
from typing import Final, NamedTuple, Protocol

from monoize.contract.egress import EgressAsked
from monoize.egress.errors import TooManyConnections

RESOLVING_MOST: Final = 4


class Bounds(NamedTuple):
    """Of one agent."""

    connections: int = 256
    new_per_s: int = 200
    new_at_once: int = 400


USUAL: Final = Bounds()


class Connection(Protocol):
    @property
    def asked(self) -> EgressAsked | None:
        """What its agent has shown."""

    def cut(self) -> None:
        """Close both ends now."""


class Agent:
    """One that is connected. `resolving`: it has only so many names looked up at the same time."""

    def __init__(self, bounds: Bounds) -> None:
        self.connections: set[Connection] = set()
        self.resolving = asyncio.Semaphore(RESOLVING_MOST)
        self._bounds = bounds
        self._tokens = float(bounds.new_at_once)
        self._at = time.monotonic()

    @property
    def is_rested(self) -> bool:
        """Whether it may be forgotten: nothing is open, and its pace is as at the beginning."""
        self._refill()
        return not self.connections and self._tokens >= self._bounds.new_at_once

    def pace(self) -> None:
        """One more request, or TooManyConnections."""
        self._refill()
        if self._tokens < 1:
            raise TooManyConnections("This agent opens connections too fast.")
        self._tokens -= 1

    def _refill(self) -> None:
        now = time.monotonic()
        self._tokens = min(
            self._tokens + (now - self._at) * self._bounds.new_per_s, float(self._bounds.new_at_once)
        )
        self._at = now


class Presence:
    def __init__(self, bounds: Bounds = USUAL) -> None:
        self._bounds = bounds
        self._agents: dict[str, Agent] = {}

    def enter(self, agent_id: str, connection: Connection) -> Agent:
        agent = self._agents.get(agent_id)
        if agent is None:
            agent = self._agents[agent_id] = Agent(self._bounds)
        if connection not in agent.connections:
            if len(agent.connections) >= self._bounds.connections:
                raise TooManyConnections(
                    f"This agent has {self._bounds.connections} connections, which is the most."
                )
            agent.pace()
            agent.connections.add(connection)
        return agent

    def leave(self, agent_id: str, connection: Connection) -> None:
        if agent_id in self._agents:
            self._agents[agent_id].connections.discard(connection)

    @property
    def connected(self) -> frozenset[str]:
        return frozenset(id for id, agent in self._agents.items() if agent.connections)

    def connections(self) -> list[tuple[str, Connection]]:
        return [(id, connection) for id, agent in self._agents.items() for connection in agent.connections]

    def cut_off(self, agent_ids: Iterable[str]) -> int:
        """How many connections that were."""
        cut = [
            connection
            for agent_id in agent_ids
            if agent_id in self._agents
            for connection in tuple(self._agents[agent_id].connections)
        ]
        for connection in cut:
            connection.cut()
        return len(cut)

    def tidy(self) -> None:
        """Forget who has gone. What the clock calls."""
        for agent_id in [id for id, agent in self._agents.items() if agent.is_rested]:
            del self._agents[agent_id]
