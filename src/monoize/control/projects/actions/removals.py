"""Deleting services and projects: wanted in one transaction, then carried out until the engine says it is true.

Each container, image name, volume and network is a line of evidence, and the rows go last. An engine that is away
puts a removal off. `forget` is for a machine that never comes back: the rows go, and the evidence says that nobody
looked. Only what bears our labels is touched, by its id.
"""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Final

import structlog

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.base.ids import new_id
from monoize.base.principal import SYSTEM, Call
from monoize.control.edge.house import House
from monoize.control.edge.wire import Page, Window
from monoize.control.projects.actions.bell import EntryBell
from monoize.control.projects.actions.proxy import Proxy
from monoize.control.projects.drivers.engine import Engine
from monoize.control.projects.errors import NameNotConfirmed, RemovalOver
from monoize.control.projects.model.removals import Evidence, Removal, pause_after, with_evidence
from monoize.control.projects.store import deployments, projects, removals, services
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx
from monoize.infra.docker import DockerError

log = structlog.get_logger(__name__)

LOOKS_EVERY_S: Final = 15.0
_AT_ONCE: Final = 20
# How long one attempt may take before somebody else tries.
_CLAIMED_FOR: Final = dt.timedelta(minutes=10)


class _StillBusy(Exception):
    """A deployment is being cancelled."""


async def remove_service(change: Change, id: int, *, name: str, with_volumes: bool) -> Removal:
    """Asked for again, it is the same removal."""
    service = await services.get(change.tx, id, lock=True)
    if name != service.name:
        raise NameNotConfirmed
    removal = await _wanted(change, service.project_id, id, service.name, with_volumes)
    change.record("service.delete", "service", id, name=service.name, with_volumes=with_volumes)
    return removal


async def remove_project(change: Change, id: int, *, name: str, with_volumes: bool) -> Removal:
    project = await projects.get(change.tx, id, lock=True)
    if name != project.name:
        raise NameNotConfirmed
    for service in await services.of_project(change.tx, id):
        await _going(change.tx, service.id)
    await projects.mark_deleting(change.tx, id, utc_now())
    removal = await _wanted(change, id, None, project.name, with_volumes)
    change.record("project.delete", "project", id, name=project.name, with_volumes=with_volumes)
    return removal


async def forget(change: Change, removal_id: int) -> Removal:
    """Give up on what the engine would have to remove."""
    removal = await removals.get(change.tx, removal_id)
    if removal.state == "done":
        raise RemovalOver
    await _rows(change.tx, removal)
    left = Evidence("engine", "everything with our labels", "forgotten", "nobody looked at the engine")
    await _over(change.tx, removal, [left])
    change.record("removal.forget", "removal", removal_id, kind=removal.kind, name=removal.name)
    return await removals.get(change.tx, removal_id)


async def get_removal(tx: Tx, id: int) -> Removal:
    return await removals.get(tx, id)


async def list_removals(tx: Tx, window: Window, *, visible: Collection[int] | None) -> Page[Removal]:
    return window.page(await removals.page(tx, window, visible=visible), lambda removal: removal.id)


