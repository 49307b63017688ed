"""Looks at each service that ought to serve, from outside, every half minute: three failures in a row are news."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from monoize.base.clock import utc_now
from monoize.control.edge.house import House
from monoize.control.projects.drivers.engine import Engine
from monoize.control.projects.model.instances import Instance, Probe
from monoize.control.projects.model.reconcile import Serving
from monoize.control.projects.model.services import Service, health_after
from monoize.control.projects.store import services
from monoize.infra.docker import DockerError

_AT_ONCE: Final = 10
_DETAIL_CHARS: Final = 500


class HealthWatch:
    def __init__(self, house: House, engine: Engine) -> None:
        self._database, self._engine = house.database, engine

    async def run(self) -> None:
        """What the clock calls. While the engine is away nothing is known, and nothing is written."""
        async with self._database.read() as tx:
            if not await services.any_at_all(tx):
                return
            every = await services.every(tx)
            serving = await services.serving(tx)
            busy = await services.being_deployed(tx)
        try:
            instances = await self._engine.instances()
        except DockerError:
            return
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def one(service: Service) -> None:
            async with at_once:
                await self._look(service, serving.get(service.id), instances)

        await asyncio.gather(*(one(service) for service in every if service.id not in busy))

    async def look_now(self, service_id: int) -> Sequence[Probe]:
        """One look at each replica, for somebody who asks. EngineGone when the engine cannot be asked."""
        async with self._database.read() as tx:
            service = await services.get(tx, service_id)
            serving = (await services.serving(tx, service_id)).get(service_id)
        return await self._look(service, serving, await self._engine.instances(service_id))

    async def _look(
        self, service: Service, serving: Serving | None, instances: Collection[Instance]
    ) -> Sequence[Probe]:
        if serving is None or service.crash_looping or service.desired_state != "running":
            if service.health_status != "unknown":
                await self._write(service.id, {"health_status": "unknown", "health_failures": 0})
            return []
        replicas = [
            one
            for one in instances
            if one.service_id == service.id and one.release_id == serving.release_id and one.task is None
        ]
        probes = [await self._engine.probe(one, serving.config) for one in replicas]
        ok = len(probes) >= serving.config.replicas and all(probe.ok for probe in probes)
        status, failures = health_after(service.health_failures, ok=ok)
        wrong = next((probe for probe in probes if not probe.ok), None)
        detail = None if ok else f"{wrong.url} {wrong.error}".strip() if wrong else "replicas are missing"
        values: dict[str, Any] = {
            "health_failures": failures,
            "health_detail": detail and detail[:_DETAIL_CHARS],
            "last_probe_at": utc_now(),
        }
        if status is not None:
            values["health_status"] = status
        await self._write(service.id, values)
        return probes

    async def _write(self, service_id: int, values: Mapping[str, Any]) -> None:
        async with self._database.write() as tx:
            await services.probed(tx, service_id, values)
