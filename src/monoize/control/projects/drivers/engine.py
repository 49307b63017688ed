"""The container engine in the words of this room: images, releases, networks, volumes, of ours and of nobody else.

Deployments, the reconciler and the API build on it. Each verb may be repeated after a crash: it looks for what is
there before it makes or removes anything, and touches only what bears our labels. It fails as `infra.docker` does:
`EngineGone` (unknown what happened: ask again) and `EngineRefused` (it will not, and why); `readable` turns both
into refusals where a person waits for the answer.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from monoize.control.projects.drivers import container_spec, probes
from monoize.control.projects.errors import EngineAway, EngineRefusedThis, MountNotAllowed
from monoize.control.projects.model.config import ServiceConfig, folder_allowed
from monoize.control.projects.model.instances import (
    RELEASE,
    SERVICE,
    TASK,
    ImageFacts,
    Instance,
    Login,
    Probe,
    ReleasePlan,
    instance_of,
)
from monoize.control.projects.model.ownership import Ours, bears
from monoize.infra.docker import Docker, EngineGone, EngineRefused, InTheWay, NotThere
from monoize.infra.docker_streams import Line

Said = Callable[[str], Awaitable[None]]

PULL_S: Final = 900.0
TAKEN_S_MOST: Final = 10.0
_NEVER_MOUNTED: Final = ("/boot", "/dev", "/etc", "/proc", "/root", "/run", "/sys", "/var/run", "/var/lib/docker")


@contextlib.contextmanager
def readable() -> Iterator[None]:
    """What the engine says, as a refusal that tells a person what to do."""
    try:
        yield
    except EngineGone as problem:
        raise EngineAway(detail=str(problem)[:300]) from problem
    except EngineRefused as problem:
        raise EngineRefusedThis(detail=problem.message[:1_000]) from problem


class Engine:
    """One engine, as far as it is `ours`: others may use it too."""

    def __init__(
        self, docker: Docker, ours: Ours, bind_mounts: Sequence[str] = (), kept_from: Sequence[Path] = ()
    ) -> None:
        self.docker = docker
        self.ours = ours
        self._bind_mounts = bind_mounts
        self._kept_from = kept_from
        self._making_networks = asyncio.Lock()

    # Images

    async def image(self, ref: str) -> ImageFacts | None:
        """What is here under this name or id; None when nothing is."""
        try:
            return _image_facts(await self.docker.inspect_image(ref))
        except NotThere:
            return None

    async def pull(self, image: str, login: Login | None = None, said: Said | None = None) -> ImageFacts:
        """Fetch the image. One that was made on this machine, and is in no registry, is taken as it is."""
        here = await self.image(image)
        if here is not None and (here.repo_digest is None or "@sha256:" in image):
            return here
        shown = None
        if login is not None:
            shown = {"serveraddress": login.server, "username": login.username, "password": login.password}
        try:
            async with asyncio.timeout(PULL_S):
                async for step in self.docker.pull(image, login=shown):
                    # Progress within a layer comes many times a second: only what is done is worth a line.
                    if said is not None and not step.get("progressDetail"):
                        await said(_pull_line(step))
        except TimeoutError:
            raise EngineGone(f"the image was not there after {PULL_S:.0f} s") from None
        return _image_facts(await self.docker.inspect_image(image))

    async def pin(self, image_id: str, repo: str, tag: str) -> None:
        """Give an image a name of ours, so that nothing prunes it."""
        await self.docker.tag_image(image_id, repo, tag)

    async def unpin(self, repo: str, tag: str) -> None:
        """Take our name away; the image goes with it when nobody else names or uses it."""
        with contextlib.suppress(NotThere, InTheWay):
            await self.docker.remove_image(f"{repo}:{tag}")

    async def names_in(self, repo: str) -> Sequence[tuple[str, str]]:
        """(repository, tag) of every name that we gave in a repository of ours."""
        found = await self.docker.images({"reference": [repo]})
        tags = (tag for one in found for tag in one.get("RepoTags") or [])
        return sorted((repo, tag.removeprefix(f"{repo}:")) for tag in tags if tag.startswith(f"{repo}:"))

    # Releases

    async def start_release(self, plan: ReleasePlan) -> Sequence[Instance]:
        """All its replicas run; those that are there already are kept."""
        terms = await self._ready(plan, plan.config.command)
        standing = {one.replica: one for one in await self.release_instances(plan.service_id, plan.release_id)}
        for replica in range(plan.config.replicas):
            there = standing.get(replica)
            if there is None:
                spec = container_spec.replica_spec(plan, replica, terms)
                started = await self._create(self.ours.container(plan, replica), spec)
            else:
                started = there.container_id
            if there is None or not there.running:
                await self.docker.start_container(started)
        return await self.release_instances(plan.service_id, plan.release_id)

    async def release_instances(self, service_id: int, release_id: int) -> Sequence[Instance]:
        """The replicas of one release, whatever their state."""
        found = await self._listed({SERVICE: service_id, RELEASE: release_id})
        return [one for one in found if one.task is None]

    async def instances(self, service_id: int | None = None) -> Sequence[Instance]:
        """Everything of ours, or of one service: replicas of all releases, and tasks. One call to the engine."""
        return await self._listed({} if service_id is None else {SERVICE: service_id})

    async def stop_release(self, service_id: int, release_id: int, grace_s: int) -> None:
        running = [one for one in await self.release_instances(service_id, release_id) if one.state != "exited"]
        for_each = (self._stop(one.container_id, grace_s) for one in running)
        await asyncio.gather(*for_each)

    async def remove_release(self, service_id: int, release_id: int) -> None:
        """Its replicas and the tasks of its own, running or not; volumes stay."""
        for one in await self._listed({SERVICE: service_id, RELEASE: release_id}):
            await self.remove(one.container_id)

    async def remove(self, container_id: str) -> bool:
        """Remove a container of ours at once; whether it was there."""
        try:
            await self.docker.remove_container(container_id, force=True, volumes=True)
        except NotThere:
            return False
        except InTheWay:
            # Its removal is already under way.
            return True
        return True

    async def probe(self, instance: Instance, config: ServiceConfig) -> Probe:
        return await probes.probe(instance, config)

    async def run_once(
        self, plan: ReleasePlan, command: Sequence[str], task: str, said: Said, *, within_s: float
    ) -> int:
        """Run a command in a container of its own, made like those of the release; its exit code.

        Asked for again after a crash, it is the same run, wherever that has got to, and what it says is told anew.
        """
        terms = await self._ready(plan, command)
        found = await self._listed({SERVICE: plan.service_id, TASK: task})
        container = found[0].container_id if found else None
        if container is None:
            spec = container_spec.task_spec(plan, command, task, terms)
            container = await self._create(self.ours.task(plan, task), spec)
        if not found or found[0].state == "created":
            await self.docker.start_container(container)
        try:
            async with (
                asyncio.timeout(within_s),
                contextlib.aclosing(self.docker.logs(container, follow=True)) as log,
            ):
                async for line in log:
                    await said(line.text)
            code = await self.docker.wait_container(container, within_s=30)
        except TimeoutError:
            raise EngineGone(f"the command had not ended after {within_s:.0f} s") from None
        finally:
            await self.remove(container)
        return code

    async def log_tail(self, container_id: str, lines: int) -> str:
        """The last lines, for people who ask why; empty when the container is gone."""
        try:
            return "\n".join([line.text async for line in self.docker.logs(container_id, tail=lines)])
        except (NotThere, InTheWay):
            return ""

    def exec(self, container_id: str, argv: Sequence[str]) -> "Exec":
        return Exec(self.docker, container_id, argv)

    # Networks and volumes

    async def ensure_network(self, project_id: int) -> str:
        """Its id: names of networks are not unique, and the engine makes two of one for two who ask at once."""
        async with self._making_networks:
            there = await self._networks(project_id)
            if not there:
                labels = self.ours.of_project(project_id)
                await self.docker.create_network(self.ours.network(project_id), {"Labels": labels})
                there = await self._networks(project_id)
            winner, *twins = there
            for twin in twins:
                # Of another process, a moment ago: both keep the older one. One in use goes with its project.
                with contextlib.suppress(EngineRefused):
                    await self.docker.remove_network(twin)
            return winner

    async def remove_network(self, project_id: int) -> bool:
        """Whether there was one of ours; one that is in use, or another's, is refused."""
        there = await self._networks(project_id)
        for id in there:
            with contextlib.suppress(NotThere):
                await self.docker.remove_network(id)
        return bool(there)

    async def _networks(self, project_id: int) -> Sequence[str]:
        """Ids of ours, the oldest first; InTheWay when there is one of this name that is not ours."""
        name, labels = self.ours.network(project_id), self.ours.of_project(project_id)
        named = [one for one in await self.docker.networks({"name": [name]}) if one.get("Name") == name]
        if not all(bears(one.get("Labels"), labels) for one in named):
            raise InTheWay(HTTPStatus.CONFLICT, f"there is a network {name} that is not ours")
        return [str(one["Id"]) for one in sorted(named, key=lambda one: (str(one.get("Created")), str(one["Id"])))]

    async def volumes_of(self, service_id: int) -> Sequence[str]:
        found = await self.docker.volumes({"label": self.ours.bearing({SERVICE: service_id})})
        return sorted(str(one["Name"]) for one in found)

    async def remove_volume(self, name: str) -> bool:
        try:
            await self.docker.remove_volume(name)
        except NotThere:
            return False
        return True

    def happenings(self) -> AsyncGenerator[Mapping[str, Any], None]:
        """What happens to containers of ours, as it happens, until the stream breaks."""
        return self.docker.events({"type": ["container"], "label": self.ours.bearing()})

    async def _listed(self, labels: Mapping[str, object]) -> Sequence[Instance]:
        found = await self.docker.containers({"label": self.ours.bearing(labels)})
        return sorted((instance_of(one) for one in found), key=lambda one: (one.created_at, one.name))

    async def _create(self, name: str, spec: Mapping[str, Any]) -> str:
        """Of a name that is taken: by ourselves, a moment ago, or by somebody whose container we do not touch."""
        try:
            return await self.docker.create_container(name, spec)
        except InTheWay as problem:
            there = await self._taken_by(name)
            if not there or not bears((there.get("Config") or {}).get("Labels"), spec["Labels"]):
                raise problem from None
            return str(there["Id"])

    async def _taken_by(self, name: str) -> Mapping[str, Any]:
        """A name is taken before there is anything by it: whoever asked for it at once is not done yet."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TAKEN_S_MOST):
                while True:
                    with contextlib.suppress(NotThere):
                        return await self.docker.inspect_container(name)
                    await asyncio.sleep(0.05)
        return {}

    async def _stop(self, container_id: str, grace_s: int) -> None:
        with contextlib.suppress(NotThere):
            await self.docker.stop_container(container_id, grace_s)

    async def _ready(self, plan: ReleasePlan, command: Sequence[str] | None) -> container_spec.Terms:
        """Everything that containers of this release need is there: their network, volumes, folders."""
        network = await self.ensure_network(plan.project_id)
        await self._ensure_volumes(plan)
        await self._check_folders(plan.config)
        return container_spec.Terms(self.ours, network, await self._takes_init(plan.image_id, command))

    async def _takes_init(self, image_id: str, command: Sequence[str] | None) -> bool:
        if not await self.docker.has_init():
            return False
        try:
            image = await self.docker.inspect_image(image_id)
        except NotThere:
            # Whoever makes a container of it is told so.
            return False
        return not container_spec.is_an_init(image.get("Config") or {}, command)

    async def _ensure_volumes(self, plan: ReleasePlan) -> None:
        labels = self.ours.of_service(plan.project_id, plan.service_id)
        for volume in plan.config.volumes:
            if volume.is_folder:
                continue
            name = self.ours.volume(plan.project_id, plan.service_id, volume.source)
            made = await self.docker.create_volume(name, labels)
            if not bears(made.get("Labels"), labels):
                raise InTheWay(HTTPStatus.CONFLICT, f"there is a volume {name} that is not ours")

    async def _check_folders(self, config: ServiceConfig) -> None:
        """Once more, as late as can be: a link may have been moved since the configuration was accepted."""
        for volume in config.volumes:
            if volume.is_folder:
                await self.check_folder(volume.source)

    async def check_folder(self, folder: str) -> None:
        """A folder of the machine may be mounted when it is in the list, links followed, and nothing vital."""
        resolved = await asyncio.to_thread(os.path.realpath, folder)
        kept = [str(await asyncio.to_thread(os.path.realpath, one)) for one in self._kept_from]
        vital = [*_NEVER_MOUNTED, *kept]
        inside = folder_allowed(resolved, vital)
        around = any(folder_allowed(one, [resolved]) for one in kept) or resolved == "/"
        if inside or around or not folder_allowed(resolved, self._bind_mounts):
            raise MountNotAllowed(f"The folder {folder} may not be mounted.", source=folder)


class Exec:
    """One command in a container that runs: iterate over what it says, then ask how it ended."""

    def __init__(self, docker: Docker, container_id: str, argv: Sequence[str]) -> None:
        self._docker, self._container, self._argv = docker, container_id, argv
        self._id = ""

    async def lines(self) -> AsyncGenerator[Line, None]:
        self._id = await self._docker.create_exec(self._container, self._argv)
        async with contextlib.aclosing(self._docker.run_exec(self._id)) as lines:
            async for line in lines:
                yield line

    async def exit_code(self) -> int | None:
        code = (await self._docker.inspect_exec(self._id)).get("ExitCode")
        return int(code) if isinstance(code, int) else None


def _image_facts(told: Mapping[str, Any]) -> ImageFacts:
    digests = sorted(told.get("RepoDigests") or [])
    return ImageFacts(
        id=str(told["Id"]),
        repo_digest=str(digests[0]) if digests else None,
        created_at=told.get("Created"),
        size_bytes=int(told.get("Size") or 0),
    )


def _pull_line(step: Mapping[str, Any]) -> str:
    layer = f"{step['id']}: " if step.get("id") else ""
    return f"{layer}{step.get('status') or ''}"
