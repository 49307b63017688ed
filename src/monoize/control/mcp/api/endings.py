"""The end of a call, written down exactly once: before its caller has the answer, or when they have left."""

import time

from monoize.base.principal import Call
from monoize.control.edge.house import House
from monoize.control.mcp.actions import calls
from monoize.control.mcp.actions.calls import Begun
from monoize.control.mcp.model.calls import Ended, Status
from monoize.control.mcp.services import Mcp


class Ending:
    def __init__(self, house: House, mcp: Mcp, call: Call, begun: Begun) -> None:
        self._house = house
        self._mcp = mcp
        self._call = call
        self._begun = begun
        self._started = time.perf_counter()
        self._is_told = False

    async def tell(self, status: Status, size: int) -> None:
        self._is_told = True
        await calls.end(self._house, self._mcp.till, self._call, self._begun, self._ended(status, size))

    def leave(self, size: int) -> None:
        """Whoever is cancelled cannot wait for a database."""
        if self._is_told:
            return
        ended = self._ended("cancelled", size)
        till = self._mcp.till
        self._mcp.enders.send(
            self._begun.call_id, lambda: calls.end(self._house, till, self._call, self._begun, ended)
        )

    def _ended(self, status: Status, size: int) -> Ended:
        return Ended(status, size, round((time.perf_counter() - self._started) * 1000))
