"""Reconciliation, at start and each minute: what is wanted beside what there is, by one list call of each provider.

Whatever differs is seen to by an operation like any other. A provider that does not answer changes nothing but what
is known: that is `unknown`, never gone.
"""

import asyncio
import contextlib
import dataclasses
import datetime as dt
import time
from collections.abc import Sequence
from typing import Final

import structlog

from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.base.principal import SYSTEM, Call
from monoize.control.compute.actions.operations import Overtaken, begin
from monoize.control.compute.actions.running import CALL_MOST_S, DriversHere
from monoize.control.compute.model.machines import Driver, ProviderFailure
from monoize.control.compute.model.operations import DESIRED_BY
from monoize.control.compute.model.reconcile import Findings, Orphan, Repair, compare
from monoize.control.compute.store import machine_states, machines, operations
from monoize.control.edge.house import House

log = structlog.get_logger(__name__)

EVERY_S: Final = 60.0
KEEPS_STOPPING: Final = "it keeps stopping by itself"
HISTORY_KEPT: Final = dt.timedelta(days=90)


@dataclasses.dataclass(frozen=True, slots=True)
class Unanswered:
    provider: str
    problem: str


@dataclasses.dataclass(frozen=True, slots=True)
class Orphans:
    """`unanswered`: of these providers nothing is known."""

    items: Sequence[Orphan]
    unanswered: Sequence[Unanswered]


class Reconciler:
    def __init__(self, house: House, drivers: DriversHere) -> None:
        self._house = house
        self._drivers = drivers
        self._next_s = 0.0
        self._told_of: set[tuple[str, str]] = set()
        self.unanswered: dict[str, int] = {}
        """How many times in a row each provider has not said what machines it has."""

    async def run(self) -> None:
        """What the clock calls, more often than there is something to do, so that it comes soon after a start."""
        if time.monotonic() < self._next_s:
            return
        self._next_s = time.monotonic() + EVERY_S
        await asyncio.gather(*(self.reconcile(driver) for driver in self._drivers.all))

    async def reconcile(self, driver: Driver) -> Findings | None:
        found = await self._compared(driver)
        if isinstance(found, Unanswered):
            log.warning("provider_not_listed", provider=found.provider, problem=found.problem)
            self.unanswered[driver.name] = self.unanswered.get(driver.name, 0) + 1
            async with self._house.database.write() as tx:
                await machine_states.unknown(tx, driver.name)
            return None
        self.unanswered[driver.name] = 0
        if found.moved or found.turned or found.given_up:
            async with self._house.database.write() as tx:
                for machine_id, seen in found.moved:
                    await machine_states.see(tx, machine_id, seen, utc_now())
                for power, ids in sorted(found.turned.items()):
                    await machine_states.turned(tx, ids, power, utc_now())
                for machine_id in sorted(found.given_up):
                    await machine_states.change(tx, machine_id, error=KEEPS_STOPPING)
        for repair in found.repairs:
            with contextlib.suppress(Overtaken):
                await self._repair(repair)
        self._tell(driver.name, found.orphans)
        return found

    async def orphans(self) -> Orphans:
        """As they are now, by a list call of every provider."""
        found = await asyncio.gather(*(self._compared(driver) for driver in self._drivers.all))
        return Orphans(
            items=[orphan for each in found if isinstance(each, Findings) for orphan in each.orphans],
            unanswered=[each for each in found if isinstance(each, Unanswered)],
        )

    async def forget(self) -> None:
        async with self._house.database.write() as tx:
            await operations.forget(tx, utc_now() - HISTORY_KEPT)

    async def _compared(self, driver: Driver) -> Findings | Unanswered:
        try:
            async with asyncio.timeout(CALL_MOST_S):
                there = await driver.list()
        except (ProviderFailure, TimeoutError) as problem:
            return Unanswered(driver.name, str(problem) or "no answer in time")
        now = utc_now()
        ids = {machine.machine_id for machine in there if machine.machine_id is not None}
        async with self._house.database.read() as tx:
            rows = await machine_states.to_compare(tx, driver.name, ids, now)
        return compare(driver.name, rows, there, now)

    async def _repair(self, repair: Repair) -> None:
        async with self._house.audit_log.change(Call(SYSTEM, new_id())) as change:
            machine = await machines.get(change.tx, repair.vps_id, lock=True)
            if machine.desired != DESIRED_BY[repair.kind] or await operations.open_of(change.tx, machine.id):
                raise Overtaken
            operation = await begin(
                change.tx,
                repair.kind,
                machine,
                agent_id=await machines.agent_of(change.tx, machine.id),
                requested_by=SYSTEM.label,
                now=utc_now(),
            )
            change.record(
                "machine.repair",
                "machine",
                machine.id,
                name=machine.name,
                kind=repair.kind,
                because=repair.because,
                operation_id=operation.id,
            )

    def _tell(self, provider: str, orphans: Sequence[Orphan]) -> None:
        """Once of each."""
        present = {(provider, orphan.provider_id) for orphan in orphans}
        for orphan in orphans:
            if (provider, orphan.provider_id) not in self._told_of:
                log.warning("orphan", provider=provider, id=orphan.provider_id, name=orphan.name)
        self._told_of = {each for each in self._told_of if each[0] != provider} | present
