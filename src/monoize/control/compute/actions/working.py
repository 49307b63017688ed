"""The worker of a process: takes operations that nobody works on, and keeps its leases while it carries them out.

Any number of processes may do so. One that dies lets its leases run out; one that stops gives them back.
"""

import functools
from collections.abc import Awaitable, Callable
from typing import Final

from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.control.compute.actions.running import Answers, DriversHere, Runner
from monoize.control.compute.model.machines import WaysOut
from monoize.control.compute.model.operations import LEASE
from monoize.control.compute.store import operations
from monoize.control.edge.house import House
from monoize.infra.audit_log import Entry
from monoize.infra.background import Bell, Crew

AT_ONCE_MOST: Final = 64
MOVES: Final = frozenset({"machine", "agent"})
"""What the audit log calls things whose changes may have begun an operation."""


class Worker:
    def __init__(
        self,
        house: House,
        drivers: DriversHere,
        ways: WaysOut,
        answers: Answers,
        last_reading: Callable[[str], Awaitable[None]],
    ) -> None:
        self._house = house
        self._owner = new_id()
        self.bell = Bell()
        self._crew = Crew("compute.operation", AT_ONCE_MOST)
        self._runner = Runner(house, drivers, ways, answers, self._owner, last_reading)

    async def run(self) -> None:
        """What the clock calls, and the bell: take on what is due."""
        if not self._crew.free:
            return
        now = utc_now()
        async with self._house.database.read() as tx:
            due = await operations.due(tx, now, most=self._crew.free)
        for operation_id, vps_id in due:
            if vps_id in self._crew.busy:
                continue
            async with self._house.database.write() as tx:
                taken = await operations.take(tx, operation_id, self._owner, now=now, until=now + LEASE)
            if taken:
                self._crew.send(vps_id, functools.partial(self._carry_out, operation_id, vps_id))

    async def _carry_out(self, operation_id: str, vps_id: str) -> None:
        again_in_s = 0.0
        try:
            again_in_s = await self._runner.run(operation_id, vps_id)
        finally:
            self.bell.ring_in(again_in_s)

    async def changed(self, entry: Entry) -> None:
        """What was begun a moment ago begins now, and not with the next tick."""
        if entry.target_type in MOVES:
            self.bell.ring()

    async def renew(self) -> None:
        if self._crew.busy:
            async with self._house.database.write() as tx:
                await operations.renew(tx, self._owner, list(self._crew.busy), utc_now() + LEASE)

    async def stop(self) -> None:
        await self._crew.stop()
