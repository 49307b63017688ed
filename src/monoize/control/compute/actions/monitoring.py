"""The monitor: reads from providers what machines use, and stops those of whoever has used up plan and budget.

What a provider does not tell this time is told the next: its counters go on, and its machines are left alone.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import structlog

from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.base.principal import SYSTEM, Call
from monoize.control.compute.actions import accounting, enforcement, power
from monoize.control.compute.actions.operations import Overtaken
from monoize.control.compute.actions.running import CALL_MOST_S, DriversHere
from monoize.control.compute.model.accounting import last_reading
from monoize.control.compute.model.machine import Machine
from monoize.control.compute.model.machines import Driver, MachineRef, ProviderFailure, Reading, ToRead
from monoize.control.compute.store import machine_states, machines
from monoize.control.edge.house import House

log = structlog.get_logger(__name__)

AT_ONCE_MOST: Final = 200
"""Readings that are taken in one transaction."""
BEFORE_A_MOVE_S: Final = 10
BECAUSE_OF_LIMITS: Final = "plan and budget are used up"


class Monitor:
    def __init__(self, house: House, drivers: DriversHere) -> None:
        self._house = house
        self._drivers = drivers

    async def run(self) -> None:
        """What the clock calls."""
        async with self._house.database.read() as tx:
            to_read = await machine_states.to_read(tx)
        of_provider: dict[str, list[tuple[Machine, int]]] = defaultdict(list)
        for machine, memory_mb in to_read:
            of_provider[machine.provider].append((machine, memory_mb))
        here = {driver.name: driver for driver in self._drivers.all}
        asked = [self._read(here[name], found) for name, found in of_provider.items() if name in here]
        for readings in await asyncio.gather(*asked):
            await self._take(readings)
        await self._enforce()

    async def read_one(self, machine_id: str) -> None:
        """Before a machine is stopped or made anew, when some providers begin to count again. If it can be read."""
        async with self._house.database.read() as tx:
            to_read = await machine_states.to_read(tx, machine_id)
        here = {driver.name: driver for driver in self._drivers.all}
        try:
            async with asyncio.timeout(BEFORE_A_MOVE_S):
                for machine, memory_mb in to_read:
                    if machine.provider in here:
                        await self._take(await self._read(here[machine.provider], [(machine, memory_mb)]))
        except TimeoutError:
            log.warning("machine_not_read", machine=machine_id)

    async def _read(self, driver: Driver, found: Sequence[tuple[Machine, int]]) -> dict[str, Reading]:
        wanted = [
            ToRead(MachineRef(machine.id, machine.provider_vm_id), memory_mb, last_reading(machine))
            for machine, memory_mb in found
        ]
        try:
            async with asyncio.timeout(CALL_MOST_S):
                return dict(await driver.read(wanted))
        except (ProviderFailure, TimeoutError) as problem:
            log.warning("provider_not_read", provider=driver.name, problem=str(problem))
            return {}

    async def _take(self, readings: dict[str, Reading]) -> None:
        ids = sorted(readings)
        for start in range(0, len(ids), AT_ONCE_MOST):
            await self._take_batch({id: readings[id] for id in ids[start : start + AT_ONCE_MOST]})

    async def _take_batch(self, batch: dict[str, Reading]) -> None:
        seal, metered = self._house.seal, self._drivers.metered
        await self._house.database.transact(
            lambda tx: accounting.take_readings(tx, seal, batch, metered, utc_now())
        )

    async def _enforce(self) -> None:
        """Once: what is stopped is not wanted to run any more, until its owner starts it again."""
        async with self._house.database.read() as tx:
            over = await enforcement.not_allowed(tx, utc_now())
            wanted = await machine_states.wanted_of(tx, list(over)) if over else []
        for machine_id in wanted:
            with contextlib.suppress(Overtaken):
                await self._stop(machine_id)

    async def _stop(self, machine_id: str) -> None:
        async with self._house.audit_log.change(Call(SYSTEM, new_id())) as change:
            machine = await machines.get(change.tx, machine_id, lock=True)
            if machine.desired != "running" or machine.state not in ("running", "stopped"):
                raise Overtaken
            operation = await power.wish(
                change.tx, machine, "stop", requested_by=SYSTEM.label, now=utc_now(), stopped_by="limit"
            )
            assert operation is not None
            change.record(
                "machine.stop",
                "machine",
                machine.id,
                name=machine.name,
                operation_id=operation.id,
                because=BECAUSE_OF_LIMITS,
            )