class Remover:
    """Carries out what is due. Of several processes one does each, whichever is first."""

    def __init__(self, house: House, engine: Engine, proxy: Proxy) -> None:
        self._house, self._database, self._engine, self._proxy = house, house.database, engine, proxy
        self.bell = EntryBell("service", "project")
        self._next_at: dt.datetime | None = utc_now()

    async def run(self) -> None:
        """Wait until something may be due, and carry it out."""
        await self.bell.heard_by(self._next_at, LOOKS_EVERY_S)
        await self.carry_out()
        async with self._database.read() as tx:
            self._next_at = await removals.next_at(tx)

    async def carry_out(self) -> None:
        now = utc_now()
        async with self._database.read() as tx:
            due = await removals.due(tx, now, _AT_ONCE)
        for id in due:
            async with self._database.write() as tx:
                ours = await removals.claim(tx, id, now, now + _CLAIMED_FOR)
            if ours:
                await self._attempt(id)

    async def _attempt(self, id: int) -> None:
        async with self._database.read() as tx:
            removal = await removals.get(tx, id)
            if removal.service_id is not None:
                concerned: Sequence[int] = [removal.service_id]
            else:
                concerned = [service.id for service in await services.of_project(tx, removal.project_id)]
        found: list[Evidence] = []
        try:
            for service_id in concerned:
                await self._service(service_id, found, with_volumes=removal.with_volumes)
            if removal.service_id is None:
                await self._network(removal.project_id, found)
        except (DockerError, Refusal, _StillBusy) as problem:
            await self._put_off(removal, found, str(problem) or "a deployment is still being cancelled")
            return
        async with self._database.write() as tx:
            await _rows(tx, removal)
        # What is over is also gone from nginx.
        await self._proxy.follow()
        async with self._house.audit_log.change(Call(SYSTEM, new_id())) as change:
            await _over(change.tx, removal, found)
            change.record(f"{removal.kind}.removed", removal.kind, removal.service_id or removal.project_id)
        log.info("removal_done", removal_id=id, kind=removal.kind)

    async def _service(self, service_id: int, found: list[Evidence], *, with_volumes: bool) -> None:
        async with self._database.write() as tx:
            under_way = await deployments.under_way(tx, service_id)
            if under_way is not None:
                await deployments.request_cancel(tx, under_way.id)
        if under_way is not None:
            raise _StillBusy
        # Nobody is sent there any more before it stops.
        await self._proxy.switch(service_id, [])
        for one in await self._engine.instances(service_id):
            gone = await self._engine.remove(one.container_id)
            found.append(Evidence("container", one.name, "removed" if gone else "absent"))
        left = await self._engine.instances(service_id)
        found.extend(Evidence("container", one.name, "failed", "it is still there") for one in left)
        for name in await self._engine.names_in(self._engine.ours.repository(service_id)):
            await self._engine.unpin(*name)
            found.append(Evidence("image", ":".join(name), "removed"))
        for volume in await self._engine.volumes_of(service_id):
            if with_volumes:
                gone = await self._engine.remove_volume(volume)
                found.append(Evidence("volume", volume, "removed" if gone else "absent"))
            else:
                found.append(Evidence("volume", volume, "kept", "volumes were not asked for"))
        if left:
            raise _StillBusy

    async def _network(self, project_id: int, found: list[Evidence]) -> None:
        gone = await self._engine.remove_network(project_id)
        name = self._engine.ours.network(project_id)
        found.append(Evidence("network", name, "removed" if gone else "absent"))

    async def _put_off(self, removal: Removal, found: Sequence[Evidence], why: str) -> None:
        log.warning("removal_put_off", removal_id=removal.id, problem=why)
        async with self._database.write() as tx:
            await removals.change(
                tx,
                removal.id,
                {
                    "evidence": with_evidence(removal.evidence, found),
                    "error": why[:1_000],
                    "next_at": utc_now() + pause_after(removal.attempts),
                },
            )


async def _wanted(
    change: Change, project_id: int, service_id: int | None, name: str, with_volumes: bool
) -> Removal:
    if service_id is not None:
        await _going(change.tx, service_id)
    there = await removals.waiting_for(change.tx, project_id=project_id, service_id=service_id)
    if there is not None:
        return there
    return await removals.add(
        change.tx,
        "project" if service_id is None else "service",
        project_id=project_id,
        service_id=service_id,
        name=name,
        with_volumes=with_volumes,
        by=change.call.principal.label,
        now=utc_now(),
    )


async def _going(tx: Tx, service_id: int) -> None:
    await services.change(tx, service_id, {"deleting_at": utc_now(), "desired_state": "stopped"})
    waiting = await deployments.waiting(tx, service_id)
    if waiting is not None:
        await deployments.end_waiting(
            tx, waiting.id, code="cancelled", message="the service is being deleted", now=utc_now()
        )


async def _rows(tx: Tx, removal: Removal) -> None:
    """Everything else of theirs goes with these rows."""
    if removal.service_id is not None:
        await services.remove(tx, removal.service_id)
    else:
        await projects.remove(tx, removal.project_id)


async def _over(tx: Tx, removal: Removal, found: Sequence[Evidence]) -> None:
    now = utc_now()
    evidence = with_evidence(removal.evidence, found)
    await removals.change(tx, removal.id, {"state": "done", "ended_at": now, "error": None, "evidence": evidence})
