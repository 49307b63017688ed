"""Listens to what the engine says of our containers: counts crashes, stops crash loops, wakes the reconciler.

The stream is opened again whenever it breaks, after 1, 2, 4 … 30 seconds, and everything is looked at anew then,
since nobody knows what happened meanwhile. An exit that was asked for is no crash: the engine says `kill` before.
"""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

import structlog

from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.base.principal import SYSTEM, Call
from monoize.control.edge.house import House
from monoize.control.projects.actions.reconcile import Reconciler
from monoize.control.projects.drivers.engine import Engine
from monoize.control.projects.model.instances import RELEASE, SERVICE, TASK
from monoize.control.projects.model.services import Crashes, crashed
from monoize.control.projects.store import services
from monoize.infra.docker import DockerError

log = structlog.get_logger(__name__)

BACKOFF_MOST_S: Final = 30.0
_IDLE_S: Final = 5.0
_KILLED_KEPT: Final = 1_000
_TELLING: Final = frozenset({"start", "die", "destroy", "oom", "pause", "unpause"})


class EngineWatch:
    def __init__(self, house: House, engine: Engine, reconciler: Reconciler) -> None:
        self._house, self._engine, self._reconciler = house, engine, reconciler
        self._failures = 0
        # Containers that somebody asked to end, so that their exit is not taken for a crash.
        self._killed: OrderedDict[str, None] = OrderedDict()

    async def run(self) -> None:
        """What the clock calls: listen until the stream breaks."""
        async with self._house.database.read() as tx:
            if not await services.any_at_all(tx):
                # Nobody has a service: then nobody needs an engine either.
                await asyncio.sleep(_IDLE_S)
                return
        try:
            async with contextlib.aclosing(self._engine.happenings()) as happenings:
                self._reconciler.bell.ring()
                async for happening in happenings:
                    self._failures = 0
                    await self._take(happening)
        except DockerError as problem:
            if self._failures == 0:
                log.warning("engine_events_lost", problem=str(problem))
        self._failures += 1
        await asyncio.sleep(min(2 ** (self._failures - 1), BACKOFF_MOST_S))

    async def _take(self, happening: Mapping[str, Any]) -> None:
        actor = happening.get("Actor") or {}
        said: Mapping[str, str] = actor.get("Attributes") or {}
        container, what = str(actor.get("ID") or ""), str(happening.get("Action") or "")
        if TASK in said:
            return
        if what == "kill":
            self._killed[container] = None
            while len(self._killed) > _KILLED_KEPT:
                self._killed.popitem(last=False)
        asked_for = container in self._killed
        if what == "die":
            self._killed.pop(container, None)
            if not asked_for:
                await self._died(said)
        if what in _TELLING:
            self._reconciler.bell.ring()

    async def _died(self, said: Mapping[str, str]) -> None:
        told = [said.get(name, "") for name in (SERVICE, RELEASE, "exitCode")]
        if not all(each.isdecimal() for each in told):
            return
        service_id, release_id, exit_code = map(int, told)
        async with self._house.database.write() as tx:
            found = await services.find(tx, service_id)
            if found is None or found.deleting_at is not None or found.desired_state != "running":
                return
            if found.release_id != release_id:
                return
            if service_id in await services.being_deployed(tx):
                # Its deployment sees this by probing, and goes back to what served.
                return
            before = Crashes(found.restart_count, found.restart_window_at, found.crash_looping)
            after = crashed(before, exit_code, utc_now())
            counted = {
                "restart_count": after.count,
                "restart_window_at": after.window_at,
                "last_exit_code": exit_code,
            }
            await services.observed(tx, service_id, counted, utc_now())
        if after.is_loop and not before.is_loop:
            await self._give_up(service_id, after.count, exit_code)

    async def _give_up(self, service_id: int, crashes: int, exit_code: int) -> None:
        async with self._house.audit_log.change(Call(SYSTEM, new_id())) as change:
            await services.change(change.tx, service_id, {"crash_looping": True, "desired_state": "stopped"})
            change.record("service.crash_loop", "service", service_id, crashes=crashes, exit_code=exit_code)
        log.warning("service_crash_loop", service_id=service_id, crashes=crashes, exit_code=exit_code)
