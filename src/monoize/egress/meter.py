"""Counts what goes by, for each agent on its machine, until a flush takes it."""

from typing import Final

from monoize.contract.egress import Counted

FLUSH_BYTES: Final = 8 * 2**20


class Tally:
    """Bytes to and from targets that no flush has taken yet."""

    __slots__ = ("received", "sent")

    def __init__(self) -> None:
        self.sent = 0
        self.received = 0


class Meter:
    def __init__(self) -> None:
        self._tallies: dict[tuple[str, str], Tally] = {}
        self.sent = 0
        self.received = 0
        """Of flushes, since the start."""

    def tally(self, agent_id: str, machine_id: str) -> Tally:
        return self._tallies.setdefault((agent_id, machine_id), Tally())

    @property
    def is_heavy(self) -> bool:
        """Whether somebody has used so much that it should not wait."""
        return any(tally.sent + tally.received >= FLUSH_BYTES for tally in self._tallies.values())

    def take(self, keep: frozenset[str]) -> tuple[Counted, ...]:
        """All there is; it is counted no more. `keep`: agents that are connected, whose tallies go on."""
        counted = []
        for (agent_id, machine_id), tally in list(self._tallies.items()):
            # What was counted and then never left is given back with the next that leaves.
            sent, received = max(0, tally.sent), max(0, tally.received)
            if sent or received:
                counted.append(Counted(agent_id, machine_id, sent, received))
            tally.sent -= sent
            tally.received -= received
            self.sent += sent
            self.received += received
            if agent_id not in keep:
                del self._tallies[agent_id, machine_id]
        return tuple(counted)
