"""The builder: takes the next build, fetches its commit, has the engine build it, and asks for its deployment.

Several may run; a lease keeps each build to one of them, and the database keeps a service to one build at a time.
A builder that dies leaves its build to the next one, which begins it anew. Whatever goes wrong ends the build and
is told in its log; the service keeps running what it runs.
"""

import asyncio
import datetime as dt
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import structlog

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.base.ids import new_id
from monoize.base.principal import SYSTEM, Call
from monoize.control.edge.house import House
from monoize.control.projects.actions import deployments as deploying
from monoize.control.projects.actions.bell import EntryBell
from monoize.control.projects.actions.builds import credential_place
from monoize.control.projects.actions.leases import LEASE, Lease, LeaseLost, kept_alive
from monoize.control.projects.actions.lockdown import standing
from monoize.control.projects.actions.opening import opened
from monoize.control.projects.actions.operation_log import Voice, voice
from monoize.control.projects.drivers import builder, git
from monoize.control.projects.drivers import context as contexts
from monoize.control.projects.drivers.context import ContextRefused
from monoize.control.projects.drivers.engine import Engine
from monoize.control.projects.drivers.git import GitFailed
from monoize.control.projects.model import builds as rules
from monoize.control.projects.model.builds import Build, BuildStatus
from monoize.control.projects.store import builds, operation_lines, sources
from monoize.infra.docker import DockerError

log = structlog.get_logger(__name__)

LOOKS_EVERY_S: Final = 10.0


class _GivenUp(Exception):
    """Cancelled, or its time is over."""


class Builder:
    """One builder. Its bell wakes it up; the clock does so as well."""

    def __init__(self, house: House, engine: Engine, lease: Lease = LEASE) -> None:
        self._house = house
        self._database = house.database
        self._engine = engine
        self._lease = lease
        self._owner = new_id()
        # A push is written down with its project.
        self.bell = EntryBell("build", "project", "lockdown")
        self._folder = house.settings.data_dir / "builds"

    async def run(self) -> None:
        """Wait until there may be something to do, and do all of it."""
        await self.bell.heard(LOOKS_EVERY_S)
        await self.drain()

    async def drain(self) -> None:
        while (taken := await self._take()) is not None:
            await self._work_on(taken)

    async def _take(self) -> Build | None:
        now = utc_now()
        async with self._database.read() as tx:
            due = await builds.due(tx, now)
            if due and (await standing(tx)).locked:
                return None
        for build in due:
            async with self._database.write() as tx:
                if await builds.take(tx, build, self._owner, now=now, until=self._lease.until()):
                    return await builds.get(tx, build.id)
        return None

    async def _work_on(self, build: Build) -> None:
        folder = self._folder / str(build.id)
        try:
            async with voice(self._database, "build_id", build.id, most=rules.LINES_MOST) as speaking:
                try:
                    if reason := rules.given_up(build, utc_now()):
                        raise _GivenUp(reason)
                    async with kept_alive(self._lease, self._beat(build)):
                        await asyncio.to_thread(_emptied, folder)
                        commit, image, image_id = await self._built(build, folder, speaking)
                except (_GivenUp, GitFailed, ContextRefused, DockerError, Refusal, OSError) as problem:
                    await speaking.say(str(problem))
                    cancelled = isinstance(problem, _GivenUp) and str(problem) == "cancelled"
                    await self._over(build, "cancelled" if cancelled else "failed", {"error": str(problem)[:2_000]})
                else:
                    values = {"commit_id": commit, "image": image, "image_id": image_id}
                    await self._over(build, "success", values)
        except LeaseLost:
            log.warning("build_lost", build_id=build.id)
        except asyncio.CancelledError:
            # This server stops; the next one begins it anew, at once.
            async with self._database.write() as tx:
                await builds.change(tx, build.id, self._owner, {"lease_until": utc_now()})
            raise
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _built(self, build: Build, folder: Path, speaking: Voice) -> tuple[str, str, str]:
        """The commit, and what its image is called and is."""
        async with self._database.read() as tx:
            sealed = await sources.credential_sealed(tx, build.service_id)
            source = await sources.find(tx, build.service_id)
        credential = None
        # Only to the repository that it was given for.
        if sealed is not None and source is not None and source.repository == build.repository:
            credential = opened(self._house.seal, sealed, credential_place(build.service_id), "credential")
        await speaking.say(f"fetching {build.ref} of {build.repository}")
        repository, tar = folder / "repository", folder / "context.tar"
        commit = await git.fetch(build.repository, build.ref, repository, credential=credential, said=speaking.say)
        await speaking.say(f"building {commit}")
        await asyncio.to_thread(contexts.pack, repository, build.context, build.dockerfile, tar)
        image = self._engine.ours.built(build, commit)
        image_id = await builder.build(
            self._engine.docker,
            tar,
            dockerfile=build.dockerfile,
            image=image,
            labels=self._engine.ours.of_build(build),
            build_args=build.build_args,
            memory_mb=self._house.settings.build_memory_mb,
            said=speaking.say,
        )
        return commit, image, image_id

    def _beat(self, build: Build) -> Callable[[dt.datetime], Awaitable[None]]:
        async def beat(until: dt.datetime) -> None:
            async with self._database.write() as tx:
                now = await builds.renew(tx, build.id, self._owner, until)
            if now is None:
                raise LeaseLost
            if reason := rules.given_up(now, utc_now()):
                raise _GivenUp(reason)

        return beat

    async def _over(self, build: Build, status: BuildStatus, values: dict[str, Any]) -> None:
        async with self._house.audit_log.change(Call(SYSTEM, new_id())) as change:
            if status == "success" and build.deploys:
                asked = await deploying.enqueue(
                    change.tx,
                    build.service_id,
                    by=build.requested_by or SYSTEM.label,
                    reason=build.reason or f"build {build.id}",
                    image=values["image"],
                    build_id=build.id,
                )
                values = {**values, "deployment_id": asked.id}
            if not await builds.finish(change.tx, build.id, self._owner, {**values, "status": status}, utc_now()):
                raise LeaseLost
            await operation_lines.add(change.tx, "build_id", build.id, "state", [status])
            details = {name: values.get(name) for name in ("commit_id", "image", "deployment_id", "error")}
            change.record(f"build.{status}", "build", build.id, service_id=build.service_id, **details)


def _emptied(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "repository").mkdir(parents=True, mode=0o700)
