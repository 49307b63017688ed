"""Brings what runs to what is wanted: at start, when the engine is back, when something happens, and each minute.

One list of the engine's containers against the rows, compared in `model.reconcile`; then the acts, each of which
may be repeated. A service is worked on by one at a time here, and left alone while a deployment of it is under way.
The engine being away changes nothing: after a few failures in a row services are said to be in an unknown state.
"""

import asyncio
import contextlib
import weakref
from collections.abc import Collection
from typing import Any, Final

import structlog

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.control.edge.house import House
from monoize.control.projects.actions import plans, starting
from monoize.control.projects.actions.bell import EntryBell
from monoize.control.projects.actions.proxy import Proxy
from monoize.control.projects.drivers.engine import Engine
from monoize.control.projects.model.reconcile import (
    Act,
    Findings,
    Lead,
    Observed,
    Recreate,
    Remove,
    Start,
    Stop,
    compare,
)
from monoize.control.projects.model.services import Service
from monoize.control.projects.store import routes, services
from monoize.infra.docker import DockerError, EngineGone, EngineRefused, NotThere, PortInUse

log = structlog.get_logger(__name__)

EVERY_S: Final = 60.0
# Things that happen come in flocks; they are looked at together.
_SETTLE_S: Final = 0.3
_FAILURES_TOLD: Final = 3
_AT_ONCE: Final = 8


class Reconciler:
    def __init__(self, house: House, engine: Engine, proxy: Proxy) -> None:
        self._house, self._database, self._engine, self._proxy = house, house.database, engine, proxy
        self.bell = EntryBell("service", "deployment")
        self.bell.ring()
        self._failures = 0
        self._locks: weakref.WeakValueDictionary[int, asyncio.Lock] = weakref.WeakValueDictionary()

    async def run(self) -> None:
        """What the clock calls: wait until there is a reason to look, and look."""
        await self.bell.heard(EVERY_S)
        await asyncio.sleep(_SETTLE_S)
        self.bell.hush()
        async with self._database.read() as tx:
            if not await services.any_at_all(tx):
                return
        try:
            await self.look()
        except EngineGone as problem:
            await self._away(problem)

    async def look(self) -> Findings:
        """Once over everything. EngineGone when the engine cannot be asked."""
        findings = await self._compared(None)
        self._failures = 0
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def one(service_id: int) -> None:
            async with at_once:
                await self._settle(service_id)

        # Decided again for each, behind its lock: what was just listed may be old by then.
        concerned = sorted({act.service_id for act in findings.acts})
        await asyncio.gather(*(one(service_id) for service_id in concerned))
        return findings

    async def one(self, service_id: int) -> None:
        """One service, now, for somebody who waits. Raises what the engine says."""
        async with self._lock(service_id):
            for act in (await self._compared(service_id)).acts:
                await self._do(act)
            await self._compared(service_id)

    async def restart(self, service_id: int) -> None:
        """Its replicas one after the other, so that not all are away at once."""
        async with self._lock(service_id):
            async with self._database.read() as tx:
                serving = (await services.serving(tx, service_id)).get(service_id)
            if serving is not None:
                for one in await self._engine.release_instances(service_id, serving.release_id):
                    await self._engine.docker.restart_container(one.container_id, serving.config.stop_grace_s)
        await self.one(service_id)

    async def _settle(self, service_id: int) -> None:
        try:
            await self.one(service_id)
        except (EngineRefused, Refusal) as problem:
            log.warning("service_not_reconciled", service_id=service_id, problem=str(problem))
            async with self._database.write() as tx:
                await services.observed(tx, service_id, {"state_reason": str(problem)[:500]}, utc_now())

    async def _compared(self, service_id: int | None) -> Findings:
        # The engine first: what a row says is then newer than what runs, and a new release is never a leftover.
        instances = await self._engine.instances(service_id)
        async with self._database.read() as tx:
            if service_id is None:
                rows: Collection[Service] = await services.every(tx)
            else:
                found = await services.find(tx, service_id)
                rows = [found] if found else []
            serving = await services.serving(tx, service_id)
            busy = await services.being_deployed(tx)
            led = await routes.led_to(tx)
        findings = compare(rows, serving, busy, led, instances)
        now = utc_now()
        async with self._database.write() as tx:
            for row in rows:
                values = _news(row, findings.observed[row.id])
                if values or row.observed_at is None or (now - row.observed_at).total_seconds() >= EVERY_S / 2:
                    await services.observed(tx, row.id, values, now)
        return findings

    async def _do(self, act: Act) -> None:
        log.info("service_reconciled", service_id=act.service_id, act=type(act).__name__.lower())
        match act:
            case Start(_, release_id, ids):
                try:
                    for id in ids:
                        with contextlib.suppress(NotThere):
                            await self._engine.docker.start_container(id)
                except PortInUse:
                    await self._start(release_id)
            case Stop(_, ids, grace_s):
                async with asyncio.TaskGroup() as together:
                    for id in ids:
                        together.create_task(self._stopped(id, grace_s))
            case Remove(_, ids):
                for id in ids:
                    await self._engine.remove(id)
            case Recreate(_, release_id):
                await self._start(release_id)
            case Lead(service_id, members):
                await self._proxy.switch(service_id, members)

    async def _start(self, release_id: int) -> None:
        async with self._database.write() as tx:
            plan = await plans.plan_of(tx, self._house.seal, release_id)

        async def say(line: str) -> None:
            log.warning("port_in_use", service_id=plan.service_id, said=line)

        members = await starting.start(self._house, self._engine, plan, say)
        await self._proxy.switch(plan.service_id, members)

    async def _stopped(self, container_id: str, grace_s: int) -> None:
        with contextlib.suppress(NotThere):
            await self._engine.docker.stop_container(container_id, grace_s)

    async def _away(self, problem: DockerError) -> None:
        self._failures += 1
        if self._failures == _FAILURES_TOLD:
            log.warning("engine_unreachable", problem=str(problem))
            async with self._database.write() as tx:
                await services.nothing_known(tx, "the container engine cannot be reached")
        # Not at once again: the engine's own events tell when it is back.
        await asyncio.sleep(min(2**self._failures, 30))
        self.bell.ring()

    def _lock(self, service_id: int) -> asyncio.Lock:
        lock = self._locks.get(service_id)
        if lock is None:
            lock = self._locks[service_id] = asyncio.Lock()
        return lock


def _news(row: Service, seen: Observed) -> dict[str, Any]:
    """What is to be written of what was seen: nothing, mostly."""
    now = {
        "observed_state": seen.state,
        "state_reason": seen.reason,
        "drifted": seen.drifted,
        "last_exit_code": seen.exit_code,
    }
    return {name: value for name, value in now.items() if getattr(row, name) != value}
